// Loop: the one thread of a shard. Drives its fibers, its sockets, its timers and what other
// threads post to it.
#ifndef LOCKSTEP_NET_LOOP_H_
#define LOCKSTEP_NET_LOOP_H_

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "framework/base/time.h"
#include "framework/fiber/scheduler.h"
#include "net/unique_fd.h"

namespace lockstep::net {

// The monotonic clock of this machine, read now.
MonoTime ReadMonotonicClock();

// What wants to hear about one file descriptor.
class Watcher {
 public:
  virtual ~Watcher() = default;
  // `events`: EPOLL* bits. Remembers and wakes; runs nobody else's code, and closes and destroys
  // nothing: other events of the same batch may still point to what it would destroy.
  virtual void OnEvents(uint32_t events) = 0;
};

// Invariants:
//   1. Fibers and posted tasks run only after every event of a batch was handed to its watcher, so
//      that a closed descriptor is never heard of again.
//   2. scheduler().now() is the monotonic clock as it was when the last wait returned.
//   3. asleep_ implies posts_.empty(): only the post that finds the loop asleep pays for a wake-up.
// Owned by a ShardRuntime. Everything but Post and Stop is for the loop's thread. Nothing here
// suspends.
class Loop final : public fiber::Driver {
 public:
  explicit Loop(const fiber::Scheduler::Options& options = {});
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() override;

  fiber::Scheduler& scheduler() { return scheduler_; }

  // Runs fibers, events and tasks on this thread until Stop.
  void Run();
  // Thread-safe. Run returns after the round in which it hears of this; if the loop does not run,
  // the next Run returns at once.
  void Stop();
  // Thread-safe. `task` runs later on the loop's thread, outside any fiber, in order of posting.
  void Post(absl::AnyInvocable<void()> task);
  // Destroys the tasks that have not run. REQUIRES: the loop does not run.
  void DropPosts();

  // Reports edges of `events` on `fd`, the first one if it is there already, until `fd` is closed.
  // REQUIRES: the watcher lives until then, and no other descriptor shares the open file.
  absl::Status Watch(int fd, uint32_t events, Watcher& watcher);
  // As Watch, for a descriptor that is watched already: from now on by `watcher`.
  absl::Status Rewatch(int fd, uint32_t events, Watcher& watcher);

  // Both are looked at before every wait anyway.
  void OnReady(fiber::Scheduler&) override {}
  void OnEarlierTimer(fiber::Scheduler&) override {}

 private:
  // The other end of wake_fd_: there is nothing to do but to have woken.
  class WakeWatcher final : public Watcher {
   public:
    void OnEvents(uint32_t) override {}
  };

  absl::Status Control(int operation, int fd, uint32_t events, Watcher& watcher);
  // How long the next wait may take: zero if there is work.
  Duration WaitLimit();
  // Fills events_; how many there are, or -1 and errno.
  int Wait(Duration limit);
  void Poll();
  void RunPosts();
  void RunFibers();

  UniqueFd epoll_fd_;
  UniqueFd wake_fd_;
  WakeWatcher wake_watcher_;
  fiber::Scheduler scheduler_;
  bool has_pwait2_ = true;
  bool stop_ = false;
  std::array<epoll_event, 256> events_;
  std::vector<absl::AnyInvocable<void()>> running_posts_;
  std::mutex mutex_;  // guards what follows
  std::vector<absl::AnyInvocable<void()>> posts_;
  bool asleep_ = false;
};

}  // namespace lockstep::net

#endif  // LOCKSTEP_NET_LOOP_H_
