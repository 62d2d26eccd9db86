// The identity of a shard's data: whose it is, how the node is laid out, and who the cluster began
// with. The first file that a shard writes and the first that it reads. There is a copy: of two
// files that are never written at the same time, one is left.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_IDENTITY_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_IDENTITY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/base/ids.h"
#include "framework/replica/member_list.h"
#include "framework/runtime/disk.h"

namespace lockstep::replica {

// Where the data of a shard is, below the node's: identity, log and state.
std::string ShardPath(ShardId shard);

struct Identity final {
  // Of everything in a shard's directory. 2: results of sessions per batch, values by revision
  // (kv). 3: the directory's id and the initial members.
  static constexpr uint32_t kFormatVersion = 3;
  static constexpr uint32_t kFormatVersionMin = 2;

  uint32_t format_version = kFormatVersion;
  ClusterId cluster;
  NodeId node;
  uint32_t shard_count = 1;
  // Drawn when the directory was claimed, never 0 then: a directory that lost its content and is
  // claimed again is another one. Peers remember it (docs/decisions/0010).
  uint64_t directory = 0;
  // What the replicated state of a fresh replica starts from. Settled with the claim: a restart
  // between joining and the first entry must not begin with something else.
  std::vector<Member> initial;

  bool operator==(const Identity&) const = default;
};

// The files' content, one line of text with a checksum (docs/formats.md), and back. DATA_LOSS: it
// is damaged.
std::string EncodeIdentity(const Identity& identity);
absl::Status DecodeIdentity(const std::string& text, Identity* identity);

// Whose `directory` it is, from whichever file is whole. NOT_FOUND, DATA_LOSS. Suspends.
absl::StatusOr<Identity> ReadIdentity(Fiber& fiber, runtime::Disk& disk,
                                      const std::string& directory);

// DATA_LOSS: one of its files is damaged, whether or not the other is whole. Suspends.
absl::Status CheckIdentityFiles(Fiber& fiber, runtime::Disk& disk, const std::string& directory);

// Claims the shard's `directory` for `wanted`, durably, or checks that it is its own, and returns
// what it is claimed for: the id and the initial members are then those of the first claim. Creates
// it; a file that is damaged is written again from the other. FAILED_PRECONDITION: it belongs to
// another cluster or node, has another number of shards, or was written by a newer or a too old
// version; the message says which and what to do. Suspends.
absl::StatusOr<Identity> ClaimDirectory(Fiber& fiber, runtime::Disk& disk,
                                        const std::string& directory, const Identity& wanted);

// Whether somebody has claimed it. Suspends.
absl::StatusOr<bool> IsClaimed(Fiber& fiber, runtime::Disk& disk, const std::string& directory);

// Writes a file whole, durably once its directory is synced: by a temporary name. Suspends.
absl::Status ReplaceFile(Fiber& fiber, runtime::Disk& disk, const std::string& path,
                         const std::string& content);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_IDENTITY_H_
