#include "cli/simulate/tape_run.h"

#include <cinttypes>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/simulate/investigation.h"
#include "cli/simulate/mutant_table.h"
#include "cli/simulate/tape_facts.h"
#include "cli/simulate/trial.h"
#include "sim/shrink/signature.h"

namespace lockstep::cli {
namespace {

int Refuse(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return 2;
}

// What the replay has in common with the run that the tape is of.
std::string Compare(const TapeFacts& facts, const sim::RunResult& run) {
  const std::string hash = absl::StrFormat("%016x", run.hash);
  std::string text;
  if (!facts.hash.empty() && facts.hash == hash) return "the same universe as when it was kept\n";
  if (!facts.hash.empty()) {
    absl::StrAppend(&text, "not the same universe as when it was kept (hash ", facts.hash,
                    "): the code has changed since\n");
  }
  if (run.unused_entries > 0) {
    absl::StrAppend(&text, run.unused_entries, " entries of the tape were not asked for\n");
  }
  return text;
}

}  // namespace

int RunTapeFile(const std::string& path, const InvestigationOptions& how) {
  const auto tape = ReadTapeFile(path);
  if (!tape.ok()) return Refuse(tape.status());
  if (tape->version != sim::Tape::kVersion) {
    std::printf("%s is of version %" PRIu64 ", this is version %" PRIu64 ": trying anyway\n",
                path.c_str(), tape->version, sim::Tape::kVersion);
  }
  auto facts = FactsOf(*tape);
  if (!facts.ok()) {
    return Refuse(absl::InvalidArgumentError(absl::StrCat(path, ": ", facts.status().message())));
  }
  auto options = MakeRunOptions(facts->universe);
  if (!options.ok() && facts->universe.profile != UniverseOptions().profile) {
    // Its rates are on the tape; only what is drawn afresh needs the profile.
    std::printf("%s: the default profile instead\n",
                std::string(options.status().message()).c_str());
    facts->universe.profile = UniverseOptions().profile;
    options = MakeRunOptions(facts->universe);
  }
  if (!options.ok()) return Refuse(options.status());
  const mutant::Id bug = facts->mutant.empty() ? mutant::Id::kNone : FindMutant(facts->mutant)->id;
  const sim::RunResult run =
      RunTrials({{tape->seed, bug, &*tape, {}, {}}}, 1, *options, Seconds(60))[0].run;
  std::printf("tape %s  seed %" PRIu64 "  hash %016" PRIx64 "  events %" PRIu64 "  vtime %.3fs\n%s",
              path.c_str(), run.seed, run.hash, run.events,
              std::chrono::duration<double>(run.virtual_time).count(),
              Compare(*facts, run).c_str());
  if (!run.violation) {
    std::printf("passed\n");
    return 0;
  }
  if (!facts->signature.empty() && facts->signature != sim::SignatureOf(*run.violation)) {
    std::printf("not the failure that the tape was kept for, which was %s\n",
                facts->signature.c_str());
  }
  InvestigationOptions mine = how;
  mine.universe = facts->universe;
  mine.mutant = facts->mutant;
  if (mine.shrink_cpu == Duration(0)) {
    mine.curve = false;
    mine.directory.clear();
  }
  const auto finding = Investigate(tape->seed, &*tape, mine, *options);
  if (finding) std::printf("%s", finding->text.c_str());
  return 1;
}

}  // namespace lockstep::cli
