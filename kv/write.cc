#include "kv/write.h"

#include "framework/base/status_macros.h"
#include "kv/keyspace.h"
#include "kv/proto/rpc.pb.h"
#include "kv/range.h"

namespace lockstep::kv {

absl::StatusOr<Verdict> CheckPutAgainst(Fiber& fiber, const machine::StoreView& view,
                                        const etcdserverpb::PutRequest& request) {
  // Nothing grants leases yet, so none exists.
  if (request.lease() != 0) return &kLeaseNotFound;
  if (request.ignore_value() || request.ignore_lease()) {
    ASSIGN_OR_RETURN(const auto row, GetNewestRow(fiber, view, request.key()));
    if (!row.has_value()) return &kKeyNotFound;
  }
  return nullptr;
}

absl::Status ExecutePut(Fiber& fiber, Changes& changes, const etcdserverpb::PutRequest& request,
                        etcdserverpb::PutResponse& response) {
  const Changes::NewValue value{.value = request.value(),
                                .lease = request.lease(),
                                .keep_value = request.ignore_value(),
                                .keep_lease = request.ignore_lease(),
                                .tell_previous = request.prev_kv()};
  const auto on_previous = [&](std::string_view key, const Record& previous) {
    FillKeyValue(key, previous, *response.mutable_prev_kv());
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(changes.Put(fiber, request.key(), value, on_previous));
  response.mutable_header()->set_revision(changes.head().revision);
  return absl::OkStatus();
}

absl::Status ExecuteDeleteRange(Fiber& fiber, Changes& changes,
                                const etcdserverpb::DeleteRangeRequest& request,
                                etcdserverpb::DeleteRangeResponse& response) {
  const KeyRange range(request.key(), request.range_end());
  const auto on_previous = [&](std::string_view key, const Record& previous) {
    if (request.prev_kv()) FillKeyValue(key, previous, *response.add_prev_kvs());
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(const int64_t deleted, changes.Delete(fiber, range, on_previous));
  response.set_deleted(deleted);
  response.mutable_header()->set_revision(changes.head().revision);
  return absl::OkStatus();
}

}  // namespace lockstep::kv
