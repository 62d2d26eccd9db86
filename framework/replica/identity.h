// The identity of a shard's data: whose it is and how the node is laid out. The first file that a
// shard writes and the first that it reads.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_IDENTITY_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_IDENTITY_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/base/ids.h"
#include "framework/runtime/disk.h"

namespace lockstep::replica {

struct Identity final {
  // Of everything in a shard's directory. 2: results of sessions per batch, values by revision
  // (kv).
  static constexpr uint32_t kFormatVersion = 2;
  static constexpr uint32_t kFormatVersionMin = 2;

  uint32_t format_version = kFormatVersion;
  ClusterId cluster;
  NodeId node;
  uint32_t shard_count = 1;

  bool operator==(const Identity&) const = default;
};

// The file's content, one line of text with a checksum (docs/formats.md), and back. DATA_LOSS: it
// is damaged.
std::string EncodeIdentity(const Identity& identity);
absl::Status DecodeIdentity(const std::string& text, Identity* identity);

// Whose `directory` it is. NOT_FOUND, DATA_LOSS. Suspends.
absl::StatusOr<Identity> ReadIdentity(Fiber& fiber, runtime::Disk& disk,
                                      const std::string& directory);

// Claims the shard's `directory` for `expected`, durably, or checks that it is its own. Creates it.
// FAILED_PRECONDITION: it belongs to another cluster or node, has another number of shards, or was
// written by a newer or a too old version; the message says which and what to do. Suspends.
absl::Status ClaimDirectory(Fiber& fiber, runtime::Disk& disk, const std::string& directory,
                            const Identity& expected);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_IDENTITY_H_
