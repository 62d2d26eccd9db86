// How a node that has no data yet learns what it joins.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_JOIN_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_JOIN_H_

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/base/time.h"
#include "framework/replica/member_list.h"
#include "framework/runtime/network.h"

namespace lockstep::replica {

// Asks the members at these addresses (of their first shards) one after another, until one gives an
// answer that `is_good` accepts, or the deadline. Otherwise the last error: is_good's, or
// UNAVAILABLE if nobody answered. Suspends.
absl::StatusOr<JoinInfo> AskToJoin(Fiber& fiber, runtime::Network& network,
                                   const std::vector<runtime::Address>& addresses,
                                   const std::function<absl::Status(const JoinInfo&)>& is_good,
                                   MonoTime deadline);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_JOIN_H_
