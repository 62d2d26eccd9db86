// Snapshots between nodes: the group's rows, streamed from a pinned view to a staged file.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_SNAPSHOT_TRANSFER_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_SNAPSHOT_TRANSFER_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/base/time.h"
#include "framework/machine/ordered_store.h"
#include "framework/raft/types.h"
#include "framework/replica/snapshot_store.h"
#include "framework/runtime/network.h"
#include "framework/wire/codec.h"

namespace lockstep::replica {

// What SnapshotEnd says of the rows before it.
class SnapshotSums final {
 public:
  void Add(const wire::SnapshotRow& row);
  const wire::SnapshotEnd& end() const { return end_; }

 private:
  wire::SnapshotEnd end_;
};

// Streams everything that `view` holds of a group and waits for the receiver's verdict: OK when it
// is durable there. Suspends. Returns what the snapshot holds.
absl::StatusOr<raft::SnapshotMeta> SendSnapshot(Fiber& fiber, GroupId group, NodeId self,
                                                raft::Term term, const machine::StoreView& view,
                                                runtime::Stream& stream, Duration stall_timeout);

// Receives a snapshot into `store`; durable there on return. Suspends. The caller answers with
// SnapshotResult.
absl::StatusOr<wire::SnapshotBegin> ReceiveSnapshot(Fiber& fiber, runtime::Stream& stream,
                                                    wire::FrameDecoder& decoder,
                                                    SnapshotStore& store, Duration stall_timeout);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_SNAPSHOT_TRANSFER_H_
