#include "cli/simulate/twin.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/simulate/worker_death.h"
#include "framework/base/check.h"
#include "sim/interpose.h"
#include "sim/recorder.h"
#include "sim/world.h"

namespace lockstep::cli {
namespace {

constexpr Duration kProcessorTimeMax = Seconds(60);  // of one universe
constexpr size_t kPaddingBytes = 40'000;
constexpr uint64_t kContext = 3;  // events shown before the first difference

// What one side did between two sequence numbers, as text.
class Window final : public sim::Recorder {
 public:
  Window(uint64_t first, uint64_t end) : first_(first), end_(end) {}

  void Saw(const sim::World& world, const sim::EventRecord& event) {
    inside_ = event.sequence >= first_ && event.sequence < end_;
    if (!inside_) return;
    const std::string_view kind = sim::NameOf(event.kind);
    lines_.push_back(absl::StrFormat(
        "event %d at %d.%09ds node %d %s key %016x payload %016x", event.sequence,
        event.at.ns / 1'000'000'000, event.at.ns % 1'000'000'000, event.node.value(),
        absl::string_view(kind.data(), kind.size()), event.key, event.payload));
    const std::string cause = world.Cause();
    if (!cause.empty()) absl::StrAppend(&lines_.back(), "  by ", cause);
  }
  // Comes right after the event that it is.
  void OnTrace(sim::VirtualTime, const sim::TraceEvent& event) override {
    if (inside_) absl::StrAppend(&lines_.back(), "  ", std::string(event.name));
  }
  void OnFault(sim::VirtualTime, sim::FaultClass, NodeId) override {}
  void OnHappening(sim::VirtualTime, const sim::Happening& happening) override {
    if (inside_) absl::StrAppend(&lines_.back(), "  ", std::string(happening.what));
  }
  void OnReplica(sim::VirtualTime, const sim::ReplicaFacts&) override {}
  void OnMessage(sim::VirtualTime, const sim::MessageFacts&) override {}
  void OnApplied(sim::VirtualTime, NodeId, uint64_t, std::string_view) override {}
  void OnInvoked(sim::VirtualTime, const sim::OperationFacts& facts) override {
    if (inside_) absl::StrAppend(&lines_.back(), "  c", facts.client + 1, " ", facts.words);
  }
  void OnReturned(sim::VirtualTime, uint64_t, std::string_view) override {}

  const std::vector<std::string>& lines() const { return lines_; }

 private:
  uint64_t first_;
  uint64_t end_;
  bool inside_ = false;
  std::vector<std::string> lines_;
};

void AnswerRun(uint64_t seed, const sim::RunOptions& options) {
  const sim::RunResult result = sim::RunSeed(seed, options);
  std::string line = absl::StrCat(result.hash, " ", result.events);
  for (const uint64_t checkpoint : result.checkpoints) absl::StrAppend(&line, " ", checkpoint);
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

void AnswerEvents(uint64_t seed, uint64_t first, uint64_t end, const sim::RunOptions& options) {
  Window window(first, end);
  sim::RunOptions watched = options;
  watched.recorder = &window;
  watched.make_workload = [&](sim::World& world) {
    world.KeepCauses();
    world.log().set_observer([&](const sim::EventRecord& event) { window.Saw(world, event); });
    return options.make_workload(world);
  };
  (void)sim::RunSeed(seed, watched);
  for (const std::string& line : window.lines()) std::printf("%s\n", line.c_str());
  std::printf(".\n");
  std::fflush(stdout);
}

[[noreturn]] void Exec(const std::vector<std::string>& arguments, Twin::Surroundings surroundings) {
  std::vector<std::string> words = {"lockstep-sim", "--twin"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  if (surroundings == Twin::Surroundings::kOdd) {
    // (Where this is not permitted, addresses are random, and differ too.)
    (void)personality(ADDR_NO_RANDOMIZE);
    CHECK_EQ(setenv("LOCKSTEP_PADDING", std::string(kPaddingBytes, 'x').c_str(), 1), 0);
    CHECK_EQ(setenv("MALLOC_CONF", "junk:true", 1), 0);
    CHECK_EQ(setenv("MALLOC_PERTURB_", "165", 1), 0);
  }
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execv("/proc/self/exe", argv.data());
  std::fprintf(stderr, "cannot start a twin: %s\n", std::strerror(errno));
  _exit(127);
}

// The first position at which the two lists differ; both are equal up to it and differ ever after.
size_t FirstDifference(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  size_t low = 0;
  size_t high = std::min(a.size(), b.size());
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (a[middle] == b[middle]) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace

bool IsDoubled(uint64_t seed, unsigned percent) {
  return base::KeyedDraw(seed, "double", 0, 0) % 100 < percent;
}

Twin::Twin(const std::vector<std::string>& arguments, Surroundings surroundings) {
  int requests[2];
  int answers[2];
  CHECK_EQ(pipe2(requests, O_CLOEXEC), 0) << errno;
  CHECK_EQ(pipe2(answers, O_CLOEXEC), 0) << errno;
  std::fflush(stdout);
  pid_ = fork();
  CHECK_GE(pid_, 0) << "fork: " << errno;
  if (pid_ == 0) {
    dup2(requests[0], STDIN_FILENO);
    dup2(answers[1], STDOUT_FILENO);
    Exec(arguments, surroundings);
  }
  close(requests[0]);
  close(answers[1]);
  requests_ = requests[1];
  answers_ = answers[0];
}

Twin::~Twin() {
  close(requests_);
  close(answers_);
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool Twin::Ask(const std::string& request) {
  return write(requests_, request.data(), request.size()) == static_cast<ssize_t>(request.size());
}

std::optional<std::string> Twin::ReadLine() {
  size_t end = 0;
  while ((end = partial_.find('\n')) == std::string::npos) {
    char buffer[1 << 14];
    const ssize_t n = read(answers_, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    partial_.append(buffer, static_cast<size_t>(n));
  }
  std::string line = partial_.substr(0, end);
  partial_.erase(0, end + 1);
  return line;
}

std::optional<Twin::Answer> Twin::Run(uint64_t seed) {
  if (!Ask(absl::StrCat("run ", seed, "\n"))) return std::nullopt;
  const auto line = ReadLine();
  if (!line) return std::nullopt;
  Answer answer;
  std::istringstream words(*line);
  words >> answer.hash >> answer.events;
  uint64_t checkpoint = 0;
  while (words >> checkpoint) answer.checkpoints.push_back(checkpoint);
  return answer;
}

std::vector<std::string> Twin::Events(uint64_t seed, uint64_t first, uint64_t end) {
  std::vector<std::string> lines;
  if (!Ask(absl::StrCat("events ", seed, " ", first, " ", end, "\n"))) return lines;
  for (auto line = ReadLine(); line && *line != "."; line = ReadLine()) lines.push_back(*line);
  return lines;
}

int ServeTwin(const sim::RunOptions& options) {
  signal(SIGINT, SIG_IGN);  // the one who asks decides when to stop
  std::string request;
  while (std::getline(std::cin, request)) {
    LimitProcessorTime(kProcessorTimeMax);
    std::istringstream words(request);
    std::string verb;
    uint64_t seed = 0;
    uint64_t first = 0;
    uint64_t end = 0;
    words >> verb >> seed >> first >> end;
    if (verb == "run") {
      AnswerRun(seed, options);
    } else {
      AnswerEvents(seed, first, end, options);
    }
  }
  return 0;
}

std::string FindDivergence(uint64_t seed, const std::vector<std::string>& arguments) {
  Twin usual(arguments, Twin::Surroundings::kUsual);
  Twin odd(arguments, Twin::Surroundings::kOdd);
  const auto a = usual.Run(seed);
  const auto b = odd.Run(seed);
  if (!a || !b) return "one of the two processes died; there is nothing to compare\n";
  if (a->hash == b->hash) return "the two runs were equal this time\n";
  const uint64_t period = sim::EventLog::kCheckpointEvents;
  const uint64_t window = FirstDifference(a->checkpoints, b->checkpoints);
  const uint64_t first = window * period - std::min(window * period, kContext);
  const uint64_t end = (window + 1) * period;
  std::string text =
      absl::StrCat("checkpoints agree up to event ", window * period, " and differ at ", end, "\n");
  const std::vector<std::string> left = usual.Events(seed, first, end);
  const std::vector<std::string> right = odd.Events(seed, first, end);
  const auto [l, r] = std::mismatch(left.begin(), left.end(), right.begin(), right.end());
  if (l == left.end() && r == right.end()) {
    return text + "when these events were looked at, both sides were equal: run it again\n";
  }
  const auto before = std::min<std::ptrdiff_t>(l - left.begin(), kContext);
  for (auto at = l - before; at != l; ++at) absl::StrAppend(&text, "  both  ", *at, "\n");
  absl::StrAppend(&text, "  usual ", l == left.end() ? "(the end)" : *l, "\n");
  absl::StrAppend(&text, "  odd   ", r == right.end() ? "(the end)" : *r, "\n");
  return text;
}

}  // namespace lockstep::cli
