#include "framework/fiber/timer_queue.h"

#include "framework/base/check.h"

namespace lockstep::fiber {

bool TimerQueue::Earlier(const Timer& a, const Timer& b) {
  return a.deadline != b.deadline ? a.deadline < b.deadline : a.order < b.order;
}

void TimerQueue::Arm(Timer& timer, MonoTime deadline) {
  CHECK_EQ(timer.heap_index, Timer::kIdle);
  timer.deadline = deadline;
  timer.order = next_order_++;
  heap_.push_back(&timer);
  timer.heap_index = heap_.size() - 1;
  SiftUp(timer.heap_index);
}

void TimerQueue::Disarm(Timer& timer) {
  if (timer.heap_index == Timer::kIdle) return;
  CHECK_EQ(heap_[timer.heap_index], &timer);
  RemoveAt(timer.heap_index);
}

Timer* TimerQueue::PopDue(MonoTime now) {
  if (heap_.empty() || heap_.front()->deadline > now) return nullptr;
  Timer* timer = heap_.front();
  RemoveAt(0);
  return timer;
}

void TimerQueue::Place(Timer* timer, size_t at) {
  heap_[at] = timer;
  timer->heap_index = at;
}

void TimerQueue::SiftUp(size_t at) {
  Timer* moving = heap_[at];
  while (at > 0) {
    const size_t parent = (at - 1) / 2;
    if (!Earlier(*moving, *heap_[parent])) break;
    Place(heap_[parent], at);
    at = parent;
  }
  Place(moving, at);
}

void TimerQueue::SiftDown(size_t at) {
  Timer* moving = heap_[at];
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && Earlier(*heap_[child + 1], *heap_[child])) ++child;
    if (!Earlier(*heap_[child], *moving)) break;
    Place(heap_[child], at);
    at = child;
  }
  Place(moving, at);
}

void TimerQueue::RemoveAt(size_t at) {
  Timer* removed = heap_[at];
  Timer* last = heap_.back();
  heap_.pop_back();
  if (removed != last) {
    Place(last, at);
    SiftUp(at);
    SiftDown(last->heap_index);
  }
  removed->heap_index = Timer::kIdle;
}

}  // namespace lockstep::fiber
