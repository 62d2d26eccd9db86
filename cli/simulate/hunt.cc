#include "cli/simulate/hunt.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/simulate/corpus.h"
#include "cli/simulate/mutant_table.h"
#include "cli/simulate/seed_pool.h"
#include "sim/shrink/signature.h"

namespace lockstep::cli {
namespace {

using Wall = std::chrono::steady_clock;

constexpr Duration kTellEvery = Milliseconds(500);
constexpr Duration kSaveEvery = Seconds(5);

// (Not in an object: a signal handler can reach nothing else.)
volatile sig_atomic_t stop_asked = 0;

// For as long as it lives, SIGINT asks to stop. Worker processes inherit it and go on.
class StopOnInterrupt final {
 public:
  StopOnInterrupt() {
    stop_asked = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { stop_asked = 1; };
    sigaction(SIGINT, &action, &previous_);
  }
  StopOnInterrupt(const StopOnInterrupt&) = delete;
  StopOnInterrupt& operator=(const StopOnInterrupt&) = delete;
  ~StopOnInterrupt() { sigaction(SIGINT, &previous_, nullptr); }

 private:
  struct sigaction previous_ {};
};

std::string FileOf(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

class Hunter final {
 public:
  Hunter(const HuntOptions& options, const sim::RunOptions& run, Corpus corpus)
      : options_(options), run_(run), corpus_(std::move(corpus)) {}

  int Run() {
    const StopOnInterrupt stop;
    before_ms_ = corpus_.totals.wall_ms;
    const size_t jobs = std::max<size_t>(1, options_.investigation.jobs);
    const mutant::Id bug = options_.investigation.mutant.empty()
                               ? mutant::Id::kNone
                               : FindMutant(options_.investigation.mutant)->id;
    std::vector<SeedRange> ranges;
    for (size_t i = 0; i < jobs; ++i) {
      ranges.push_back({corpus_.SeedAt(corpus_.next + i), jobs * corpus_.shards,
                        std::numeric_limits<uint64_t>::max() / 2, bug});
    }
    RunRanges(
        ranges, jobs, run_,
        [this](const SeedRange&, const sim::RunResult& result) { return Take(result); },
        options_.doubling);
    if (told_) std::fprintf(stderr, "\r\033[K");
    Save();
    std::printf("%s%s", stop_asked != 0 ? "interrupted; run it again to go on\n" : "",
                Summary(corpus_).c_str());
    if (options_.json) {
      std::ifstream state(options_.corpus + "/hunt.json");
      std::printf("%s", std::string(std::istreambuf_iterator<char>(state), {}).c_str());
    }
    return corpus_.failures.empty() ? 0 : 1;
  }

 private:
  Duration Elapsed() const { return std::chrono::duration_cast<Duration>(Wall::now() - start_); }

  // False: no more seeds for this worker.
  bool Take(const sim::RunResult& result) {
    const size_t kinds = corpus_.failures.size();
    corpus_.Add(result);
    corpus_.totals.wall_ms = before_ms_ + static_cast<uint64_t>(Elapsed() / Milliseconds(1));
    if (corpus_.failures.size() > kinds) Follow(result);
    const Duration now = Elapsed();
    if (now - last_told_ >= kTellEvery) Tell(now);
    if (now - last_saved_ >= kSaveEvery) Save();
    return stop_asked == 0 && now < options_.time;
  }

  // A failure of a new kind.
  void Follow(const sim::RunResult& result) {
    const std::string signature = sim::SignatureOf(*result.violation);
    HuntFailure& failure = corpus_.failures[signature];
    failure.command = absl::StrCat("lockstep sim ", absl::StrJoin(options_.doubling.arguments, " "),
                                   " --seed ", result.seed);
    Save();
    if (result.violation->oracle == "determinism") {
      failure.text = FindDivergence(result.seed, options_.doubling.arguments);
    } else if (const auto finding =
                   Investigate(result.seed, nullptr, options_.investigation, run_)) {
      failure.text = finding->text;
      failure.tape = FileOf(finding->tape_file);
      failure.page = FileOf(finding->page_file);
    }
    std::printf("%s\n%s\n", told_ ? "\r\033[K" : "", failure.text.c_str());
    std::fflush(stdout);
    Save();
  }

  void Tell(Duration now) {
    last_told_ = now;
    if (isatty(STDERR_FILENO) == 0) return;
    told_ = true;
    uint64_t fired = 0;
    for (const auto& [name, count] : corpus_.totals.faults) fired += count > 0 ? 1 : 0;
    uint64_t reached = 0;
    for (const auto& [name, count] : corpus_.totals.marks) reached += count > 0 ? 1 : 0;
    const HuntTotals& totals = corpus_.totals;
    const double wall = std::max(1.0, static_cast<double>(totals.wall_ms)) / 1'000;
    std::fprintf(stderr,
                 "\r%" PRId64 " of %" PRId64 " s: %" PRIu64 " seeds (%.1f/s, %" PRIu64
                 " twice), %.0f events/s, %.0fx real time, %" PRIu64 "/%zu fault classes, %" PRIu64
                 "/%zu marks, %" PRIu64 " failed in %zu ways\033[K",
                 now / Seconds(1), options_.time / Seconds(1), totals.seeds,
                 static_cast<double>(totals.seeds) / wall, totals.doubles,
                 static_cast<double>(totals.events) / wall,
                 static_cast<double>(totals.virtual_ms) / 1'000 / wall, fired, totals.faults.size(),
                 reached, totals.marks.size(), totals.failed, corpus_.failures.size());
  }

  void Save() {
    last_saved_ = Elapsed();
    const absl::Status status = corpus_.Save(options_.corpus);
    if (!status.ok()) {
      std::fprintf(stderr, "hunt: %s\n", std::string(status.message()).c_str());
    }
  }

  const HuntOptions& options_;
  const sim::RunOptions& run_;
  Corpus corpus_;
  const Wall::time_point start_ = Wall::now();
  uint64_t before_ms_ = 0;
  Duration last_told_{0};
  Duration last_saved_{0};
  bool told_ = false;
};

int Refuse(const std::string& why) {
  std::fprintf(stderr, "hunt: %s\n", why.c_str());
  return 2;
}

}  // namespace

int Hunt(const HuntOptions& options, const sim::RunOptions& run) {
  const std::string universe = absl::StrJoin(options.doubling.arguments, " ");
  absl::StatusOr<Corpus> corpus = Corpus::Load(options.corpus);
  if (absl::IsNotFound(corpus.status())) {
    Corpus fresh;
    fresh.universe = universe;
    fresh.shard = options.shard;
    fresh.shards = options.shards;
    fresh.first_seed = options.first_seed;
    corpus = std::move(fresh);
  }
  if (!corpus.ok()) return Refuse(std::string(corpus.status().message()));
  const bool same = corpus->universe == universe && corpus->shard == options.shard &&
                    corpus->shards == options.shards && corpus->first_seed == options.first_seed;
  if (!same) {
    return Refuse(absl::StrCat(options.corpus, " is of another hunt: '", corpus->universe,
                               "', shard ", corpus->shard, "/", corpus->shards, " from seed ",
                               corpus->first_seed, "; give another --corpus"));
  }
  HuntOptions kept = options;
  kept.investigation.directory = options.corpus;
  return Hunter(kept, run, *std::move(corpus)).Run();
}

int MergeHunts(const std::vector<std::string>& directories, const std::string& out) {
  Corpus sum;
  bool first = true;
  for (const std::string& directory : directories) {
    const absl::StatusOr<Corpus> corpus = Corpus::Load(directory);
    if (!corpus.ok()) return Refuse(std::string(corpus.status().message()));
    if (first) sum.universe = corpus->universe;
    if (sum.universe != corpus->universe) {
      return Refuse(absl::StrCat(directory, " is of other universes: '", corpus->universe,
                                 "', not '", sum.universe, "'"));
    }
    first = false;
    Merge(*corpus, sum);
    if (out.empty()) continue;
    std::error_code error;
    std::filesystem::create_directories(out, error);
    for (const auto& [signature, failure] : corpus->failures) {
      for (const std::string& file : {failure.tape, failure.page}) {
        if (file.empty()) continue;
        std::filesystem::copy_file(directory + "/" + file, out + "/" + file,
                                   std::filesystem::copy_options::skip_existing, error);
      }
    }
  }
  if (!out.empty()) {
    const absl::Status status = sum.Save(out);
    if (!status.ok()) return Refuse(std::string(status.message()));
  }
  std::printf("%zu hunts\n%s", directories.size(), Summary(sum).c_str());
  return sum.failures.empty() ? 0 : 1;
}

}  // namespace lockstep::cli
