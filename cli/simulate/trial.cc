#include "cli/simulate/trial.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>

#include "cli/simulate/seed_result_json.h"
#include "cli/simulate/worker_death.h"
#include "framework/base/check.h"
#include "framework/base/mutant_on.h"
#include "sim/interpose.h"
#include "sim/world.h"

namespace lockstep::cli {
namespace {

// --- In the child. Also called from signal handlers: only write(2), no memory is asked for. ---

// (Not in an object: a signal handler can reach nothing else.)
sim::World* running_world = nullptr;
int tape_file = -1;
int report_file = -1;
const TrialJob* running_job = nullptr;

void Write(int fd, const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = write(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    at += n;
    size -= static_cast<size_t>(n);
  }
}

// Count, entries as they are in memory, then names: id, length, text.
void WriteTape(const sim::Tape& tape) {
  const uint64_t count = tape.entries.size();
  Write(tape_file, &count, sizeof(count));
  Write(tape_file, tape.entries.data(), count * sizeof(sim::TapeEntry));
  for (const auto& [id, name] : tape.stream_names) {
    const uint64_t head[2] = {id, name.size()};
    Write(tape_file, head, sizeof(head));
    Write(tape_file, name.data(), name.size());
  }
}

void WriteReport() {
  if (running_job == nullptr || !running_job->report) return;
  const std::string text = running_job->report();
  Write(report_file, text.data(), text.size());
}

void OnDeath(int signal) {
  if (running_world != nullptr) WriteTape(running_world->draws().tape());
  // This does ask for memory, which a failed CHECK may do; if it dies of it, there is no report.
  WriteReport();
  ::signal(signal, SIG_DFL);
  raise(signal);
}

void CatchDeath() {
  // (A fiber that overflows its stack cannot be handled on it.)
  static char stack[64 * 1024];
  stack_t alternate{};
  alternate.ss_sp = stack;
  alternate.ss_size = sizeof(stack);
  CHECK_EQ(sigaltstack(&alternate, nullptr), 0);
  struct sigaction action {};
  action.sa_handler = OnDeath;
  action.sa_flags = SA_ONSTACK | static_cast<int>(SA_RESETHAND);
  for (const int death : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGPROF}) {
    CHECK_EQ(sigaction(death, &action, nullptr), 0);
  }
}

[[noreturn]] void RunChild(const TrialJob& job, int result_file, const sim::RunOptions& options,
                           Duration cpu_max) {
  CatchDeath();
  LimitProcessorTime(cpu_max);
  mutant::Plant(job.mutant);
  running_job = &job;
  sim::RunOptions watched = options;
  if (job.prepare) job.prepare(watched);
  watched.make_workload = [make = watched.make_workload](sim::World& world) {
    running_world = &world;
    return make(world);
  };
  const sim::RunResult result = sim::RunSeed(job.seed, watched, job.replay);
  running_world = nullptr;
  const std::string line = ToJson(result);
  Write(result_file, line.data(), line.size());
  WriteTape(result.tape);
  WriteReport();
  _exit(0);
}

// --- In the parent ---

std::string ReadAll(int fd) {
  struct stat status {};
  CHECK_EQ(fstat(fd, &status), 0);
  std::string text(static_cast<size_t>(status.st_size), '\0');
  const ssize_t n = pread(fd, text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return text;
}

// What WriteTape wrote; as much as is there, if the child died while writing.
sim::Tape ReadTape(int fd, uint64_t seed) {
  sim::Tape tape;
  tape.seed = seed;
  const std::string bytes = ReadAll(fd);
  uint64_t count = 0;
  size_t at = sizeof(count);
  if (bytes.size() < at) return tape;
  std::memcpy(&count, bytes.data(), sizeof(count));
  if (bytes.size() - at < count * sizeof(sim::TapeEntry)) return tape;
  tape.entries.resize(count);
  std::memcpy(tape.entries.data(), bytes.data() + at, count * sizeof(sim::TapeEntry));
  at += count * sizeof(sim::TapeEntry);
  uint64_t head[2];
  while (bytes.size() - at >= sizeof(head)) {
    std::memcpy(head, bytes.data() + at, sizeof(head));
    at += sizeof(head);
    if (bytes.size() - at < head[1]) break;
    tape.stream_names[head[0]] = bytes.substr(at, head[1]);
    at += head[1];
  }
  std::erase_if(tape.entries, [&](const sim::TapeEntry& entry) {
    return !tape.stream_names.contains(entry.stream);
  });
  return tape;
}

struct Child final {
  size_t job = 0;
  pid_t pid = -1;
  int result = -1;
  int tape = -1;
  int report = -1;
  int errors = -1;
};

Child Start(size_t index, const TrialJob& job, const sim::RunOptions& options, Duration cpu_max) {
  Child child;
  child.job = index;
  child.result = memfd_create("result", MFD_CLOEXEC);
  child.tape = memfd_create("tape", MFD_CLOEXEC);
  child.errors = MakeErrorFile();
  CHECK_GE(child.result, 0);
  child.report = memfd_create("report", MFD_CLOEXEC);
  CHECK_GE(child.tape, 0);
  CHECK_GE(child.report, 0);
  std::fflush(stdout);
  child.pid = fork();
  CHECK_GE(child.pid, 0) << "fork: " << errno;
  if (child.pid == 0) {
    tape_file = child.tape;
    report_file = child.report;
    dup2(child.errors, STDERR_FILENO);
    RunChild(job, child.result, options, cpu_max);
  }
  return child;
}

TrialResult Collect(const Child& child, const TrialJob& job, int status, const rusage& usage) {
  TrialResult result;
  const auto line = FromJson(ReadAll(child.result));
  const bool finished = WIFEXITED(status) && WEXITSTATUS(status) == 0 && line;
  result.run = finished ? *line : CrashOf(job.seed, child.errors, status);
  result.report = ReadAll(child.report);
  result.run.tape = ReadTape(child.tape, job.seed);
  if (job.replay != nullptr) result.run.tape.with = job.replay->with;
  for (const timeval& time : {usage.ru_utime, usage.ru_stime}) {
    result.cpu += Seconds(time.tv_sec) + Microseconds(time.tv_usec);
  }
  for (const int fd : {child.result, child.tape, child.report, child.errors}) close(fd);
  return result;
}

}  // namespace

std::vector<TrialResult> RunTrials(const std::vector<TrialJob>& jobs, size_t workers,
                                   const sim::RunOptions& options, Duration cpu_max) {
  std::vector<TrialResult> results(jobs.size());
  std::map<pid_t, Child> running;
  size_t next = 0;
  while (next < jobs.size() || !running.empty()) {
    if (next < jobs.size() && running.size() < std::max<size_t>(1, workers)) {
      const Child child = Start(next, jobs[next], options, cpu_max);
      running[child.pid] = child;
      ++next;
      continue;
    }
    // Only these: the caller may have other children.
    const pid_t pid = running.begin()->first;
    int status = 0;
    rusage usage{};
    if (wait4(pid, &status, 0, &usage) < 0) {
      CHECK_EQ(errno, EINTR);
      continue;
    }
    const Child child = running.extract(pid).mapped();
    results[child.job] = Collect(child, jobs[child.job], status, usage);
  }
  return results;
}

}  // namespace lockstep::cli
