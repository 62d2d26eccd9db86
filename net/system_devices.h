// The small devices of a production shard: clocks, entropy, fault points, the way between shards.
#ifndef LOCKSTEP_NET_SYSTEM_DEVICES_H_
#define LOCKSTEP_NET_SYSTEM_DEVICES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "framework/runtime/clock.h"
#include "framework/runtime/fault_points.h"
#include "framework/runtime/mailbox.h"
#include "framework/runtime/random.h"
#include "net/loop.h"

namespace lockstep::net {

// The machine's clocks, read at every call: a lease is not judged by the time of the last wait.
// Never behind the scheduler's now(), which is the same clock a little earlier.
class SystemClock final : public runtime::Clock {
 public:
  MonoTime Monotonic() override { return ReadMonotonicClock(); }
  WallTime Wall() override;
};

// The kernel's entropy, fetched a buffer at a time. A value of it is given out once and erased.
class SystemRandom final : public runtime::Random {
 public:
  uint64_t Draw(std::string_view purpose) override;

 private:
  void Refill();

  std::array<uint64_t, 64> buffer_{};
  size_t left_ = 0;
};

class NoFaultPoints final : public runtime::FaultPoints {
 public:
  bool Fire(std::string_view) override { return false; }
};

// Posts to the loops of the node's shards. Owned by a shard; the loops outlive it.
class LoopMailbox final : public runtime::Mailbox {
 public:
  explicit LoopMailbox(std::vector<Loop*> loops) : loops_(std::move(loops)) {}

  void Post(ShardId to, absl::AnyInvocable<void()> deliver) override;
  uint32_t shard_count() const override { return static_cast<uint32_t>(loops_.size()); }

 private:
  std::vector<Loop*> loops_;  // by ShardId
};

}  // namespace lockstep::net

#endif  // LOCKSTEP_NET_SYSTEM_DEVICES_H_
