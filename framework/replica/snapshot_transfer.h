// Snapshots between nodes: the group's rows, streamed from a pinned view to a staged file, in as
// many attempts as it takes.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_SNAPSHOT_TRANSFER_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_SNAPSHOT_TRANSFER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/base/time.h"
#include "framework/machine/ordered_store.h"
#include "framework/raft/types.h"
#include "framework/replica/pace.h"
#include "framework/replica/snapshot_store.h"
#include "framework/runtime/network.h"
#include "framework/wire/codec.h"

namespace lockstep::replica {

struct SnapshotOptions final {
  size_t chunk_bytes = 256 * 1024;
  // Of all that a shard sends, and a quarter of it where others go first; 0: no limit.
  uint64_t bytes_per_second = 64 * 1024 * 1024;
  Duration stall_timeout = Seconds(10);  // of a write or a read
  // An attempt that brought nothing is repeated so often, after a pause each time.
  int attempts_max = 20;
  Duration retry_pause = Milliseconds(200);
};

// One snapshot on its way to one follower. It remembers where each chunk ended, so that another
// attempt begins where the receiver says, with the very same chunks. (About 100 bytes for each.)
//
// Belongs to the fiber that sends. SendTo suspends.
class SnapshotSource final {
 public:
  struct Parts {
    GroupId group;
    NodeId self;
    raft::Term term;
    const machine::StoreView& view;
    uint64_t transfer = 1;  // see wire::SnapshotBegin
    Pace& pace;
    const SnapshotOptions& options;
    std::function<bool()> is_wanted;  // asked before each chunk
    // Whether others go first, now that so many bytes of it are sent; asked before each chunk, too.
    std::function<bool(uint64_t)> may_wait;
  };

  explicit SnapshotSource(Parts parts) : parts_(std::move(parts)) {}
  SnapshotSource(const SnapshotSource&) = delete;
  SnapshotSource& operator=(const SnapshotSource&) = delete;

  // Streams what the receiver lacks and waits for its verdict: OK when the snapshot is durable
  // there. `version` is the connection's. Returns what it holds. ABORTED: it is refused, or no
  // longer wanted; another attempt would be no use.
  absl::StatusOr<raft::SnapshotMeta> SendTo(Fiber& fiber, runtime::Stream& stream,
                                            uint32_t version);
  // In all attempts together.
  uint64_t chunks() const { return ends_.size(); }

 private:
  // Where a chunk ended.
  struct ChunkEnd final {
    size_t column = 0;
    std::string key;
    wire::SnapshotEnd sums;
  };

  absl::StatusOr<size_t> AskWhereToGoOn(Fiber& fiber, runtime::Stream& stream,
                                        wire::FrameDecoder& decoder) const;
  absl::Status SendRows(Fiber& fiber, runtime::Stream& stream, size_t chunk);
  absl::Status SendChunk(Fiber& fiber, runtime::Stream& stream, const wire::SnapshotChunk& chunk);
  // Waits as if it were so many times as long.
  absl::Status Write(Fiber& fiber, runtime::Stream& stream, const wire::Frame& frame,
                     uint64_t slowness = 1) const;

  const Parts parts_;
  std::vector<ChunkEnd> ends_;
  uint64_t sent_bytes_ = 0;  // of the chunks in ends_
};

// The first frame. Suspends.
absl::StatusOr<wire::SnapshotBegin> ReadSnapshotBegin(Fiber& fiber, runtime::Stream& stream,
                                                      wire::FrameDecoder& decoder,
                                                      Duration stall_timeout);
// Receives what follows `begin` into `store`; durable there on return. What arrived before an error
// stays for the next attempt. Suspends. The caller answers with SnapshotResult. REQUIRES: nobody
// else receives a snapshot of the group.
absl::Status ReceiveSnapshot(Fiber& fiber, const wire::SnapshotBegin& begin,
                             runtime::Stream& stream, wire::FrameDecoder& decoder,
                             SnapshotStore& store, Duration stall_timeout);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_SNAPSHOT_TRANSFER_H_
