#ifndef LOCKSTEP_FRAMEWORK_RUNTIME_MAILBOX_H_
#define LOCKSTEP_FRAMEWORK_RUNTIME_MAILBOX_H_

#include "absl/functional/any_invocable.h"
#include "framework/base/ids.h"

namespace lockstep::runtime {

// The only way between shards of a node.
class Mailbox {
 public:
  virtual ~Mailbox() = default;
  // `deliver` runs later on the thread of shard `to`, outside any fiber (spawn one if it must
  // wait). Posts from one shard to another arrive in order. Does not suspend. REQUIRES: to <
  // shard_count(). Dropped if the node stops first.
  virtual void Post(ShardId to, absl::AnyInvocable<void()> deliver) = 0;
  virtual uint32_t shard_count() const = 0;
};

}  // namespace lockstep::runtime

#endif  // LOCKSTEP_FRAMEWORK_RUNTIME_MAILBOX_H_
