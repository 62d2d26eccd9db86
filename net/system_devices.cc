#include "net/system_devices.h"

#include <sys/random.h>
#include <time.h>

#include <cerrno>
#include <system_error>

#include "framework/base/check.h"

namespace lockstep::net {

WallTime SystemClock::Wall() {
  timespec now;
  CHECK_EQ(clock_gettime(CLOCK_REALTIME, &now), 0);
  return {now.tv_sec * 1'000'000'000 + now.tv_nsec};
}

uint64_t SystemRandom::Draw(std::string_view) {
  if (left_ == 0) Refill();
  return std::exchange(buffer_[--left_], 0);
}

void SystemRandom::Refill() {
  auto* const bytes = reinterpret_cast<char*>(buffer_.data());
  size_t done = 0;
  while (done < sizeof(buffer_)) {
    const ssize_t n = getrandom(bytes + done, sizeof(buffer_) - done, 0);
    CHECK(n > 0 || errno == EINTR) << "getrandom: " << std::generic_category().message(errno);
    if (n > 0) done += static_cast<size_t>(n);
  }
  left_ = buffer_.size();
}

void LoopMailbox::Post(ShardId to, absl::AnyInvocable<void()> deliver) {
  CHECK_LT(to.value(), loops_.size());
  loops_[to.value()]->Post(std::move(deliver));
}

}  // namespace lockstep::net
