// Log: the write-ahead log of one shard, shared by all its Raft groups.
//
// One data sync makes a batch of writes of any number of groups durable. Bytes: log_format.h and
// docs/formats.md.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_LOG_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_LOG_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/base/ids.h"
#include "framework/base/time.h"
#include "framework/fiber/scheduler.h"
#include "framework/raft/effects.h"
#include "framework/runtime/cipher.h"
#include "framework/runtime/environment.h"

namespace lockstep::replica {

// What the log holds of one group.
struct RecoveredGroup final {
  raft::HardState hard_state;
  raft::SnapshotMeta snapshot;       // index 0: none
  std::vector<raft::Entry> entries;  // contiguous from snapshot.index + 1
};

// Who wants to know that its writes are durable: one per group.
class LogClient {
 public:
  virtual ~LogClient() = default;
  // Write `id` and all earlier ones of the group are durable. Called by the writer's fiber, in
  // order, at most once per id; must not suspend. May call Append and Compact.
  virtual void OnDurable(raft::WriteId id) = 0;
};

struct LogOptions final {
  ClusterId cluster;                        // a log of another cluster is refused
  std::string directory;                    // created if missing; the log's alone
  const runtime::Cipher* cipher = nullptr;  // outlives the log; null: nothing is sealed
  uint64_t segment_bytes = 8 * 1024 * 1024;
  size_t batch_bytes_max = 4 * 1024 * 1024;  // soft: a single larger write goes alone
  // Preparing segments ahead: so many bytes of zeros, then a pause.
  size_t prewrite_chunk_bytes = 256 * 1024;
  Duration prewrite_pause = Milliseconds(5);
  // How long to wait before trying again to write when the disk is full.
  Duration no_space_pause = Milliseconds(200);
};

struct LogStats final {
  uint64_t batches = 0;         // written and synced
  uint64_t writes = 0;          // Appends in them
  uint64_t syncs = 0;           // data syncs for acknowledgement
  uint64_t bytes_written = 0;   // of batches
  uint64_t bytes_retained = 0;  // used bytes of all segments that are kept
  uint64_t segments = 0;        // that are kept
  uint64_t segments_recycled = 0;
};

// Invariants:
//   1. OnDurable(id) is called only after the batch with that write was synced.
//   2. A segment is dropped only when a durable record says, for every group, that the entries in
//      it are not needed; older segments first.
//   3. After a failed write or sync nothing is acknowledged any more.
// Owned by the shard; outlives nothing that it was given. Open and Run suspend, nothing else does.
class Log final {
 public:
  using Options = LogOptions;
  using Stats = LogStats;

  // Recovers what is there and makes it durable. `recovered` gets every group that the log knows.
  // DATA_LOSS: acknowledged bytes are damaged or missing: restore this replica from its peers.
  // FAILED_PRECONDITION: a log of another cluster, node, shard or format version, or sealed by
  // other keys.
  static absl::StatusOr<std::unique_ptr<Log>> Open(Fiber& fiber, runtime::Environment& environment,
                                                   const Options& options,
                                                   std::map<GroupId, RecoveredGroup>* recovered);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  // REQUIRES: Run has returned or its fiber was unwound.
  ~Log();

  // `client` hears of writes that become durable from now on, until Unregister. REQUIRES: the
  // group has no other.
  void Register(GroupId group, LogClient& client);
  void Unregister(GroupId group);

  // Queues the write. Writes of a group become durable in order. Dropped after a failure.
  void Append(GroupId group, raft::Persist persist);

  // Entries up to meta.index are no longer needed; the state machine's *durable* state covers
  // them. Recorded with the next batch; segments that nobody needs go after that. A smaller index
  // than before has no effect.
  void Compact(GroupId group, const raft::SnapshotMeta& meta);

  // The writer: takes all that is queued, across groups, writes and syncs it as one batch, tells
  // the clients; and so on. Returns only after a failed write or sync (the node must stop: what
  // the disk holds is not known any more). A full disk is waited for. REQUIRES: called once.
  absl::Status Run(Fiber& fiber);

  Stats stats() const;
  // Bytes of the group's records in segments that it keeps from being dropped.
  uint64_t BytesRetained(GroupId group) const;
  // The group whose old entries keep the oldest segment, if any does.
  std::optional<GroupId> OldestNeededBy() const;
  // Queued and not yet durable.
  size_t queued_writes() const;
  // The writer is waiting for space: refuse new commands.
  bool out_of_space() const;

 private:
  class Core;
  explicit Log(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_LOG_H_
