#include "cli/simulate/seed_pool.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <utility>

#include "cli/simulate/seed_result_json.h"
#include "cli/simulate/worker_death.h"
#include "framework/base/check.h"
#include "framework/base/mutant_on.h"
#include "sim/interpose.h"

namespace lockstep::cli {
namespace {

constexpr Duration kProcessorTimeMax = Seconds(60);  // of one universe

// A worker process, from the parent's side.
struct Worker final {
  SeedRange range;  // what is left of it
  pid_t pid = -1;
  int results = -1;      // read end of its pipe
  int errors = -1;       // its stderr, a file in memory
  std::string partial;   // of a line
  uint64_t current = 0;  // the seed that it runs
  Duration cpu{0};       // of the last one
};

void WriteAll(int fd, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) _exit(3);  // nobody listens any more
    done += static_cast<size_t>(n);
  }
}

Duration CpuOfThis() {
  rusage usage{};
  CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
  return Seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         Microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// A twin that died of the seed is not a mismatch: this process would have died, too.
void Compare(sim::RunResult& result, std::unique_ptr<Twin>& twin,
             const std::vector<std::string>& arguments) {
  if (!twin) twin = std::make_unique<Twin>(arguments, Twin::Surroundings::kOdd);
  const auto answer = twin->Run(result.seed);
  if (!answer) twin.reset();
  result.is_double = answer.has_value();
  if (!answer || answer->hash == result.hash || result.violation) return;
  result.violation =
      checkers::Violation{"determinism",
                          "another process has hash " + std::to_string(answer->hash) + " after " +
                              std::to_string(answer->events) + " events",
                          "universe"};
}

// A worker's whole life. "S seed" says what is tried, "R {...}" how it went.
[[noreturn]] void Work(const SeedRange& range, int results, const sim::RunOptions& options,
                       const DoubleOptions& doubling) {
  mutant::Plant(range.mutant);
  std::unique_ptr<Twin> twin;
  for (uint64_t seed = range.first; seed < range.end; seed += range.step) {
    WriteAll(results, "S " + std::to_string(seed) + "\n");
    LimitProcessorTime(kProcessorTimeMax);
    const Duration before = CpuOfThis();
    sim::RunResult result = sim::RunSeed(seed, options);
    if (IsDoubled(seed, doubling.percent)) Compare(result, twin, doubling.arguments);
    // (Not in the JSON, which is the same wherever the universe runs.)
    WriteAll(results, "C " + std::to_string((CpuOfThis() - before).count()) + "\n");
    WriteAll(results, "R " + ToJson(result) + "\n");
  }
  _exit(0);
}

Worker StartWorker(const SeedRange& range, const sim::RunOptions& options,
                   const DoubleOptions& doubling) {
  Worker worker;
  worker.range = range;
  worker.current = range.first;
  int ends[2];
  CHECK_EQ(pipe(ends), 0) << "pipe: " << errno;
  worker.errors = MakeErrorFile();
  std::fflush(stdout);
  worker.pid = fork();
  CHECK_GE(worker.pid, 0) << "fork: " << errno;
  if (worker.pid == 0) {
    close(ends[0]);
    dup2(worker.errors, STDERR_FILENO);
    Work(range, ends[1], options, doubling);
  }
  close(ends[1]);
  worker.results = ends[0];
  return worker;
}

void EndWorker(Worker& worker) {
  kill(worker.pid, SIGKILL);
  waitpid(worker.pid, nullptr, 0);
  close(worker.results);
  close(worker.errors);
}

class Pool final {
 public:
  using OnResult = std::function<bool(const SeedRange&, const sim::RunResult&)>;

  Pool(const std::vector<SeedRange>& ranges, size_t workers, const sim::RunOptions& options,
       const OnResult& on_result, const DoubleOptions& doubling)
      : ranges_(ranges.begin(), ranges.end()),
        workers_max_(workers),
        options_(options),
        on_result_(on_result),
        doubling_(doubling) {}

  void Run() {
    Refill();
    while (!running_.empty()) {
      std::vector<pollfd> polls;
      for (const Worker& worker : running_) polls.push_back({worker.results, POLLIN, 0});
      if (poll(polls.data(), polls.size(), -1) < 0) {
        CHECK_EQ(errno, EINTR);
        continue;
      }
      // From the back, because finished workers are erased.
      for (size_t i = polls.size(); i-- > 0;) {
        if (polls[i].revents != 0 && !Serve(running_[i])) {
          running_.erase(running_.begin() + static_cast<ptrdiff_t>(i));
        }
      }
      Refill();
    }
  }

 private:
  void Refill() {
    while (running_.size() < workers_max_ && !ranges_.empty()) {
      const SeedRange range = ranges_.front();
      ranges_.pop_front();
      if (range.first < range.end) running_.push_back(StartWorker(range, options_, doubling_));
    }
  }

  // Takes what a worker has said. False: it is gone.
  bool Serve(Worker& worker) {
    char buffer[1 << 16];
    const ssize_t n = read(worker.results, buffer, sizeof(buffer));
    if (n <= 0) return Bury(worker);
    worker.partial.append(buffer, static_cast<size_t>(n));
    size_t end = 0;
    while ((end = worker.partial.find('\n')) != std::string::npos) {
      const std::string line = worker.partial.substr(0, end);
      worker.partial.erase(0, end + 1);
      if (!Take(worker, line)) {
        EndWorker(worker);
        return false;
      }
    }
    return true;
  }

  bool Take(Worker& worker, const std::string& line) {
    if (line.starts_with("S ")) {
      worker.current = std::strtoull(line.c_str() + 2, nullptr, 10);
      return true;
    }
    if (line.starts_with("C ")) {
      worker.cpu = Nanoseconds(std::strtoll(line.c_str() + 2, nullptr, 10));
      return true;
    }
    auto result = FromJson(line.substr(2));
    CHECK(result.has_value()) << "a worker wrote '" << line.substr(0, 80) << "'";
    result->cpu = worker.cpu;
    worker.range.first = result->seed + worker.range.step;
    return on_result_(worker.range, *result);
  }

  // The pipe ended. Replaces a worker that died in the middle of its range.
  bool Bury(Worker& worker) {
    int status = 0;
    waitpid(worker.pid, &status, 0);
    const bool finished = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    bool go_on = false;
    if (!finished) go_on = on_result_(worker.range, CrashOf(worker.current, worker.errors, status));
    close(worker.results);
    close(worker.errors);
    SeedRange rest = worker.range;
    rest.first = worker.current + rest.step;
    if (go_on && rest.first < rest.end) {
      worker = StartWorker(rest, options_, doubling_);
      return true;
    }
    return false;
  }

  std::deque<SeedRange> ranges_;
  size_t workers_max_;
  const sim::RunOptions& options_;
  const OnResult& on_result_;
  const DoubleOptions& doubling_;
  std::vector<Worker> running_;
};

}  // namespace

void RunRanges(const std::vector<SeedRange>& ranges, size_t workers, const sim::RunOptions& options,
               const std::function<bool(const SeedRange&, const sim::RunResult&)>& on_result,
               const DoubleOptions& doubling) {
  Pool(ranges, std::max<size_t>(1, workers), options, on_result, doubling).Run();
}

}  // namespace lockstep::cli
