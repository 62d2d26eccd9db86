// TimerQueue: deadlines in order. It is told the time; it never asks for it.
#ifndef LOCKSTEP_FRAMEWORK_FIBER_TIMER_QUEUE_H_
#define LOCKSTEP_FRAMEWORK_FIBER_TIMER_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "framework/base/time.h"

namespace lockstep::fiber {

// One pending deadline; usually lives on the stack of the fiber that waits.
struct Timer final {
  static constexpr size_t kIdle = static_cast<size_t>(-1);

  MonoTime deadline;
  uint64_t order = 0;  // breaks ties: first armed fires first
  size_t heap_index = kIdle;
  void* owner = nullptr;  // what the user of the queue wants back
};

// Invariants: heap_[i]->heap_index == i; a parent is never later than its children.
class TimerQueue final {
 public:
  // REQUIRES: the timer is idle. It must stay in place until it fired or was disarmed.
  void Arm(Timer& timer, MonoTime deadline);
  void Disarm(Timer& timer);  // an idle timer stays idle

  // Removes and returns one timer that is due, or null.
  Timer* PopDue(MonoTime now);
  // The earliest deadline, kNoDeadline if there is none.
  MonoTime next() const { return heap_.empty() ? kNoDeadline : heap_.front()->deadline; }
  bool empty() const { return heap_.empty(); }

 private:
  static bool Earlier(const Timer& a, const Timer& b);
  void Place(Timer* timer, size_t at);
  void SiftUp(size_t at);
  void SiftDown(size_t at);
  void RemoveAt(size_t at);

  std::vector<Timer*> heap_;
  uint64_t next_order_ = 0;
};

}  // namespace lockstep::fiber

#endif  // LOCKSTEP_FRAMEWORK_FIBER_TIMER_QUEUE_H_
