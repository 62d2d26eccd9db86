// Txn: compares, then the operations of one branch, as one revision.
#ifndef LOCKSTEP_KV_TXN_H_
#define LOCKSTEP_KV_TXN_H_

#include "absl/status/statusor.h"
#include "kv/changes.h"
#include "kv/verdict.h"

namespace etcdserverpb {
class TxnRequest;
class TxnResponse;
}  // namespace etcdserverpb

namespace lockstep::kv {

// Executes the transaction. All compares, also those of nested transactions, see the state before
// the first operation; reads see the operations before them. A refusal leaves everything as it was.
// REQUIRES: CheckTxn found nothing.
absl::StatusOr<Verdict> ExecuteTxn(Fiber& fiber, Changes& changes,
                                   const etcdserverpb::TxnRequest& request,
                                   etcdserverpb::TxnResponse& response);

// The same over a view. REQUIRES: IsReadOnly(request).
absl::StatusOr<Verdict> ExecuteReadOnlyTxn(Fiber& fiber, const machine::StoreView& view,
                                           const Head& head,
                                           const etcdserverpb::TxnRequest& request,
                                           etcdserverpb::TxnResponse& response);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_TXN_H_
