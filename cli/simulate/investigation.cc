#include "cli/simulate/investigation.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/simulate/causality.h"
#include "cli/simulate/event_form.h"
#include "cli/simulate/mutant_table.h"
#include "cli/simulate/tape_facts.h"
#include "cli/simulate/trial.h"
#include "sim/report/ascii.h"
#include "sim/report/page.h"
#include "sim/report/timeline.h"
#include "sim/shrink/shrinker.h"
#include "sim/shrink/signature.h"

namespace lockstep::cli {
namespace {

// A universe that its tape leaves alone ends soon; one that does not end must not eat the budget.
constexpr Duration kTrialCpuMin = Seconds(2);
constexpr Duration kTrialCpuMax = Seconds(60);

// Between the two parts of what a recorded replay reports: the page's data, and text.
constexpr char kSeparator = '\x1e';

double InSeconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string Hex(uint64_t hash) { return absl::StrFormat("%016x", hash); }

// Replays in processes, as long as the budget lasts.
class ProcessTrials final : public sim::Trials {
 public:
  ProcessTrials(const InvestigationOptions& options, const sim::RunOptions& run, mutant::Id mutant,
                std::string signature, Duration cpu_each)
      : options_(options),
        run_(run),
        mutant_(mutant),
        signature_(std::move(signature)),
        cpu_each_(cpu_each) {}

  size_t width() const override { return std::max<size_t>(1, options_.jobs); }
  bool spent() const override { return cpu_ >= options_.shrink_cpu; }
  bool waits_for_recovery() const override { return signature_.starts_with("liveness"); }
  Duration cpu() const { return cpu_; }

  std::vector<std::optional<sim::Tape>> Run(const std::vector<sim::Tape>& tapes) override {
    std::vector<TrialJob> jobs;
    for (const sim::Tape& tape : tapes) jobs.push_back({tape.seed, mutant_, &tape, {}, {}});
    std::vector<std::optional<sim::Tape>> same;
    for (TrialResult& result : RunTrials(jobs, width(), run_, cpu_each_)) {
      cpu_ += result.cpu;
      same.emplace_back();
      if (!result.run.violation || sim::SignatureOf(*result.run.violation) != signature_) continue;
      same.back() = std::move(result.run.tape);
    }
    return same;
  }

 private:
  const InvestigationOptions& options_;
  const sim::RunOptions& run_;
  mutant::Id mutant_;
  std::string signature_;
  Duration cpu_each_;
  Duration cpu_{0};
};

class Investigator final {
 public:
  Investigator(const InvestigationOptions& options, const sim::RunOptions& run)
      : options_(options),
        run_(run),
        mutant_(options.mutant.empty() ? mutant::Id::kNone : FindMutant(options.mutant)->id) {}

  std::optional<Finding> Run(uint64_t seed, const sim::Tape* tape) {
    TrialResult first = RunTrials({{seed, mutant_, tape, {}, {}}}, 1, run_, kTrialCpuMax)[0];
    if (!first.run.violation) return std::nullopt;
    found_.signature = sim::SignatureOf(*first.run.violation);
    found_.entries_first = first.run.tape.entries.size();
    found_.first = std::move(first.run);
    found_.shrunk = found_.first;
    cpu_each_ = std::clamp(5 * first.cpu, kTrialCpuMin, kTrialCpuMax);
    Shrink();
    Keep();
    if (options_.report) Show();
    Describe();
    return std::move(found_);
  }

 private:
  void Shrink() {
    if (options_.shrink_cpu == Duration(0)) return;
    ProcessTrials trials(options_, run_, mutant_, found_.signature, cpu_each_);
    sim::Shrinker shrinker(trials, [&](const sim::ShrinkProgress& progress) {
      if (!options_.progress) return;
      std::fprintf(stderr, "\rshrinking: %zu of %zu entries, %llu replays, %.0f s CPU, %s\033[K",
                   progress.entries, progress.entries_first,
                   static_cast<unsigned long long>(progress.replays), InSeconds(trials.cpu()),
                   progress.phase.c_str());
    });
    std::optional<sim::Tape> shrunk = shrinker.Shrink(found_.first.tape);
    if (options_.progress) std::fprintf(stderr, "\r\033[K");
    found_.replays = shrinker.progress().replays;
    found_.cpu = trials.cpu();
    if (!shrunk) {
      absl::StrAppend(&found_.text, "not shrunk: its tape does not fail in the same way\n");
      return;
    }
    found_.restated = RestateByEvents(*shrunk, mutant_, run_, trials);
    found_.shrunk =
        RunTrials({{shrunk->seed, mutant_, &*shrunk, {}, {}}}, 1, run_, cpu_each_)[0].run;
  }

  // What a person reads first.
  void Describe() {
    const sim::RunResult& run = found_.shrunk;
    std::string text = absl::StrFormat(
        "FAIL %s  seed=%d  hash=%s  events=%d  vtime=%.3fs\n %s (%s)\n", run.violation->oracle,
        found_.first.seed, Hex(run.hash), run.events, InSeconds(run.virtual_time),
        sim::ShowVerdict(run.violation->verdict), run.violation->where);
    if (!found_.tape_file.empty()) {
      absl::StrAppendFormat(
          &text,
          "shrunk: lockstep sim --tape %s   (%d of %d entries, %d replays, %.1f s CPU)\n"
          "keep  : cp %s tests/sim/tapes/   (every tape there is replayed by ctest)\n",
          found_.tape_file, run.tape.entries.size(), found_.entries_first, found_.replays,
          InSeconds(found_.cpu), found_.tape_file);
      absl::StrAppend(&text, "page  : ", found_.page_file, "\n");
    }
    found_.text = text + found_.text;
  }

  // The tape as a file that replays by itself.
  void Keep() {
    sim::Tape& tape = found_.shrunk.tape;
    AddFacts(options_.universe, options_.mutant, tape);
    tape.with["signature"] = found_.signature;
    tape.with["hash"] = Hex(found_.shrunk.hash);
    if (options_.directory.empty()) return;
    std::error_code error;
    std::filesystem::create_directories(options_.directory, error);
    const std::string stem =
        absl::StrCat(options_.directory, "/", options_.mutant, options_.mutant.empty() ? "" : "-",
                     sim::FileNameOf(found_.signature));
    found_.tape_file = stem + ".tape";
    found_.page_file = stem + ".html";
    const checkers::Violation& violation = *found_.shrunk.violation;
    std::ofstream(found_.tape_file) << tape.ToText(
        {absl::StrCat(violation.oracle, " (", violation.where, ")"),
         absl::StrCat("found by seed ", found_.first.seed, ", ", tape.entries.size(), " of ",
                      found_.entries_first, " entries, ", found_.replays, " replays")});
  }

  // Once more, with somebody who takes notes.
  void Show() {
    const sim::RunResult& run = found_.shrunk;
    if (options_.curve) {
      CausalityOptions how;
      how.workers = std::max<size_t>(1, options_.jobs);
      how.cpu_each_max = cpu_each_;
      if (options_.progress) std::fprintf(stderr, "\rmeasuring when it was decided\033[K");
      found_.curve = MeasureCurve(run, mutant_, found_.signature, run_, how);
      if (options_.progress) std::fprintf(stderr, "\r\033[K");
    }
    sim::Timeline timeline;
    TrialJob job{run.seed, mutant_, &run.tape, {}, {}};
    job.prepare = [&](sim::RunOptions& run_options) { run_options.recorder = &timeline; };
    job.report = [&] {
      timeline.MarkOffenders(run.violation->verdict);
      return absl::StrCat(sim::TimelineJson(timeline), std::string(1, kSeparator),
                          TimelineText(timeline));
    };
    const std::string report = RunTrials({job}, 1, run_, cpu_each_)[0].report;
    const size_t end = report.find(kSeparator);
    if (end == std::string::npos) {
      absl::StrAppend(&found_.text, "no timeline: the process died before it was told\n");
      return;
    }
    found_.text += report.substr(end + 1);
    if (!found_.page_file.empty()) {
      std::ofstream(found_.page_file) << sim::Page(Head(), report.substr(0, end));
    }
  }

  std::string TimelineText(const sim::Timeline& timeline) const {
    std::string text = absl::StrCat("disasters:\n", sim::DisasterList(timeline),
                                    sim::AsciiTimeline(timeline), sim::ShowCurve(found_.curve));
    const std::string guilty =
        sim::HappenedIn(timeline, found_.curve.guilty_from_ns, found_.curve.guilty_to_ns);
    if (!guilty.empty()) absl::StrAppend(&text, "in it              :  ", guilty, "\n");
    return text + sim::LastEvents(timeline);
  }

  sim::PageHead Head() const {
    const sim::RunResult& run = found_.shrunk;
    sim::PageHead head;
    head.oracle = run.violation->oracle;
    head.verdict = run.violation->verdict;
    head.where = run.violation->where;
    head.facts = {
        {"seed", absl::StrCat(found_.first.seed)},
        {"hash", Hex(run.hash)},
        {"events", absl::StrCat(run.events)},
        {"tape", absl::StrCat(run.tape.entries.size(), " of ", found_.entries_first, " entries")}};
    if (!options_.mutant.empty()) {
      head.facts.emplace_back(
          "planted bug", absl::StrCat(options_.mutant, ", ", FindMutant(options_.mutant)->breaks));
    }
    head.commands = {{"replay", "lockstep sim --tape " + found_.tape_file},
                     {"keep", absl::StrCat("cp ", found_.tape_file, " tests/sim/tapes/")}};
    head.curve = found_.curve;
    return head;
  }

  const InvestigationOptions& options_;
  const sim::RunOptions& run_;
  mutant::Id mutant_;
  Duration cpu_each_{0};
  Finding found_;
};

}  // namespace

std::optional<Finding> Investigate(uint64_t seed, const sim::Tape* tape,
                                   const InvestigationOptions& options,
                                   const sim::RunOptions& run) {
  return Investigator(options, run).Run(seed, tape);
}

}  // namespace lockstep::cli
