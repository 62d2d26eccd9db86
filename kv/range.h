// Range: reading keys, with every option of the request.
#ifndef LOCKSTEP_KV_RANGE_H_
#define LOCKSTEP_KV_RANGE_H_

#include "absl/status/statusor.h"
#include "framework/machine/ordered_store.h"
#include "kv/head.h"
#include "kv/record.h"
#include "kv/verdict.h"

namespace etcdserverpb {
class RangeRequest;
class RangeResponse;
}  // namespace etcdserverpb
namespace mvccpb {
class KeyValue;
}

namespace lockstep::kv {

// Answers the request as of `head`, which the view holds. REQUIRES: CheckRange found nothing.
// Refuses revisions that are compacted or still to come; `response` is empty then.
absl::StatusOr<Verdict> ExecuteRange(Fiber& fiber, const machine::StoreView& view, const Head& head,
                                     const etcdserverpb::RangeRequest& request,
                                     etcdserverpb::RangeResponse& response);

// The message form of a version.
void FillKeyValue(std::string_view key, const Record& record, mvccpb::KeyValue& out);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_RANGE_H_
