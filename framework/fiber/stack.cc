#include "framework/fiber/stack.h"

#include <sys/mman.h>

#include "framework/base/check.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace lockstep::fiber {
namespace {
constexpr size_t kPage = 4096;
}  // namespace

StackPool::StackPool(size_t bytes) : stack_bytes_((bytes + kPage - 1) & ~(kPage - 1)) {}

StackPool::~StackPool() {
  CHECK_EQ(in_use_, 0u) << "a scheduler was destroyed before its fibers";
  for (const Stack& stack : free_) {
    munmap(stack.base - kPage, stack_bytes_ + kPage);
#if defined(__SANITIZE_THREAD__)
    __tsan_destroy_fiber(stack.sanitizer_fiber);
#endif
  }
}

Stack StackPool::Acquire() {
  ++in_use_;
  if (!free_.empty()) {
    const Stack stack = free_.back();
    free_.pop_back();
    return stack;
  }
  void* memory = mmap(nullptr, stack_bytes_ + kPage, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  CHECK(memory != MAP_FAILED) << "no address space for a fiber stack";
  CHECK_EQ(mprotect(memory, kPage, PROT_NONE), 0);
  Stack stack{static_cast<char*>(memory) + kPage, nullptr};
#if defined(__SANITIZE_THREAD__)
  stack.sanitizer_fiber = __tsan_create_fiber(0);
#endif
  return stack;
}

void StackPool::Release(Stack stack) {
  CHECK_GT(in_use_, 0u);
  --in_use_;
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(stack.base, stack_bytes_);
#endif
  free_.push_back(stack);
}

}  // namespace lockstep::fiber
