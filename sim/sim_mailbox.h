// SimMailbox: posts between the shards of one node.
#ifndef LOCKSTEP_SIM_SIM_MAILBOX_H_
#define LOCKSTEP_SIM_SIM_MAILBOX_H_

#include <utility>
#include <vector>

#include "framework/base/check.h"
#include "framework/runtime/mailbox.h"
#include "sim/process.h"

namespace lockstep::sim {

// Posts from one shard to another arrive in order, after a short delay; they die with the process.
// One per shard.
class SimMailbox final : public runtime::Mailbox {
 public:
  SimMailbox(Process& process, ShardId from, uint32_t shard_count)
      : process_(process), from_(from), last_arrival_(shard_count) {}

  void Post(ShardId to, absl::AnyInvocable<void()> deliver) override {
    CHECK_LT(to.value(), shard_count());
    World& world = process_.world();
    const uint64_t key = KeyOf(process_.node().value(), from_.value(), to.value());
    const Duration jitter = world.draws().Exponential("mailbox.delay", key, Microseconds(1));
    VirtualTime& last = last_arrival_[to.value()];
    // Equal times would do: events of one origin keep their order.
    last = std::max(last, world.now() + Microseconds(1) + jitter);
    process_.After(last - world.now(), EventKind::kMailbox, key, std::move(deliver));
  }
  uint32_t shard_count() const override { return static_cast<uint32_t>(last_arrival_.size()); }

 private:
  Process& process_;
  ShardId from_;
  std::vector<VirtualTime> last_arrival_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_SIM_MAILBOX_H_
