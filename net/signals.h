#ifndef LOCKSTEP_NET_SIGNALS_H_
#define LOCKSTEP_NET_SIGNALS_H_

#include <signal.h>

#include <initializer_list>

#include "absl/functional/any_invocable.h"
#include "net/loop.h"
#include "net/unique_fd.h"

namespace lockstep::net {

// Turns signals into calls on a loop, for as long as it lives.
//
// Two steps, because a signal goes to any thread that does not block it: construct it in main
// before the first thread starts, Deliver once there is a loop.
class Signals final : private Watcher {
 public:
  // Blocks `signals` in this thread and in those that it starts from now on.
  explicit Signals(std::initializer_list<int> signals);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  // Restores the thread's mask. REQUIRES: the loop is gone or runs no more.
  ~Signals() override;

  // `on_signal(number)` runs on the loop's thread, outside any fiber. Call once.
  void Deliver(Loop& loop, absl::AnyInvocable<void(int)> on_signal);

 private:
  void OnEvents(uint32_t events) override;
  void ReadAll();

  sigset_t previous_;
  UniqueFd fd_;
  Loop* loop_ = nullptr;
  absl::AnyInvocable<void(int)> on_signal_;
};

// Writing to a closed pipe or socket is an error to the writer and not the end of the process.
void IgnoreBrokenPipes();

}  // namespace lockstep::net

#endif  // LOCKSTEP_NET_SIGNALS_H_
