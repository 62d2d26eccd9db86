// Put and DeleteRange, alone or inside a transaction.
#ifndef LOCKSTEP_KV_WRITE_H_
#define LOCKSTEP_KV_WRITE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/changes.h"
#include "kv/verdict.h"

namespace etcdserverpb {
class DeleteRangeRequest;
class DeleteRangeResponse;
class PutRequest;
class PutResponse;
}  // namespace etcdserverpb

namespace lockstep::kv {

// What the state says against a put: a lease that does not exist, nothing to keep the value or the
// lease of. REQUIRES: CheckPut found nothing.
absl::StatusOr<Verdict> CheckPutAgainst(Fiber& fiber, const machine::StoreView& view,
                                        const etcdserverpb::PutRequest& request);

// REQUIRES: CheckPutAgainst found nothing, before this request or, in a transaction, before its
// first operation. If an earlier operation deleted the key that a put keeps the value of, an empty
// value is kept (etcd aborts there).
absl::Status ExecutePut(Fiber& fiber, Changes& changes, const etcdserverpb::PutRequest& request,
                        etcdserverpb::PutResponse& response);

absl::Status ExecuteDeleteRange(Fiber& fiber, Changes& changes,
                                const etcdserverpb::DeleteRangeRequest& request,
                                etcdserverpb::DeleteRangeResponse& response);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_WRITE_H_
