// The identities that run through every layer.
#ifndef LOCKSTEP_FRAMEWORK_BASE_IDS_H_
#define LOCKSTEP_FRAMEWORK_BASE_IDS_H_

#include "framework/base/strong_int.h"

namespace lockstep {

// A cluster; on every peer connection, so that two clusters never mix. Derived from the initial
// member list and the cluster token.
using ClusterId = base::StrongInt<struct ClusterIdTag>;
// A node: one process, one data directory. Also the identity of its replica in every Raft group.
// Zero means "none".
using NodeId = base::StrongInt<struct NodeIdTag>;
// One Raft group (one replicated log).
using GroupId = base::StrongInt<struct GroupIdTag>;
// A shard of a node: one thread with its own scheduler, groups, log and store. Dense from 0.
using ShardId = base::StrongInt<struct ShardIdTag, uint32_t>;
// A client session that makes retries apply once; random, drawn per incarnation of its owner.
using SessionId = base::StrongInt<struct SessionIdTag>;
// Numbers the requests of one session from 1, without gaps.
using RequestNumber = base::StrongInt<struct RequestNumberTag>;

}  // namespace lockstep

#endif  // LOCKSTEP_FRAMEWORK_BASE_IDS_H_
