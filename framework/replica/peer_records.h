// PeerRecords: which data directory each peer had when it first came, durably.
//
// The replicated member list says the same, but later: this record is there before anything that
// the peer says is listened to (docs/decisions/0010). A file of the shard's directory, "PEERS".
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_PEER_RECORDS_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_PEER_RECORDS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "framework/base/ids.h"
#include "framework/fiber/sync.h"
#include "framework/runtime/disk.h"

namespace lockstep::replica {

// Owned by the Shard.
class PeerRecords final {
 public:
  PeerRecords(runtime::Disk& disk, std::string directory)
      : disk_(disk), directory_(std::move(directory)) {}

  // Suspends. DATA_LOSS: the file is damaged.
  absl::Status Load(Fiber& fiber);
  // 0: it never came.
  uint64_t Find(NodeId peer) const;
  // Durable on return, unless the peer is known: then nothing changes. Suspends.
  absl::Status Record(Fiber& fiber, NodeId peer, uint64_t directory);

 private:
  static constexpr size_t kRecordsMax = 1024;

  std::string Encode() const;

  runtime::Disk& disk_;
  std::string directory_;
  std::map<NodeId, uint64_t> records_;  // all durable
  fiber::Semaphore writing_{1};
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_PEER_RECORDS_H_
