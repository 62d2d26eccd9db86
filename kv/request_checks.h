// What can be said against a request by looking at it alone: etcd's checks, in etcd's order.
//
// Pure functions. The service asks before it proposes; Apply asks again, because an entry's content
// proves nothing.
#ifndef LOCKSTEP_KV_REQUEST_CHECKS_H_
#define LOCKSTEP_KV_REQUEST_CHECKS_H_

#include <cstddef>

#include "kv/verdict.h"

namespace etcdserverpb {
class DeleteRangeRequest;
class PutRequest;
class RangeRequest;
class TxnRequest;
}  // namespace etcdserverpb

namespace lockstep::kv {

// Compares, or operations of one branch, of a transaction. A nested transaction may have as many as
// its parent left over. The first is etcd's default for what a node takes in; the second is part of
// the replicated state machine: what members are configured to differ in must not make them
// diverge.
inline constexpr int kTxnOpsMax = 128;
inline constexpr int kTxnOpsCeiling = 1024;

Verdict CheckRange(const etcdserverpb::RangeRequest& request);
Verdict CheckPut(const etcdserverpb::PutRequest& request);
Verdict CheckDeleteRange(const etcdserverpb::DeleteRangeRequest& request);
// First the number of operations and each operation's fields, then the keys that a branch writes
// twice.
Verdict CheckTxn(const etcdserverpb::TxnRequest& request, int ops_max = kTxnOpsMax);

// Whether no operation, in either branch, can write.
bool IsReadOnly(const etcdserverpb::TxnRequest& request);
// Whether all operations are ranges that are content with local state. A transaction that only
// compares is not.
bool IsSerializable(const etcdserverpb::TxnRequest& request);

// Whether the answer may hold keys and values, of whatever size.
bool AnswersKeys(const etcdserverpb::TxnRequest& request);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_REQUEST_CHECKS_H_
