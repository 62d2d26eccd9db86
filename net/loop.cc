#include "net/loop.h"

#include <sys/eventfd.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::net {
namespace {

// Resumptions between two looks at the sockets, the timers and the posts.
constexpr int kResumesPerRound = 256;
constexpr Duration kForever = Duration::max();

timespec ToTimespec(Duration d) {
  const int64_t ns = d.count();
  return {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
}

}  // namespace

MonoTime ReadMonotonicClock() {
  timespec now;
  CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &now), 0);
  return {now.tv_sec * 1'000'000'000 + now.tv_nsec};
}

Loop::Loop(const fiber::Scheduler::Options& options)
    : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      scheduler_(options, this) {
  CHECK(epoll_fd_.valid()) << "epoll_create1: " << std::generic_category().message(errno);
  CHECK(wake_fd_.valid()) << "eventfd: " << std::generic_category().message(errno);
  CHECK_OK(Watch(wake_fd_.get(), EPOLLIN, wake_watcher_));
  scheduler_.AdvanceTo(ReadMonotonicClock());
}

Loop::~Loop() { DropPosts(); }

void Loop::Run() {
  CHECK(scheduler_.current() == nullptr) << "a fiber cannot run its own loop";
  while (!stop_) {
    Poll();
    RunPosts();
    RunFibers();
  }
  stop_ = false;
}

void Loop::Stop() {
  Post([this] { stop_ = true; });
}

void Loop::Post(absl::AnyInvocable<void()> task) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    posts_.push_back(std::move(task));
    if (!std::exchange(asleep_, false)) return;
  }
  // Watched by edges, so nobody needs to read the counter back.
  const uint64_t one = 1;
  CHECK_EQ(write(wake_fd_.get(), &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
}

void Loop::DropPosts() {
  std::vector<absl::AnyInvocable<void()>> dropped;
  const std::lock_guard<std::mutex> lock(mutex_);
  dropped.swap(posts_);
}

absl::Status Loop::Watch(int fd, uint32_t events, Watcher& watcher) {
  return Control(EPOLL_CTL_ADD, fd, events, watcher);
}

absl::Status Loop::Rewatch(int fd, uint32_t events, Watcher& watcher) {
  return Control(EPOLL_CTL_MOD, fd, events, watcher);
}

absl::Status Loop::Control(int operation, int fd, uint32_t events, Watcher& watcher) {
  epoll_event event{};
  event.events = events | EPOLLET;
  event.data.ptr = &watcher;
  if (epoll_ctl(epoll_fd_.get(), operation, fd, &event) == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("epoll_ctl: ", std::generic_category().message(errno)));
}

Duration Loop::WaitLimit() {
  if (stop_ || scheduler_.ready_count() > 0) return Duration::zero();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!posts_.empty()) return Duration::zero();
    asleep_ = true;
  }
  const MonoTime deadline = scheduler_.next_deadline();
  if (deadline == kNoDeadline) return kForever;
  return std::max(deadline - ReadMonotonicClock(), Duration::zero());
}

int Loop::Wait(Duration limit) {
  constexpr auto kCountMax = static_cast<int>(std::tuple_size_v<decltype(events_)>);
  if (has_pwait2_) {
    const timespec timeout = limit == kForever ? timespec{} : ToTimespec(limit);
    const int count = epoll_pwait2(epoll_fd_.get(), events_.data(), kCountMax,
                                   limit == kForever ? nullptr : &timeout, nullptr);
    if (count >= 0 || errno != ENOSYS) return count;
    has_pwait2_ = false;
  }
  // An older kernel: whole milliseconds, rounded up so that no timer is looked at too early.
  constexpr int64_t kLongestMs = 3'600'000;
  const int64_t ms = std::min((limit.count() + 999'999) / 1'000'000, kLongestMs);
  return epoll_wait(epoll_fd_.get(), events_.data(), kCountMax,
                    limit == kForever ? -1 : static_cast<int>(ms));
}

void Loop::Poll() {
  const int count = Wait(WaitLimit());
  CHECK(count >= 0 || errno == EINTR) << "epoll: " << std::generic_category().message(errno);
  scheduler_.AdvanceTo(std::max(scheduler_.now(), ReadMonotonicClock()));
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events_[static_cast<size_t>(i)];
    static_cast<Watcher*>(event.data.ptr)->OnEvents(event.events);
  }
}

void Loop::RunPosts() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    asleep_ = false;
    if (posts_.empty()) return;
    running_posts_.swap(posts_);
  }
  for (auto& task : running_posts_) task();
  running_posts_.clear();
}

void Loop::RunFibers() {
  for (int i = 0; i < kResumesPerRound && scheduler_.ready_count() > 0; ++i) scheduler_.RunOne();
}

}  // namespace lockstep::net
