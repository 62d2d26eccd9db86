#include "framework/replica/snapshot_transfer.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "framework/base/checksum.h"
#include "framework/base/status_macros.h"
#include "framework/replica/keys.h"
#include "framework/replica/peer_transport.h"

namespace lockstep::replica {
namespace {

constexpr size_t kChunkBytes = 256 * 1024;

uint64_t ChainRow(uint64_t chain, const wire::SnapshotRow& row) {
  chain = base::Checksum64(std::string_view(reinterpret_cast<const char*>(&row.column), 1), chain);
  chain = base::Checksum64(row.key, chain);
  return base::Checksum64(row.value, chain);
}

// Sends rows in chunks and keeps the sums that go into SnapshotEnd.
class ChunkSender final {
 public:
  ChunkSender(runtime::Stream& stream, Duration stall_timeout)
      : stream_(stream), stall_timeout_(stall_timeout) {}

  absl::Status Add(Fiber& fiber, wire::SnapshotRow row) {
    bytes_ += wire::EncodedBytesMax(row);
    sums_.Add(row);
    chunk_.rows.push_back(std::move(row));
    return bytes_ >= kChunkBytes ? Flush(fiber) : absl::OkStatus();
  }
  absl::Status Finish(Fiber& fiber) {
    RETURN_IF_ERROR(Flush(fiber));
    return Write(fiber, sums_.end());
  }
  absl::Status Write(Fiber& fiber, const wire::Frame& frame) {
    std::string bytes;
    wire::EncodeFrame(frame, &bytes);
    stream_.SetWriteDeadline(fiber.now() + stall_timeout_);
    return stream_.Write(fiber, bytes);
  }

 private:
  absl::Status Flush(Fiber& fiber) {
    if (chunk_.rows.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(Write(fiber, chunk_));
    ++chunk_.sequence;
    chunk_.rows.clear();
    bytes_ = 0;
    return absl::OkStatus();
  }

  runtime::Stream& stream_;
  Duration stall_timeout_;
  wire::SnapshotChunk chunk_;
  SnapshotSums sums_;
  size_t bytes_ = 0;
};

}  // namespace

void SnapshotSums::Add(const wire::SnapshotRow& row) {
  end_.checksum = ChainRow(end_.checksum, row);
  ++end_.rows;
}

absl::StatusOr<raft::SnapshotMeta> SendSnapshot(Fiber& fiber, GroupId group, NodeId self,
                                                raft::Term term, const machine::StoreView& view,
                                                runtime::Stream& stream, Duration stall_timeout) {
  ASSIGN_OR_RETURN(const auto row, view.Get(fiber, machine::Column::kSystem, kAppliedKey));
  if (!row) return absl::FailedPreconditionError("nothing is applied yet");
  ASSIGN_OR_RETURN(raft::SnapshotMeta meta, wire::DecodeSnapshotMeta(*row));
  ChunkSender sender(stream, stall_timeout);
  RETURN_IF_ERROR(sender.Write(fiber, wire::SnapshotBegin{group, meta, term, self}));
  for (size_t column = 0; column < machine::kColumnCount; ++column) {
    auto it = view.NewIterator(static_cast<machine::Column>(column));
    for (it->Seek(fiber, ""); it->Valid(); it->Next(fiber)) {
      RETURN_IF_ERROR(sender.Add(
          fiber, {static_cast<uint8_t>(column), std::string(it->key()), std::string(it->value())}));
    }
    RETURN_IF_ERROR(it->status());
  }
  RETURN_IF_ERROR(sender.Finish(fiber));
  stream.SetReadDeadline(fiber.now() + stall_timeout);
  wire::FrameDecoder decoder;
  ASSIGN_OR_RETURN(const wire::Frame frame, ReadFrame(fiber, stream, decoder));
  const auto* result = std::get_if<wire::SnapshotResult>(&frame);
  if (result == nullptr) return absl::InvalidArgumentError("the answer is no SnapshotResult");
  if (!result->ok) {
    return absl::AbortedError(absl::StrCat("the receiver refused: ", result->error));
  }
  return meta;
}

absl::StatusOr<wire::SnapshotBegin> ReceiveSnapshot(Fiber& fiber, runtime::Stream& stream,
                                                    wire::FrameDecoder& decoder,
                                                    SnapshotStore& store, Duration stall_timeout) {
  stream.SetReadDeadline(fiber.now() + stall_timeout);
  ASSIGN_OR_RETURN(wire::Frame first, ReadFrame(fiber, stream, decoder));
  auto* begin = std::get_if<wire::SnapshotBegin>(&first);
  if (begin == nullptr) return absl::InvalidArgumentError("the first frame is no SnapshotBegin");
  ASSIGN_OR_RETURN(auto writer, store.Begin(fiber, begin->group, begin->meta.index));
  RETURN_IF_ERROR(writer->Append(fiber, *begin));
  SnapshotSums sums;
  for (uint64_t sequence = 0;; ++sequence) {
    stream.SetReadDeadline(fiber.now() + stall_timeout);
    ASSIGN_OR_RETURN(const wire::Frame frame, ReadFrame(fiber, stream, decoder));
    RETURN_IF_ERROR(writer->Append(fiber, frame));
    if (const auto* end = std::get_if<wire::SnapshotEnd>(&frame)) {
      if (end->rows != sums.end().rows || end->checksum != sums.end().checksum) {
        return absl::DataLossError("the snapshot's rows do not match its checksum");
      }
      RETURN_IF_ERROR(writer->Commit(fiber));
      return std::move(*begin);
    }
    const auto* chunk = std::get_if<wire::SnapshotChunk>(&frame);
    if (chunk == nullptr || chunk->sequence != sequence) {
      return absl::InvalidArgumentError(absl::StrCat("expected chunk ", sequence));
    }
    for (const wire::SnapshotRow& row : chunk->rows) {
      if (row.column >= machine::kColumnCount) {
        return absl::InvalidArgumentError(absl::StrCat("unknown column ", row.column));
      }
      sums.Add(row);
    }
  }
}

}  // namespace lockstep::replica
