#include "framework/edge/memory_budget.h"

#include <algorithm>

#include "framework/base/check.h"

namespace lockstep::edge {

// On the stack of the fiber that waits. Whoever is unwound lets the next one try.
class MemoryBudget::Waiter final : public fiber::ListLink {
 public:
  Waiter(MemoryBudget& budget, size_t bytes) : budget_(budget), bytes_(bytes) {
    InsertBefore(budget.waiters_);
    if (budget.pressure_ != nullptr) budget.pressure_->WakeAll();
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() {
    if (is_kept_) return;
    Unlink();
    if (granted_.is_set()) {
      budget_.Release(bytes_);
    } else {
      budget_.Grant();
    }
  }

  bool Wait(Fiber& fiber, MonoTime deadline) {
    is_kept_ = granted_.Wait(fiber, deadline);
    return is_kept_;
  }
  void SetGranted() {
    Unlink();
    granted_.Set();
  }
  size_t bytes() const { return bytes_; }

 private:
  MemoryBudget& budget_;
  size_t bytes_;
  bool is_kept_ = false;  // the bytes are the caller's
  fiber::Event granted_;
};

MemoryBudget::~MemoryBudget() {
  CHECK(!has_waiters());
  CHECK_EQ(used_bytes_, 0u);
}

bool MemoryBudget::Fits(size_t bytes) const {
  return used_bytes_ <= bytes_max_ && std::min(bytes, bytes_max_) <= bytes_max_ - used_bytes_;
}

bool MemoryBudget::Acquire(Fiber& fiber, size_t bytes, MonoTime deadline) {
  if (!has_waiters() && Fits(bytes)) {
    used_bytes_ += bytes;
    return true;
  }
  return Waiter(*this, bytes).Wait(fiber, deadline);
}

void MemoryBudget::Release(size_t bytes) {
  CHECK_GE(used_bytes_, bytes);
  used_bytes_ -= bytes;
  Grant();
}

void MemoryBudget::Grant() {
  while (has_waiters()) {
    Waiter& first = static_cast<Waiter&>(*waiters_.next);
    if (!Fits(first.bytes())) return;
    used_bytes_ += first.bytes();
    first.SetGranted();
  }
}

size_t MemoryBudget::missing_bytes() const {
  if (!has_waiters()) return 0;
  const size_t wanted = std::min(static_cast<const Waiter&>(*waiters_.next).bytes(), bytes_max_);
  return used_bytes_ + wanted - bytes_max_;
}

}  // namespace lockstep::edge
