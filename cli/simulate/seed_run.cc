#include "cli/simulate/seed_run.h"

#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/simulate/mutant_table.h"
#include "cli/simulate/seed_pool.h"
#include "cli/simulate/seed_result_json.h"
#include "framework/base/random.h"
#include "sim/report/timeline.h"
#include "sim/shrink/signature.h"

namespace lockstep::cli {
namespace {

// Totals of a run of many seeds.
struct Summary final {
  uint64_t seeds = 0;
  uint64_t failed = 0;
  uint64_t events = 0;
  uint64_t completed = 0;
  uint64_t invoked = 0;
  uint64_t two_shards = 0;
  uint64_t doubles = 0;
  double virtual_seconds = 0;
  uint64_t hash = 0;  // of all hashes, in no order
  sim::FaultCounters faults;
  std::map<std::string, uint64_t> marks;

  void Add(const sim::RunResult& result) {
    ++seeds;
    failed += result.violation ? 1 : 0;
    events += result.events;
    completed += result.completed;
    invoked += result.invoked;
    doubles += result.is_double ? 1 : 0;
    two_shards += result.shards == 2 ? 1 : 0;
    virtual_seconds += std::chrono::duration<double>(result.virtual_time).count();
    hash += base::Mix64(result.hash ^ result.seed);
    for (const auto& [mark, count] : result.marks) marks[mark] += count;
    for (size_t i = 0; i < static_cast<size_t>(sim::FaultClass::kCount); ++i) {
      const auto fault = static_cast<sim::FaultClass>(i);
      faults.Add(fault, result.faults.of(fault));
    }
  }
};

std::string ReplayCommand(const Flags& flags, uint64_t seed) {
  std::vector<std::string> words = UniverseArguments(flags);
  words.insert(words.begin(), {"lockstep", "sim", "--seed", std::to_string(seed)});
  return absl::StrJoin(words, " ");
}

void PrintFailure(const Flags& flags, const sim::RunResult& result) {
  std::printf("\nFAIL %s  seed=%" PRIu64 "  hash=%016" PRIx64 "  events=%" PRIu64
              "  vtime=%.3fs\n  %s (%s)\n",
              result.violation->oracle.c_str(), result.seed, result.hash, result.events,
              std::chrono::duration<double>(result.virtual_time).count(),
              sim::ShowVerdict(result.violation->verdict).c_str(), result.violation->where.c_str());
  std::printf("  repro: %s\n", ReplayCommand(flags, result.seed).c_str());
  std::fflush(stdout);
}

// Returns how many classes never took effect although the profile has them.
size_t PrintFaults(const Summary& summary, const sim::FaultProfile& profile) {
  size_t silent = 0;
  std::printf("faults that took effect:\n");
  for (size_t i = 0; i < static_cast<size_t>(sim::FaultClass::kCount); ++i) {
    const auto fault = static_cast<sim::FaultClass>(i);
    const uint64_t count = summary.faults.of(fault);
    const bool is_on = sim::MayTakeEffect(profile, fault);
    silent += count == 0 && is_on ? 1 : 0;
    std::printf("  %-26s %12" PRIu64 "%s\n", std::string(sim::NameOf(fault)).c_str(), count,
                !is_on       ? "  (off)"
                : count == 0 ? "  NEVER"
                             : "");
  }
  return silent;
}

size_t PrintMarks(const Summary& summary) {
  size_t silent = 0;
  std::printf("marks that were reached:\n");
  for (const auto& [mark, count] : summary.marks) {
    const bool is_rare = IsRareMark(mark);
    silent += count == 0 && !is_rare ? 1 : 0;
    std::printf("  %-36s %12" PRIu64 "%s%s\n", mark.c_str(), count, count == 0 ? "  NEVER" : "",
                is_rare ? "  (rare)" : "");
  }
  return silent;
}

void PrintTotals(const Summary& summary, double wall, size_t jobs) {
  std::printf("%" PRIu64 " seeds (%" PRIu64 " with two shards per node, %" PRIu64
              " run twice), %" PRIu64 " failed; %" PRIu64 " of %" PRIu64 " operations answered\n",
              summary.seeds, summary.two_shards, summary.doubles, summary.failed, summary.completed,
              summary.invoked);
  std::printf("%.1f s: %.1f seeds/s, %.0f events/s, %.0fx real time (%zu processes)\n", wall,
              static_cast<double>(summary.seeds) / wall, static_cast<double>(summary.events) / wall,
              summary.virtual_seconds / wall, jobs);
}

// The first failure of each kind is shrunk, shown and kept.
class Follower final {
 public:
  explicit Follower(const Flags& flags) : flags_(flags) {}

  void Saw(const sim::RunResult& result) {
    if (!signatures_.insert(sim::SignatureOf(*result.violation)).second) return;
    (result.violation->oracle == "determinism" ? astray_ : failed_).push_back(result.seed);
  }
  void Follow(const sim::RunOptions& run) const {
    for (const uint64_t seed : astray_) {
      std::printf("\nseed %" PRIu64 " is not the same universe in two processes\n%s", seed,
                  FindDivergence(seed, UniverseArguments(flags_)).c_str());
    }
    if (flags_.shrink_seconds == 0) return;
    for (const uint64_t seed : failed_) {
      const auto finding = Investigate(seed, nullptr, InvestigationOf(flags_), run);
      if (finding) std::printf("\n%s", finding->text.c_str());
    }
  }

 private:
  const Flags& flags_;
  std::set<std::string> signatures_;
  std::vector<uint64_t> failed_;
  std::vector<uint64_t> astray_;
};

}  // namespace

int RunSeeds(const SeedRunOptions& options, const Flags& flags, const sim::RunOptions& run) {
  std::vector<SeedRange> ranges;
  const size_t jobs = std::max<size_t>(1, flags.jobs);
  const mutant::Id bug = flags.mutant.empty() ? mutant::Id::kNone : FindMutant(flags.mutant)->id;
  for (size_t i = 0; i < jobs; ++i) {
    ranges.push_back({options.first + i, jobs, options.first + options.count, bug});
  }
  Summary summary;
  Follower follower(flags);
  uint64_t last_hash = 0;
  const auto start = std::chrono::steady_clock::now();
  const auto on_result = [&](const SeedRange&, const sim::RunResult& result) {
    summary.Add(result);
    last_hash = result.hash;
    if (options.json) std::printf("%s\n", ToJson(result).c_str());
    if (result.violation && !options.json) PrintFailure(flags, result);
    if (result.violation) follower.Saw(result);
    if (isatty(STDERR_FILENO) != 0) {
      std::fprintf(stderr, "\r%" PRIu64 "/%" PRIu64 " seeds, %" PRIu64 " failed ", summary.seeds,
                   options.count, summary.failed);
    }
    return true;
  };
  RunRanges(ranges, jobs, run, on_result, DoublingOf(flags));
  const double wall =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (options.json) return summary.failed > 0 ? 1 : 0;
  if (options.count == 1) {
    std::printf("seed %" PRIu64 " hash %016" PRIx64 " events %" PRIu64 "\n", options.first,
                last_hash, summary.events);
  }
  PrintTotals(summary, wall, jobs);
  follower.Follow(run);
  if (options.count == 1) return summary.failed > 0 ? 1 : 0;
  const size_t silent = PrintFaults(summary, run.profile);
  if (options.require_faults && silent > 0) {
    std::printf("%zu fault class(es) never took effect\n", silent);
    return 1;
  }
  const size_t unreached = PrintMarks(summary);
  if (options.require_marks && unreached > 0) {
    std::printf("%zu mark(s) were never reached\n", unreached);
    return 1;
  }
  return summary.failed > 0 ? 1 : 0;
}

}  // namespace lockstep::cli
