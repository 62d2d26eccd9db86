// SnapshotStore: snapshots that were received from a leader, as files, until they are installed.
//
// A snapshot is written to a temporary name, synced, renamed, and its directory synced, before the
// core hears of it. It is removed only when the state that it became is flushed: until then a crash
// may lose that state, and recovery installs the file again.
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

// Writes one snapshot. Destroyed before Commit, it leaves a temporary file that the next Begin
// replaces. All methods may suspend.
class SnapshotWriter final {
 public:
  SnapshotWriter(runtime::Disk& disk, std::string directory, std::string final_path,
                 std::unique_ptr<runtime::File> file);

  absl::Status Append(Fiber& fiber, const wire::Frame& frame);
  // Durable on return, under its final name.
  absl::Status Commit(Fiber& fiber);

 private:
  runtime::Disk& disk_;
  std::string directory_;
  std::string final_path_;
  std::unique_ptr<runtime::File> file_;
  uint64_t offset_ = 0;
  std::string buffer_;
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

 private:
  absl::StatusOr<wire::Frame> ReadFrame(Fiber& fiber);

  std::unique_ptr<runtime::File> file_;
  std::string path_;
  uint64_t offset_ = 0;
  wire::FrameDecoder decoder_;
  wire::SnapshotEnd end_;
};

// The staged snapshots of a shard, by group and the index at which they were taken. Methods may
// suspend.
class SnapshotStore final {
 public:
  SnapshotStore(runtime::Disk& disk, std::string directory);

  absl::Status Open(Fiber& fiber);
  absl::StatusOr<std::unique_ptr<SnapshotWriter>> Begin(Fiber& fiber, GroupId group,
                                                        raft::Index index);
  // The committed snapshot at exactly this index. NOT_FOUND: there is none.
  absl::StatusOr<std::unique_ptr<SnapshotReader>> Read(Fiber& fiber, GroupId group,
                                                       raft::Index index);
  // Removes the group's snapshots up to `index`: their state is flushed.
  absl::Status RemoveUpTo(Fiber& fiber, GroupId group, raft::Index index);

 private:
  std::string Path(GroupId group, raft::Index index) const;

  runtime::Disk& disk_;
  std::string directory_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_SNAPSHOT_STORE_H_
