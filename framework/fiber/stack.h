// Stacks for fibers: mapped once, pooled for ever after, each above a guard page.
#ifndef LOCKSTEP_FRAMEWORK_FIBER_STACK_H_
#define LOCKSTEP_FRAMEWORK_FIBER_STACK_H_

#include <cstddef>
#include <vector>

namespace lockstep::fiber {

struct Stack final {
  char* base = nullptr;             // lowest usable address
  void* sanitizer_fiber = nullptr;  // TSan's object; costly to make, so it lives with the stack
};

// Owned by one Scheduler. Only address space is reserved: an idle fiber costs one page.
class StackPool final {
 public:
  // `bytes` is rounded up to whole pages.
  explicit StackPool(size_t bytes);
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;
  // REQUIRES: every stack was released.
  ~StackPool();

  Stack Acquire();
  void Release(Stack stack);
  size_t stack_bytes() const { return stack_bytes_; }

 private:
  size_t stack_bytes_;
  size_t in_use_ = 0;
  std::vector<Stack> free_;
};

}  // namespace lockstep::fiber

#endif  // LOCKSTEP_FRAMEWORK_FIBER_STACK_H_
