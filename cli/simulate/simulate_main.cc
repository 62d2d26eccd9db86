// lockstep-sim: universes by seed, every history checked. `lockstep sim` runs it.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "cli/simulate/investigation.h"
#include "cli/simulate/mutant_table.h"
#include "cli/simulate/seed_pool.h"
#include "cli/simulate/seed_result_json.h"
#include "cli/simulate/tape_run.h"
#include "cli/simulate/universe.h"
#include "framework/base/mutant_on.h"
#include "sim/interpose.h"
#include "sim/shrink/signature.h"

namespace lockstep::cli {
namespace {

struct Flags final {
  UniverseOptions universe;
  uint64_t seeds = 1;
  uint64_t seed = 0;
  bool has_seed = false;
  size_t jobs = std::thread::hardware_concurrency();
  std::string mutant;
  bool mutants = false;
  bool require_faults = false;
  bool json = false;
  std::string tape;
  unsigned shrink_seconds = 60;
  std::string failures = "failures";
};

// Totals of a run of many seeds.
struct Summary final {
  uint64_t seeds = 0;
  uint64_t failed = 0;
  uint64_t events = 0;
  uint64_t completed = 0;
  uint64_t invoked = 0;
  uint64_t two_shards = 0;
  double virtual_seconds = 0;
  uint64_t hash = 0;  // of all hashes, in no order
  sim::FaultCounters faults;

  void Add(const sim::RunResult& result) {
    ++seeds;
    failed += result.violation ? 1 : 0;
    events += result.events;
    completed += result.completed;
    invoked += result.invoked;
    two_shards += result.shards == 2 ? 1 : 0;
    virtual_seconds += std::chrono::duration<double>(result.virtual_time).count();
    hash += base::Mix64(result.hash ^ result.seed);
    for (size_t i = 0; i < static_cast<size_t>(sim::FaultClass::kCount); ++i) {
      const auto fault = static_cast<sim::FaultClass>(i);
      faults.Add(fault, result.faults.of(fault));
    }
  }
};

std::string ReplayCommand(const Flags& flags, uint64_t seed) {
  std::string command = "lockstep sim --seed " + std::to_string(seed);
  if (flags.universe.is_short) command += " --short";
  if (flags.universe.profile != "default") command += " --profile " + flags.universe.profile;
  if (flags.universe.store != "rocks") command += " --store " + flags.universe.store;
  if (flags.universe.shards != 0) command += " --shards " + std::to_string(flags.universe.shards);
  if (flags.universe.nodes != 3) command += " --nodes " + std::to_string(flags.universe.nodes);
  if (!flags.mutant.empty()) command += " --mutant " + flags.mutant;
  return command;
}

void PrintFailure(const Flags& flags, const sim::RunResult& result) {
  std::printf("\nFAIL %s  seed=%" PRIu64 "  hash=%016" PRIx64 "  events=%" PRIu64
              "  vtime=%.3fs\n  %s (%s)\n",
              result.violation->oracle.c_str(), result.seed, result.hash, result.events,
              std::chrono::duration<double>(result.virtual_time).count(),
              result.violation->verdict.c_str(), result.violation->where.c_str());
  if (flags.has_seed && flags.seeds == 1) std::printf("%s", result.last_events.c_str());
  std::printf("  repro: %s\n", ReplayCommand(flags, result.seed).c_str());
  std::fflush(stdout);
}

size_t PrintFaults(const Summary& summary) {
  size_t silent = 0;
  std::printf("faults that took effect:\n");
  for (size_t i = 0; i < static_cast<size_t>(sim::FaultClass::kCount); ++i) {
    const auto fault = static_cast<sim::FaultClass>(i);
    const uint64_t count = summary.faults.of(fault);
    silent += count == 0 ? 1 : 0;
    std::printf("  %-26s %12" PRIu64 "%s\n", std::string(sim::NameOf(fault)).c_str(), count,
                count == 0 ? "  NEVER" : "");
  }
  return silent;
}

// The first failure of each kind is shrunk, shown and kept.
class Follower final {
 public:
  explicit Follower(const Flags& flags) : flags_(flags) {}

  void Saw(const sim::RunResult& result) {
    if (signatures_.insert(sim::SignatureOf(*result.violation)).second) {
      seeds_.push_back(result.seed);
    }
  }
  void Follow(const sim::RunOptions& run) const {
    InvestigationOptions options;
    options.universe = flags_.universe;
    options.mutant = flags_.mutant;
    options.jobs = flags_.jobs;
    options.shrink_cpu = Seconds(flags_.shrink_seconds);
    options.directory = flags_.failures;
    options.progress = isatty(STDERR_FILENO) != 0;
    for (const uint64_t seed : seeds_) {
      const auto finding = Investigate(seed, nullptr, options, run);
      if (finding) std::printf("\n%s", finding->text.c_str());
    }
  }

 private:
  const Flags& flags_;
  std::set<std::string> signatures_;
  std::vector<uint64_t> seeds_;
};

int RunSeeds(const Flags& flags, const sim::RunOptions& options) {
  std::vector<SeedRange> ranges;
  const size_t jobs = std::max<size_t>(1, flags.jobs);
  const mutant::Id bug = flags.mutant.empty() ? mutant::Id::kNone : FindMutant(flags.mutant)->id;
  for (size_t i = 0; i < jobs; ++i) {
    ranges.push_back({flags.seed + i, jobs, flags.seed + flags.seeds, bug});
  }
  Summary summary;
  Follower follower(flags);
  uint64_t last_hash = 0;
  const auto start = std::chrono::steady_clock::now();
  RunRanges(ranges, jobs, options, [&](const SeedRange&, const sim::RunResult& result) {
    summary.Add(result);
    last_hash = result.hash;
    if (flags.json) std::printf("%s\n", ToJson(result).c_str());
    if (result.violation && !flags.json) PrintFailure(flags, result);
    if (result.violation) follower.Saw(result);
    if (isatty(STDERR_FILENO) != 0) {
      std::fprintf(stderr, "\r%" PRIu64 "/%" PRIu64 " seeds, %" PRIu64 " failed ", summary.seeds,
                   flags.seeds, summary.failed);
    }
    return true;
  });
  const double wall =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (flags.json) return summary.failed > 0 ? 1 : 0;
  if (flags.seeds == 1) {
    std::printf("seed %" PRIu64 " hash %016" PRIx64 " events %" PRIu64 "\n", flags.seed, last_hash,
                summary.events);
  }
  std::printf("%" PRIu64 " seeds (%" PRIu64 " with two shards per node), %" PRIu64
              " failed; %" PRIu64 " of %" PRIu64 " operations answered\n",
              summary.seeds, summary.two_shards, summary.failed, summary.completed,
              summary.invoked);
  std::printf("%.1f s: %.1f seeds/s, %.0f events/s, %.0fx real time (%zu processes)\n", wall,
              static_cast<double>(summary.seeds) / wall, static_cast<double>(summary.events) / wall,
              summary.virtual_seconds / wall, jobs);
  if (flags.shrink_seconds > 0) follower.Follow(options);
  if (flags.seeds == 1) return summary.failed > 0 ? 1 : 0;
  const size_t silent = PrintFaults(summary);
  if (flags.require_faults && silent > 0) {
    std::printf("%zu fault class(es) never took effect\n", silent);
    return 1;
  }
  return summary.failed > 0 ? 1 : 0;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app{
      "Runs the KV service in simulated universes, one per seed, and checks every history.\n"
      "The same seed gives the same universe, event by event. Exit code: 0 all passed, 1 a\n"
      "violation (or, with --mutants, a bug that was not found), 2 wrong usage.",
      "lockstep sim"};
  app.add_option("--seeds", flags.seeds, "How many seeds")->check(CLI::PositiveNumber);
  CLI::Option* seed = app.add_option("--seed", flags.seed, "The first seed (default: random)");
  app.add_flag("--short", flags.universe.is_short, "15 simulated seconds instead of 60");
  app.add_option("--profile", flags.universe.profile,
                 "Faults: a name (default, calm, storm, disk, clock, ...) or a file");
  app.add_option("--store", flags.universe.store, "State in rocks (RocksDB) or memory");
  app.add_option("--nodes", flags.universe.nodes, "Nodes of the cluster")->check(CLI::Range(1, 9));
  app.add_option("--shards", flags.universe.shards, "Shards per node (default: drawn, 1 or 2)")
      ->check(CLI::Range(0, 4));
  app.add_option("--clients", flags.universe.clients, "Clients")->check(CLI::Range(1, 64));
  app.add_option("--rate", flags.universe.operations_per_second,
                 "Operations per simulated second, all clients together")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--jobs", flags.jobs, "Processes")->check(CLI::Range(1, 1024));
  app.add_option("--mutant", flags.mutant, "Plant this bug (M01, ...)");
  app.add_flag("--mutants", flags.mutants,
               "Plant each bug in turn; print after how many seeds it is found, and by whom");
  app.add_flag("--require-faults", flags.require_faults,
               "Fail if some class of faults never took effect");
  app.add_flag("--json", flags.json, "One line of JSON per seed");
  app.add_option("--tape", flags.tape, "Replay this tape");
  app.add_option("--shrink-for", flags.shrink_seconds,
                 "Shrink a failure for so many seconds of processor time; 0: do not")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  app.add_option("--failures", flags.failures, "Where shrunk failures go")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  if (!flags.tape.empty()) return RunTapeFile(flags.tape, /*print_events=*/true);
  flags.has_seed = seed->count() > 0;
  if (!flags.has_seed && !flags.mutants) flags.seed = std::random_device{}() % 1'000'000'000;
  if (!flags.mutant.empty() && FindMutant(flags.mutant) == nullptr) {
    std::fprintf(stderr, "--mutant %s: there is no such bug; known are", flags.mutant.c_str());
    for (const MutantInfo& info : AllMutants()) std::fprintf(stderr, " %s", info.name);
    std::fprintf(stderr, "\n");
    return 2;
  }
  const auto options = MakeRunOptions(flags.universe);
  if (!options.ok()) {
    std::fprintf(stderr, "%s\n", std::string(options.status().message()).c_str());
    return 2;
  }
  if (flags.mutants) {
    std::vector<MutantInfo> chosen = AllMutants();
    if (!flags.mutant.empty()) chosen = {*FindMutant(flags.mutant)};
    const uint64_t seeds = flags.seeds == 1 ? 500 : flags.seeds;
    return PrintMutantTable(chosen, flags.has_seed ? flags.seed : 1, seeds, flags.jobs, *options) >
                   0
               ? 1
               : 0;
  }
  return RunSeeds(flags, *options);
}

}  // namespace
}  // namespace lockstep::cli

int main(int argc, char** argv) { return lockstep::cli::Main(argc, argv); }
