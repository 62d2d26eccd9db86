#include "cli/simulate/causality.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <set>
#include <vector>

#include "cli/simulate/worker_death.h"
#include "framework/base/check.h"
#include "framework/base/mutant_on.h"
#include "sim/interpose.h"
#include "sim/shrink/signature.h"

namespace lockstep::cli {
namespace {

constexpr int kFailed = 1;

Duration CpuOfChildren() {
  rusage usage{};
  CHECK_EQ(getrusage(RUSAGE_CHILDREN, &usage), 0);
  return Seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         Microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// Lives in a child process, the stem, which replays the tape and has children of its own.
class Stem final {
 public:
  Stem(const std::vector<int64_t>& moments, const std::string& signature,
       const CausalityOptions& how, int points)
      : moments_(moments), signature_(signature), how_(how), points_(points) {}

  [[noreturn]] void Run(const sim::Tape& tape, mutant::Id mutant, sim::RunOptions options) {
    mutant::Plant(mutant);
    options.on_look = [this](sim::RunControl& control) { Look(control); };
    const sim::RunResult result = sim::RunSeed(tape.seed, options, &tape);
    const bool failed = result.violation && sim::SignatureOf(*result.violation) == signature_;
    _exit(fresh_ && failed ? kFailed : 0);
  }

 private:
  void Look(sim::RunControl& control) {
    if (fresh_ || next_ == moments_.size() || control.now().ns < moments_[next_]) return;
    ++next_;
    sim::CurvePoint point{control.now().ns, 0, 0};
    size_t running = 0;
    for (size_t i = 0; i < how_.runs_each && CpuOfChildren() < how_.cpu_max; ++i) {
      const pid_t pid = fork();
      CHECK_GE(pid, 0) << "fork: " << errno;
      if (pid == 0) {
        fresh_ = true;
        LimitProcessorTime(how_.cpu_each_max);
        control.GoFresh(next_ * 1'000 + i);
        return;
      }
      if (++running == std::max<size_t>(1, how_.workers)) Collect(point), --running;
    }
    while (running-- > 0) Collect(point);
    if (point.runs == 0) return;
    // At once: this process may die of the failure itself.
    CHECK_EQ(write(points_, &point, sizeof(point)), static_cast<ssize_t>(sizeof(point)));
  }

  void Collect(sim::CurvePoint& point) const {
    int status = 0;
    while (waitpid(-1, &status, 0) < 0) CHECK_EQ(errno, EINTR);
    ++point.runs;
    // (What a crash says is not known here; two kinds of crashes in one failure are rare.)
    const bool crashed = WIFSIGNALED(status) && signature_.starts_with("crash");
    point.failed += crashed || (WIFEXITED(status) && WEXITSTATUS(status) == kFailed) ? 1 : 0;
  }

  const std::vector<int64_t>& moments_;
  const std::string& signature_;
  const CausalityOptions& how_;
  int points_;
  size_t next_ = 0;
  bool fresh_ = false;
};

std::vector<sim::CurvePoint> Measure(const sim::RunResult& run, const std::vector<int64_t>& moments,
                                     mutant::Id mutant, const std::string& signature,
                                     const sim::RunOptions& options, const CausalityOptions& how) {
  const int file = memfd_create("points", MFD_CLOEXEC);
  CHECK_GE(file, 0);
  const int errors = MakeErrorFile();
  std::fflush(stdout);
  const pid_t pid = fork();
  CHECK_GE(pid, 0) << "fork: " << errno;
  if (pid == 0) {
    dup2(errors, STDERR_FILENO);
    sim::RunOptions finer = options;
    finer.look_interval = Milliseconds(5);
    Stem(moments, signature, how, file).Run(run.tape, mutant, finer);
  }
  while (waitpid(pid, nullptr, 0) < 0) CHECK_EQ(errno, EINTR);
  std::vector<sim::CurvePoint> points;
  sim::CurvePoint point;
  for (off_t at = 0; pread(file, &point, sizeof(point), at) == sizeof(point);) {
    points.push_back(point);
    at += static_cast<off_t>(sizeof(point));
  }
  close(file);
  close(errors);
  return points;
}

std::vector<int64_t> Between(int64_t from, int64_t to, size_t count) {
  std::vector<int64_t> moments;
  for (size_t i = 0; i < count; ++i) {
    moments.push_back(from + (to - from) * static_cast<int64_t>(i) / static_cast<int64_t>(count));
  }
  return moments;
}

// The chance does not fall: the least that a monotone curve must differ from what was measured is
// the mean over every stretch that falls (pool adjacent violators).
std::vector<uint64_t> Monotone(const std::vector<sim::CurvePoint>& points) {
  struct Pool {
    uint64_t failed, runs;
    size_t points;
  };
  std::vector<Pool> pools;
  for (const sim::CurvePoint& point : points) {
    pools.push_back({point.failed, std::max<uint64_t>(1, point.runs), 1});
    while (pools.size() > 1) {
      Pool& before = pools[pools.size() - 2];
      const Pool& last = pools.back();
      if (before.failed * last.runs <= last.failed * before.runs) break;
      before = {before.failed + last.failed, before.runs + last.runs, before.points + last.points};
      pools.pop_back();
    }
  }
  std::vector<uint64_t> percents;
  for (const Pool& pool : pools) {
    percents.insert(percents.end(), pool.points, 100 * pool.failed / pool.runs);
  }
  return percents;
}

// From the last moment at which most of the rise was still to come to the first after it at which
// most was over.
void FindGuilty(sim::Curve& curve) {
  const std::vector<uint64_t> percent = Monotone(curve.points);
  const uint64_t base = percent.front();
  const uint64_t low = base + (100 - base) / 3;
  const uint64_t high = base + (100 - base) * 2 / 3;
  size_t to = curve.points.size() - 1;
  while (to > 0 && percent[to - 1] >= high) --to;
  size_t from = to;
  while (from > 0 && percent[from] > low) --from;
  curve.guilty_from_ns = curve.points[from].at_ns;
  curve.guilty_to_ns = curve.points[to].at_ns;
}

}  // namespace

sim::Curve MeasureCurve(const sim::RunResult& run, mutant::Id mutant, const std::string& signature,
                        const sim::RunOptions& options, const CausalityOptions& how) {
  sim::Curve curve;
  const int64_t end = run.virtual_time.count();
  const auto measure = [&](int64_t from, int64_t to) {
    for (const sim::CurvePoint& point :
         Measure(run, Between(from, to, how.moments), mutant, signature, options, how)) {
      curve.points.push_back(point);
    }
    std::sort(curve.points.begin(), curve.points.end(),
              [](const auto& a, const auto& b) { return a.at_ns < b.at_ns; });
  };
  measure(0, end);
  if (curve.points.empty()) return curve;
  curve.points.push_back({end, 1, 1});  // the run itself
  FindGuilty(curve);
  // Once more, where it was decided.
  const int64_t wide = curve.guilty_to_ns - curve.guilty_from_ns;
  if (wide > Milliseconds(50).count()) {
    measure(curve.guilty_from_ns + wide / static_cast<int64_t>(how.moments), curve.guilty_to_ns);
    FindGuilty(curve);
  }
  return curve;
}

}  // namespace lockstep::cli
