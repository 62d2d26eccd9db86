#include "cli/simulate/guidance.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/simulate/trial.h"
#include "framework/base/checksum.h"
#include "framework/base/random.h"
#include "framework/base/status_macros.h"

namespace lockstep::cli {
namespace {

constexpr Duration kRunCpuMax = Seconds(20);
// Of two searches for the same bug, repeats begin this many seeds apart.
constexpr uint64_t kRepeatSeeds = 1'000'000;
// Runs from which others go on; the newest stay.
constexpr size_t kKeptMax = 64;

// One search for one bug.
struct Outcome final {
  bool found = false;
  uint64_t runs = 0;
  double cpu_seconds = 0;
  size_t features = 0;  // abstract states and marks (by order of magnitude) that were seen
};

class Search final {
 public:
  Search(mutant::Id bug, uint64_t first_seed, bool is_guided, const MutantTableOptions& options,
         const sim::RunOptions& run)
      : bug_(bug),
        first_seed_(first_seed),
        is_guided_(is_guided),
        options_(options),
        run_(run),
        random_(base::Mix64(first_seed)) {}

  Outcome Run() {
    while (outcome_.runs < options_.seeds_max && !outcome_.found &&
           outcome_.cpu_seconds < static_cast<double>(options_.cpu_max / Seconds(1))) {
      ++outcome_.runs;
      const bool goes_on = is_guided_ && !kept_.empty() && random_.Below(2) == 0;
      Take(goes_on ? GoOn() : RunOne({next_seed(), bug_, nullptr, {}, {}}, 0, 0));
    }
    outcome_.features = features_.size();
    return outcome_;
  }

 private:
  uint64_t next_seed() { return first_seed_ + seeds_++; }

  // From some moment of a run that went somewhere new.
  TrialResult GoOn() {
    const size_t newest = std::min(kept_.size(), kKeptMax);
    const sim::RunResult& from = kept_[kept_.size() - 1 - random_.Below(newest)];
    const auto most = static_cast<uint64_t>(from.virtual_time.count());
    const auto moment =
        static_cast<int64_t>(most / 20 + random_.Below(std::max<uint64_t>(1, most)));
    return RunOne({from.seed, bug_, &from.tape, {}, {}}, moment, 1 + random_.Next());
  }

  // With a salt: drawn afresh from that moment on. Reports the abstract states that it passed.
  TrialResult RunOne(TrialJob job, int64_t moment_ns, uint64_t salt) const {
    std::set<uint64_t> states;
    bool is_fresh = salt == 0;
    job.prepare = [&](sim::RunOptions& options) {
      options.on_look = [&](sim::RunControl& control) {
        states.insert(control.AbstractState());
        if (is_fresh || control.now().ns < moment_ns) return;
        is_fresh = true;
        control.GoFresh(salt);
      };
    };
    job.report = [&] {
      std::string text;
      for (const uint64_t state : states) absl::StrAppend(&text, state, " ");
      return text;
    };
    return std::move(RunTrials({job}, 1, run_, kRunCpuMax)[0]);
  }

  void Take(TrialResult result) {
    outcome_.cpu_seconds += std::chrono::duration<double>(result.cpu).count();
    outcome_.found = result.run.violation.has_value();
    bool is_news = false;
    std::istringstream states(result.report);
    for (uint64_t state = 0; states >> state;) is_news |= features_.insert(state).second;
    for (const auto& [mark, count] : result.run.marks) {
      const auto magnitude = static_cast<uint64_t>(std::bit_width(count));
      is_news |= count > 0 && features_.insert(base::Checksum64(mark, magnitude)).second;
    }
    if (is_guided_ && is_news) kept_.push_back(std::move(result.run));
  }

  mutant::Id bug_;
  uint64_t first_seed_;
  bool is_guided_;
  const MutantTableOptions& options_;
  const sim::RunOptions& run_;
  base::SequentialRandom random_;
  uint64_t seeds_ = 0;
  std::set<uint64_t> features_;
  std::vector<sim::RunResult> kept_;
  Outcome outcome_;
};

// Searches of one kind for one bug, as geometric means; those in vain count with what they cost.
struct Mean final {
  size_t found = 0;
  size_t searches = 0;
  double log_runs = 0;
  double log_cpu = 0;
  double features = 0;

  void Add(const Outcome& outcome) {
    found += outcome.found ? 1 : 0;
    ++searches;
    log_runs += std::log(static_cast<double>(outcome.runs));
    log_cpu += std::log(std::max(0.01, outcome.cpu_seconds));
    features += static_cast<double>(outcome.features);
  }
  double runs() const { return std::exp(log_runs / static_cast<double>(searches)); }
  double cpu() const { return std::exp(log_cpu / static_cast<double>(searches)); }
  std::string ToCells() const {
    return absl::StrFormat("%d of %d | %.1f | %.1f | %.0f", found, searches, runs(), cpu(),
                           features / static_cast<double>(searches));
  }
};

}  // namespace

absl::StatusOr<size_t> CompareGuidance(const std::vector<MutantInfo>& mutants,
                                       const MutantTableOptions& options) {
  size_t missed = 0;
  std::string text =
      "| Bug | Profile | Random: found | Runs | CPU s | Features | Guided: found | Runs | CPU "
      "s | Features | Ratio of runs |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|\n";
  double log_ratio = 0;
  for (const MutantInfo& info : mutants) {
    MutantTableOptions with_profile = options;
    if (options.universe.profile == UniverseOptions().profile) {
      with_profile.universe.profile = info.profile;
    }
    ASSIGN_OR_RETURN(const sim::RunOptions run, MakeRunOptions(with_profile.universe));
    Mean random;
    Mean guided;
    for (uint64_t repeat = 0; repeat < options.repeats; ++repeat) {
      const uint64_t first = options.first_seed + repeat * kRepeatSeeds;
      random.Add(Search(info.id, first, false, options, run).Run());
      guided.Add(Search(info.id, first, true, options, run).Run());
    }
    missed += random.found + guided.found == 0 ? 1 : 0;
    log_ratio += std::log(guided.runs() / random.runs());
    const std::string row = absl::StrCat(
        "| ", info.name, " | ", with_profile.universe.profile, " | ", random.ToCells(), " | ",
        guided.ToCells(), " | ", absl::StrFormat("%.2f", guided.runs() / random.runs()), " |\n");
    std::printf("%s", row.c_str());
    std::fflush(stdout);
    text += row;
  }
  absl::StrAppendFormat(&text,
                        "\nSearches in vain count with what they cost. Guided needs %.2f times the "
                        "runs of random (geometric mean).\n",
                        std::exp(log_ratio / static_cast<double>(mutants.size())));
  std::printf("\n%s", text.c_str());
  if (!options.markdown.empty()) std::ofstream(options.markdown) << text;
  return missed;
}

}  // namespace lockstep::cli
