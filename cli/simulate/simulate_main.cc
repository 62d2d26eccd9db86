// lockstep-sim: universes by seed, every history checked. `lockstep sim` runs it.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "cli/simulate/flags.h"
#include "cli/simulate/guidance.h"
#include "cli/simulate/hunt.h"
#include "cli/simulate/mutant_table.h"
#include "cli/simulate/seed_run.h"
#include "cli/simulate/tape_run.h"
#include "framework/base/mutant_on.h"

namespace lockstep::cli {
namespace {

constexpr int kWrongUsage = 2;

struct Command final {
  Flags flags;
  SeedRunOptions seeds;
  bool has_seed = false;
  bool mutants = false;
  bool guidance = false;
  bool twin = false;
  bool shrinks = false;  // --shrink-for was given
  MutantTableOptions table;
  unsigned cpu_each = 120;
  std::string tape;
};

// "90", "90s", "10m", "8h"; zero if it is no such thing.
Duration ParseTime(const std::string& text) {
  size_t digits = text.find_first_not_of("0123456789");
  if (digits == std::string::npos) digits = text.size();
  const std::string unit = text.substr(digits);
  int64_t number = 0;
  if (!absl::SimpleAtoi(text.substr(0, digits), &number)) return Duration(0);
  if (unit.empty() || unit == "s") return Seconds(number);
  if (unit == "m") return Seconds(60 * number);
  if (unit == "h") return Seconds(3600 * number);
  return Duration(0);
}

// "I/N", I counted from zero.
bool ParseShard(const std::string& text, HuntOptions& hunt) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  return parts.size() == 2 && absl::SimpleAtoi(parts[0], &hunt.shard) &&
         absl::SimpleAtoi(parts[1], &hunt.shards) && hunt.shard < hunt.shards;
}

bool KnowsMutant(const std::string& name) {
  if (name.empty() || FindMutant(name) != nullptr) return true;
  std::fprintf(stderr, "--mutant %s: there is no such bug; known are", name.c_str());
  for (const MutantInfo& info : AllMutants()) std::fprintf(stderr, " %s", info.name);
  std::fprintf(stderr, "\n");
  return false;
}

// Those that are named, separated by commas; all, if none is. Empty: one is not known.
std::vector<MutantInfo> ChosenMutants(const std::string& names) {
  std::vector<MutantInfo> chosen;
  if (names.empty()) chosen = AllMutants();
  for (const absl::string_view name : absl::StrSplit(names, ',', absl::SkipEmpty())) {
    if (!KnowsMutant(std::string(name))) return {};
    chosen.push_back(*FindMutant(std::string(name)));
  }
  std::erase_if(chosen, [](const MutantInfo& info) { return info.is_of_simulator; });
  return chosen;
}

int RunTable(const Command& command) {
  const Flags& flags = command.flags;
  const std::vector<MutantInfo> chosen = ChosenMutants(flags.mutant);
  if (chosen.empty()) return kWrongUsage;
  MutantTableOptions table = command.table;
  if (command.seeds.count > 1) table.seeds_max = command.seeds.count;
  if (command.has_seed) table.first_seed = command.seeds.first;
  table.cpu_max = Seconds(command.cpu_each);
  table.shrink_cpu = Seconds(flags.shrink_seconds);
  table.jobs = flags.jobs;
  table.universe = flags.universe;
  const absl::StatusOr<size_t> missed =
      command.mutants ? PrintMutantTable(chosen, table) : CompareGuidance(chosen, table);
  if (missed.ok()) return *missed > 0 ? 1 : 0;
  std::fprintf(stderr, "%s\n", std::string(missed.status().message()).c_str());
  return kWrongUsage;
}

int RunCommand(Command& command) {
  if (!command.tape.empty()) {
    InvestigationOptions how = InvestigationOf(command.flags);
    if (!command.shrinks) how.shrink_cpu = Duration(0);
    return RunTapeFile(command.tape, how);
  }
  const Flags& flags = command.flags;
  if (command.mutants || command.guidance) return RunTable(command);
  if (!KnowsMutant(flags.mutant)) return kWrongUsage;
  const auto run = MakeRunOptions(flags.universe);
  if (!run.ok()) {
    std::fprintf(stderr, "%s\n", std::string(run.status().message()).c_str());
    return kWrongUsage;
  }
  if (command.twin) {
    mutant::Plant(flags.mutant.empty() ? mutant::Id::kNone : FindMutant(flags.mutant)->id);
    return ServeTwin(*run);
  }
  if (!command.has_seed) command.seeds.first = std::random_device{}() % 1'000'000'000;
  return RunSeeds(command.seeds, flags, *run);
}

int RunHunt(const Flags& flags, HuntOptions& hunt, const std::string& time,
            const std::string& shard) {
  hunt.time = ParseTime(time);
  if (hunt.time == Duration(0)) {
    std::fprintf(stderr, "--for %s: expected a time such as 90s, 10m or 8h\n", time.c_str());
    return kWrongUsage;
  }
  if (!ParseShard(shard, hunt)) {
    std::fprintf(stderr, "--shard %s: expected I/N with I below N, such as 0/4\n", shard.c_str());
    return kWrongUsage;
  }
  if (!KnowsMutant(flags.mutant)) return kWrongUsage;
  const auto run = MakeRunOptions(flags.universe);
  if (!run.ok()) {
    std::fprintf(stderr, "%s\n", std::string(run.status().message()).c_str());
    return kWrongUsage;
  }
  hunt.investigation = InvestigationOf(flags);
  hunt.doubling = DoublingOf(flags);
  return Hunt(hunt, *run);
}

void AddCommand(CLI::App& app, Command& command, CLI::Option*& seed) {
  AddFlags(app, command.flags);
  app.add_option("--seeds", command.seeds.count, "How many seeds")->check(CLI::PositiveNumber);
  seed = app.add_option("--seed", command.seeds.first, "The first seed (default: random)");
  app.add_flag("--mutants", command.mutants,
               "Plant each bug in turn; print after how many seeds it is found, and by whom");
  app.add_flag("--guidance", command.guidance,
               "Hunt each planted bug at random and guided by coverage, and compare");
  app.add_option("--repeats", command.table.repeats, "With --mutants: hunt each so many times")
      ->check(CLI::Range(1, 100));
  app.add_option("--cpu-each", command.cpu_each,
                 "With --mutants: give up after so many seconds of processor time")
      ->capture_default_str();
  app.add_option("--state", command.table.state,
                 "With --mutants: what is in this file is not done again; each attempt is added")
      ->capture_default_str();
  app.add_option("--markdown", command.table.markdown, "With --mutants: write the table there");
  app.add_flag("--require-faults", command.seeds.require_faults,
               "Fail if some class of faults never took effect");
  app.add_flag(
      "--require-marks", command.seeds.require_marks,
      "Fail if some mark (a state that must sometimes be reached) never was; rare ones may");
  app.add_flag("--json", command.seeds.json, "One line of JSON per seed");
  app.add_option("--tape", command.tape, "Replay this tape; with --shrink-for, shrink it again");
  app.add_option("--failures", command.flags.failures, "Where shrunk failures go")
      ->capture_default_str();
  app.add_flag("--twin", command.twin)->group("");  // for --double
}

int Main(int argc, char** argv) {
  Command command;
  command.flags.jobs = std::thread::hardware_concurrency();
  CLI::App app{
      "Runs the KV service in simulated universes, one per seed, and checks every history.\n"
      "The same seed gives the same universe, event by event. Exit code: 0 all passed, 1 a\n"
      "violation (or, with --mutants, a bug that was not found), 2 wrong usage.",
      "lockstep sim"};
  CLI::Option* seed = nullptr;
  AddCommand(app, command, seed);
  app.require_subcommand(0, 1);

  Flags hunt_flags;
  hunt_flags.jobs = command.flags.jobs;
  hunt_flags.double_percent = 5;
  HuntOptions hunt;
  std::string time = "10m";
  std::string shard = "0/1";
  CLI::App* hunt_app = app.add_subcommand("hunt", "Seed after seed; keeps and shrinks what fails");
  AddFlags(*hunt_app, hunt_flags);
  hunt_app->add_option("--for", time, "How long: 90s, 10m, 8h")->capture_default_str();
  hunt_app->add_option("--corpus", hunt.corpus, "Directory; a hunt that is there goes on")
      ->capture_default_str();
  hunt_app->add_option("--from", hunt.first_seed, "The first seed")->capture_default_str();
  hunt_app->add_option("--shard", shard, "I/N: every N-th seed, from the I-th")
      ->capture_default_str();
  hunt_app->add_flag("--json", hunt.json, "Also print what is known as JSON");

  std::vector<std::string> directories;
  std::string out;
  CLI::App* merge = app.add_subcommand("merge", "Add up hunts");
  merge->add_option("corpus", directories, "Their directories")->required();
  merge->add_option("--out", out, "Where the sum goes; else it is only printed");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  if (hunt_app->parsed()) return RunHunt(hunt_flags, hunt, time, shard);
  if (merge->parsed()) return MergeHunts(directories, out);
  command.has_seed = seed->count() > 0;
  command.shrinks = app.count("--shrink-for") > 0;
  return RunCommand(command);
}

}  // namespace
}  // namespace lockstep::cli

int main(int argc, char** argv) { return lockstep::cli::Main(argc, argv); }
