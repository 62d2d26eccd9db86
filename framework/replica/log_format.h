// The bytes of the log (docs/formats.md, "The log"). Little-endian.
//
// A segment file is a SegmentHeader and batches; a batch is a BatchHeader and a body
// (wire::EncodeLogBatch). Checksums of a batch are seeded with its place, so that bytes which a
// recycled file held before, or which landed elsewhere, never pass.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_LOG_FORMAT_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_LOG_FORMAT_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "framework/base/checksum.h"
#include "framework/base/ids.h"
#include "framework/base/random.h"

namespace lockstep::replica {

static_assert(std::endian::native == std::endian::little, "headers are copied as they are");

inline constexpr uint32_t kLogVersion = 1;
inline constexpr char kSegmentMagic[8] = {'L', 'K', 'S', 'T', 'P', 'L', 'O', 'G'};
inline constexpr uint32_t kBatchMagic = 0x4842534c;        // "LSBH"
inline constexpr uint32_t kSealedBatchMagic = 0x4542534c;  // "LSBE": the body is a SealedBody
// Everything in a segment starts at a multiple of it.
inline constexpr uint64_t kLogAlignment = 8;

// Whose log it is.
struct LogIdentity final {
  ClusterId cluster;
  NodeId node;
  ShardId shard;

  bool operator==(const LogIdentity&) const = default;
};

// Size, magic and checksum stay where they are in all versions.
struct SegmentHeader final {
  char magic[8];
  uint32_t version;
  uint32_t shard;
  uint64_t cluster;
  uint64_t node;
  uint64_t sequence;     // of the segment; from 1, without gaps
  uint64_t first_batch;  // written only after all earlier batches were durable
  uint64_t flags;        // kBeginsAnew, or 0
  uint64_t checksum;     // of all before
};
static_assert(sizeof(SegmentHeader) == 64 && offsetof(SegmentHeader, checksum) == 56);

// The segment's first batch is all that there is of the log: what is in older segments is void.
inline constexpr uint64_t kBeginsAnew = 1;

struct BatchHeader final {
  uint32_t magic;
  uint32_t body_bytes;  // a multiple of kLogAlignment
  uint64_t batch;       // from 1, without gaps
  uint64_t body_checksum;
  uint64_t checksum;  // of all before
};
static_assert(sizeof(BatchHeader) == 32 && offsetof(BatchHeader, checksum) == 24);

// Before the bytes of a sealed body (framework/runtime/cipher.h); the checksum of the batch is of
// both.
struct SealedBody final {
  uint32_t key;
  uint32_t reserved;
  uint64_t high;
  uint64_t low;
  uint64_t piece;
};
static_assert(sizeof(SealedBody) == 32);

template <typename Header>
uint64_t HeaderChecksum(const Header& header, uint64_t seed) {
  return base::Checksum64({reinterpret_cast<const char*>(&header), offsetof(Header, checksum)},
                          seed);
}

// Seed of both checksums of the batch at `offset` of segment `sequence`.
inline uint64_t PlaceSeed(const LogIdentity& identity, uint64_t sequence, uint64_t offset) {
  uint64_t seed = base::Mix64(identity.cluster.value() + 1);
  seed = base::Mix64(seed ^ identity.node.value());
  seed = base::Mix64(seed ^ identity.shard.value());
  seed = base::Mix64(seed ^ sequence);
  return base::Mix64(seed ^ offset);
}

inline SegmentHeader MakeSegmentHeader(const LogIdentity& identity, uint64_t sequence,
                                       uint64_t first_batch, uint64_t flags) {
  SegmentHeader header{};
  std::memcpy(header.magic, kSegmentMagic, sizeof(header.magic));
  header.version = kLogVersion;
  header.shard = identity.shard.value();
  header.cluster = identity.cluster.value();
  header.node = identity.node.value();
  header.sequence = sequence;
  header.first_batch = first_batch;
  header.flags = flags;
  header.checksum = HeaderChecksum(header, 0);
  return header;
}

inline bool IsIntact(const SegmentHeader& header) {
  return std::memcmp(header.magic, kSegmentMagic, sizeof(header.magic)) == 0 &&
         header.checksum == HeaderChecksum(header, 0);
}

// Whether the header is intact and begins the log anew.
inline bool BeginsAnew(const SegmentHeader& header, uint64_t sequence) {
  return IsIntact(header) && header.sequence == sequence && (header.flags & kBeginsAnew) != 0;
}

inline BatchHeader MakeBatchHeader(uint64_t place_seed, uint64_t batch, std::string_view body,
                                   bool sealed = false) {
  BatchHeader header{sealed ? kSealedBatchMagic : kBatchMagic, static_cast<uint32_t>(body.size()),
                     batch, base::Checksum64(body, place_seed), 0};
  header.checksum = HeaderChecksum(header, place_seed);
  return header;
}

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_LOG_FORMAT_H_
