#include "cli/simulate/worker_death.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "framework/base/check.h"

namespace lockstep::cli {
namespace {

std::string LastWords(int errors) {
  std::string text(1 << 16, '\0');
  const ssize_t n = pread(errors, text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  const size_t check = text.find("CHECK failed");
  if (check != std::string::npos) {
    const size_t begin = text.rfind('\n', check) + 1;
    return text.substr(begin, text.find('\n', check) - begin);
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

int MakeErrorFile() {
  const int file = memfd_create("stderr", MFD_CLOEXEC);
  CHECK_GE(file, 0);
  return file;
}

sim::RunResult CrashOf(uint64_t seed, int errors, int status) {
  sim::RunResult result;
  result.seed = seed;
  std::string words = LastWords(errors);
  if (words.empty()) words = "the process ended with status " + std::to_string(status);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF) words = "the universe does not end";
  result.violation = checkers::Violation{"crash", std::move(words), "process"};
  return result;
}

void LimitProcessorTime(Duration cpu_max) {
  constexpr Duration kMicrosecond = Microseconds(1);
  itimerval timer{};
  timer.it_value.tv_sec = cpu_max / Seconds(1);
  timer.it_value.tv_usec = (cpu_max % Seconds(1)) / kMicrosecond;
  CHECK_EQ(setitimer(ITIMER_PROF, &timer, nullptr), 0);
}

}  // namespace lockstep::cli
