// HashKV: the checksum over all versions up to a revision that etcd's members, and tools, compare.
#ifndef LOCKSTEP_KV_HASH_KV_H_
#define LOCKSTEP_KV_HASH_KV_H_

#include "absl/status/statusor.h"
#include "framework/machine/ordered_store.h"
#include "kv/head.h"
#include "kv/verdict.h"

namespace etcdserverpb {
class HashKVRequest;
class HashKVResponse;
}  // namespace etcdserverpb

namespace lockstep::kv {

// The same value as etcd gives for the same commands: versions in the order of the changes, in the
// form of etcd's rows; of those up to the compacted revision only the ones that are current at the
// hashed revision, so that it does not matter what a sweep has removed. Reads the whole key space.
absl::StatusOr<Verdict> ExecuteHashKv(Fiber& fiber, const machine::StoreView& view,
                                      const Head& head, const etcdserverpb::HashKVRequest& request,
                                      etcdserverpb::HashKVResponse& response);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_HASH_KV_H_
