#include "framework/replica/log_scan.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/replica/mutants.h"

namespace lockstep::replica {
namespace {

// The segment header, if it is intact and of this segment.
absl::StatusOr<std::optional<SegmentHeader>> ReadSegmentHeader(const LogIdentity& identity,
                                                               uint64_t sequence,
                                                               std::string_view bytes) {
  SegmentHeader header;
  if (bytes.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (!IsIntact(header)) return std::nullopt;
  if (header.version != kLogVersion) {
    return absl::FailedPreconditionError(absl::StrCat("log of format version ", header.version,
                                                      ", this program reads ", kLogVersion));
  }
  const LogIdentity found{ClusterId(header.cluster), NodeId(header.node), ShardId(header.shard)};
  if (found != identity) {
    return absl::FailedPreconditionError(
        absl::StrCat("log of cluster ", header.cluster, ", node ", header.node, ", shard ",
                     header.shard, "; expected ", identity.cluster.value(), ", ",
                     identity.node.value(), ", ", identity.shard.value()));
  }
  if (header.sequence > sequence) {
    return absl::DataLossError(absl::StrCat("holds segment ", header.sequence));
  }
  if (header.sequence < sequence) return std::nullopt;  // recycled and not begun
  return header;
}

// Whether there is something where the segment header belongs, and it never was one.
bool HasGarbledHeader(std::string_view bytes) {
  SegmentHeader header;
  if (bytes.size() < sizeof(header)) return false;
  std::memcpy(&header, bytes.data(), sizeof(header));
  return !IsIntact(header) && bytes.substr(0, sizeof(header)).find_first_not_of('\0') != bytes.npos;
}

// The batch header at `offset`, if it is intact and in its place.
std::optional<BatchHeader> ReadBatchHeader(const LogIdentity& identity, uint64_t sequence,
                                           uint64_t offset, std::string_view bytes) {
  CHECK_EQ(offset % kLogAlignment, 0u);
  BatchHeader header;
  if (bytes.size() < offset + sizeof(header)) return std::nullopt;
  std::memcpy(&header, bytes.data() + offset, sizeof(header));
  if (header.magic != kBatchMagic && header.magic != kSealedBatchMagic) return std::nullopt;
  if (header.body_bytes % kLogAlignment != 0) return std::nullopt;
  const uint64_t seed = PlaceSeed(identity, sequence, offset);
  if (header.checksum != HeaderChecksum(header, seed)) return std::nullopt;
  return header;
}

// The batch at `offset`, if it is whole and intact.
std::optional<ScannedBatch> ReadBatch(const LogIdentity& identity, uint64_t sequence,
                                      uint64_t offset, std::string_view bytes) {
  const auto header = ReadBatchHeader(identity, sequence, offset, bytes);
  if (!header || bytes.size() - offset - sizeof(*header) < header->body_bytes) return std::nullopt;
  const std::string_view body = bytes.substr(offset + sizeof(*header), header->body_bytes);
  const uint64_t checksum = base::Checksum64(body, PlaceSeed(identity, sequence, offset));
  if (checksum != header->body_checksum && !mutant::Enabled(mutant::kM26BodyChecksumIgnored)) {
    return std::nullopt;
  }
  return ScannedBatch{offset, header->batch, body, header->magic == kSealedBatchMagic};
}

// The first intact header of a batch after `batch`, at or behind `offset`. A header is enough: it
// was written only after `batch` was durable, whether or not its own body was.
std::optional<LaterBatch> FindLater(const LogIdentity& identity, uint64_t sequence, uint64_t offset,
                                    uint64_t batch, std::string_view bytes) {
  for (; offset + sizeof(BatchHeader) <= bytes.size(); offset += kLogAlignment) {
    const auto header = ReadBatchHeader(identity, sequence, offset, bytes);
    if (header && header->batch > batch) return LaterBatch{offset, header->batch};
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<ScannedSegment> ScanSegment(const LogIdentity& identity, uint64_t sequence,
                                           uint64_t next_batch, std::string_view bytes) {
  const auto header = ReadSegmentHeader(identity, sequence, bytes);
  if (!header.ok()) return header.status();
  ScannedSegment segment;
  if (!*header) {
    segment.later = FindLater(identity, sequence, 0, next_batch, bytes);
    segment.holds_batches = FindLater(identity, sequence, 0, 0, bytes).has_value();
    segment.garbled = HasGarbledHeader(bytes);
    return segment;
  }
  segment.begun = true;
  segment.first_batch = (*header)->first_batch;
  segment.end = sizeof(SegmentHeader);
  uint64_t next = segment.first_batch;
  for (;;) {
    const auto batch = ReadBatch(identity, sequence, segment.end, bytes);
    if (batch && batch->batch == next) {
      segment.batches.push_back(*batch);
      segment.end += sizeof(BatchHeader) + batch->body.size();
      ++next;
      continue;
    }
    segment.later = FindLater(identity, sequence, segment.end, next, bytes);
    if (!segment.later || !mutant::Enabled(mutant::kM25ReplayPastGap)) break;
    segment.end = segment.later->offset;
    next = segment.later->batch;
  }
  return segment;
}

absl::StatusOr<SegmentParts> ScanParts(const LogIdentity& identity, uint64_t sequence,
                                       std::string_view bytes) {
  SegmentParts parts;
  absl::StatusOr<std::optional<SegmentHeader>> header =
      ReadSegmentHeader(identity, sequence, bytes);
  if (absl::IsFailedPrecondition(header.status())) return header.status();
  if (header.ok()) parts.header = *header;
  for (uint64_t offset = 0; offset + sizeof(BatchHeader) <= bytes.size();) {
    const auto found = ReadBatchHeader(identity, sequence, offset, bytes);
    if (!found) {
      offset += kLogAlignment;
      continue;
    }
    const auto batch = ReadBatch(identity, sequence, offset, bytes);
    if (batch) {
      parts.batches.push_back(*batch);
      offset += sizeof(BatchHeader) + batch->body.size();
    } else {
      parts.damaged.push_back(found->batch);
      offset += sizeof(BatchHeader);
    }
  }
  return parts;
}

}  // namespace lockstep::replica
