// SnapshotStore: snapshots that were received from a leader, as files, until they are installed.
//
// A snapshot is written to a temporary name, synced, renamed, and its directory synced, before the
// core hears of it. It is removed only when the state that it became is flushed: until then a crash
// may lose that state, and recovery installs the file again.
//
// What there is of a snapshot that is still being received stays under the temporary name, also
// over a restart: the sender goes on behind it. One of another transfer is thrown away.
//
// File: the very frames of the snapshot stream (docs/formats.md): SnapshotBegin, chunks, End.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_SNAPSHOT_STORE_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_SNAPSHOT_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/raft/types.h"
#include "framework/runtime/disk.h"
#include "framework/wire/codec.h"
#include "framework/wire/frames.h"

namespace lockstep::replica {

// What SnapshotEnd says of the rows before it.
class SnapshotSums final {
 public:
  SnapshotSums() = default;
  // Goes on behind those rows.
  explicit SnapshotSums(const wire::SnapshotEnd& end) : end_(end) {}
  void Add(const wire::SnapshotRow& row);
  const wire::SnapshotEnd& end() const { return end_; }

 private:
  wire::SnapshotEnd end_;
};

// Writes one snapshot. Destroyed before Commit, it leaves a temporary file that Resume may go on
// with. All methods may suspend.
class SnapshotWriter final {
 public:
  // From `offset` on.
  SnapshotWriter(runtime::Disk& disk, std::string directory, std::string final_path,
                 std::unique_ptr<runtime::File> file, uint64_t offset);

  // Durable only now and then.
  absl::Status Append(Fiber& fiber, const wire::Frame& frame);
  // Durable on return, under its final name.
  absl::Status Commit(Fiber& fiber);

 private:
  runtime::Disk& disk_;
  std::string directory_;
  std::string final_path_;
  std::unique_ptr<runtime::File> file_;
  uint64_t offset_;
  uint64_t unsynced_bytes_ = 0;
};

// Reads one snapshot, chunk by chunk.
class SnapshotReader final {
 public:
  SnapshotReader(std::unique_ptr<runtime::File> file, std::string path);

  // The first frame. DATA_LOSS: this is no whole snapshot.
  absl::StatusOr<wire::SnapshotBegin> ReadBegin(Fiber& fiber);
  // The next rows; nothing after the last. DATA_LOSS: damaged or cut short.
  absl::StatusOr<std::optional<wire::SnapshotChunk>> ReadChunk(Fiber& fiber);
  // What the sender counted. REQUIRES: ReadChunk returned nothing.
  const wire::SnapshotEnd& end() const { return end_; }
  // Where the file goes on behind what was read.
  uint64_t consumed() const { return offset_ - decoder_.buffered_bytes(); }

 private:
  absl::StatusOr<wire::Frame> ReadFrame(Fiber& fiber);

  std::unique_ptr<runtime::File> file_;
  std::string path_;
  uint64_t offset_ = 0;
  wire::FrameDecoder decoder_;
  wire::SnapshotEnd end_;
};

// A snapshot of which chunks [0, chunks) are staged.
struct PartialSnapshot final {
  std::unique_ptr<SnapshotWriter> writer;  // behind them
  uint64_t chunks = 0;
  SnapshotSums sums;
};

// The staged snapshots of a shard, by group and the index at which they were taken. Methods may
// suspend.
class SnapshotStore final {
 public:
  SnapshotStore(runtime::Disk& disk, std::string directory);

  absl::Status Open(Fiber& fiber);
  absl::StatusOr<std::unique_ptr<SnapshotWriter>> Begin(Fiber& fiber, GroupId group,
                                                        raft::Index index);
  // What is staged of this transfer; nothing yet, if it is another one or cannot be read.
  absl::StatusOr<PartialSnapshot> Resume(Fiber& fiber, const wire::SnapshotBegin& begin);
  // Throws away what is staged and not committed of the group.
  absl::Status Discard(Fiber& fiber, GroupId group);
  // The committed snapshot at exactly this index. NOT_FOUND: there is none.
  absl::StatusOr<std::unique_ptr<SnapshotReader>> Read(Fiber& fiber, GroupId group,
                                                       raft::Index index);
  // Removes the group's snapshots up to `index`: their state is flushed.
  absl::Status RemoveUpTo(Fiber& fiber, GroupId group, raft::Index index);

 private:
  std::string Path(GroupId group, raft::Index index) const;
  absl::StatusOr<PartialSnapshot> Continue(Fiber& fiber, const wire::SnapshotBegin& begin);
  absl::Status RemoveIf(Fiber& fiber, GroupId group, const char* suffix, raft::Index index_max);

  runtime::Disk& disk_;
  std::string directory_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_SNAPSHOT_STORE_H_
