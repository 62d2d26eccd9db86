#include "framework/replica/snapshot_transfer.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/replica/keys.h"
#include "framework/replica/mutants.h"
#include "framework/replica/peer_transport.h"

namespace lockstep::replica {
namespace {

// Where others go first, a chunk takes so many times as long.
constexpr uint64_t kSlowness = 4;

}  // namespace

absl::StatusOr<raft::SnapshotMeta> SnapshotSource::SendTo(Fiber& fiber, runtime::Stream& stream,
                                                          uint32_t version) {
  ASSIGN_OR_RETURN(const auto row, parts_.view.Get(fiber, machine::Column::kSystem, kAppliedKey));
  if (!row) return absl::FailedPreconditionError("nothing is applied yet");
  ASSIGN_OR_RETURN(raft::SnapshotMeta meta, wire::DecodeSnapshotMeta(*row));
  // Planted bug M161: a peer is told what only the next version understands.
  const bool can_resume =
      version >= wire::kResumingVersion || mutant::Enabled(mutant::kM161NewerThanThePeer);
  wire::SnapshotBegin begin{parts_.group, meta, parts_.term, parts_.self, 0};
  if (can_resume) begin.transfer = parts_.transfer;
  RETURN_IF_ERROR(Write(fiber, stream, begin));
  wire::FrameDecoder decoder;
  size_t chunk = 0;
  if (can_resume) {
    ASSIGN_OR_RETURN(chunk, AskWhereToGoOn(fiber, stream, decoder));
  }
  RETURN_IF_ERROR(SendRows(fiber, stream, chunk));
  stream.SetReadDeadline(fiber.now() + parts_.options.stall_timeout);
  ASSIGN_OR_RETURN(const wire::Frame frame, ReadFrame(fiber, stream, decoder));
  const auto* result = std::get_if<wire::SnapshotResult>(&frame);
  if (result == nullptr) return absl::InvalidArgumentError("the answer is no SnapshotResult");
  if (!result->ok) {
    return absl::AbortedError(absl::StrCat("the receiver refused: ", result->error));
  }
  return meta;
}

absl::StatusOr<size_t> SnapshotSource::AskWhereToGoOn(Fiber& fiber, runtime::Stream& stream,
                                                      wire::FrameDecoder& decoder) const {
  stream.SetReadDeadline(fiber.now() + parts_.options.stall_timeout);
  ASSIGN_OR_RETURN(const wire::Frame frame, ReadFrame(fiber, stream, decoder));
  if (const auto* result = std::get_if<wire::SnapshotResult>(&frame)) {
    return absl::AbortedError(absl::StrCat("the receiver refused: ", result->error));
  }
  const auto* resume = std::get_if<wire::SnapshotResume>(&frame);
  if (resume == nullptr) return absl::InvalidArgumentError("the answer is no SnapshotResume");
  if (resume->chunk == 0) return size_t{0};
  if (resume->chunk > ends_.size()) {
    return absl::AbortedError(
        absl::StrCat("the receiver claims chunk ", resume->chunk, " of ", ends_.size()));
  }
  const wire::SnapshotEnd& sent = ends_[resume->chunk - 1].sums;
  if (resume->rows != sent.rows || resume->checksum != sent.checksum) {
    return absl::AbortedError("the receiver holds other rows than were sent");
  }
  return static_cast<size_t>(resume->chunk);
}

// All rows behind the first `chunk` chunks, and the end. What is read at a time is a chunk, and
// never spans columns, so that where it ends is one place.
absl::Status SnapshotSource::SendRows(Fiber& fiber, runtime::Stream& stream, size_t chunk) {
  ChunkEnd from = chunk == 0 ? ChunkEnd{} : ends_[chunk - 1];
  // Planted bug M47: the rows go on behind a chunk that was sent and did not arrive.
  if (mutant::Enabled(mutant::kM47ResumedChunkSkipped) && chunk > 0 && chunk < ends_.size()) {
    from = ends_[chunk];
  }
  SnapshotSums sums(from.sums);
  wire::SnapshotChunk rows;
  rows.sequence = chunk;
  std::string next = chunk > 0 ? from.key + '\0' : std::string();
  for (size_t column = from.column; column < machine::kColumnCount; ++column, next.clear()) {
    for (;; ++rows.sequence) {
      ASSIGN_OR_RETURN(std::vector<machine::Row> found,
                       parts_.view.ReadRows(fiber, static_cast<machine::Column>(column), next,
                                            parts_.options.chunk_bytes));
      if (found.empty()) break;
      rows.rows.clear();
      for (machine::Row& row : found) {
        rows.rows.push_back(
            {static_cast<uint8_t>(column), std::move(row.key), std::move(row.value)});
        sums.Add(rows.rows.back());
      }
      next = rows.rows.back().key + '\0';
      RETURN_IF_ERROR(SendChunk(fiber, stream, rows));
      if (rows.sequence < ends_.size()) continue;
      ends_.push_back({column, rows.rows.back().key, sums.end()});
      for (const wire::SnapshotRow& row : rows.rows) {
        sent_bytes_ += row.key.size() + row.value.size();
      }
    }
  }
  return Write(fiber, stream, sums.end());
}

absl::Status SnapshotSource::SendChunk(Fiber& fiber, runtime::Stream& stream,
                                       const wire::SnapshotChunk& chunk) {
  if (!parts_.is_wanted()) return absl::AbortedError("this replica no longer leads");
  const bool may_wait = parts_.may_wait && parts_.may_wait(sent_bytes_);
  return Write(fiber, stream, chunk, may_wait ? kSlowness : 1);
}

absl::Status SnapshotSource::Write(Fiber& fiber, runtime::Stream& stream, const wire::Frame& frame,
                                   uint64_t slowness) const {
  std::string bytes;
  wire::EncodeFrame(frame, &bytes);
  parts_.pace.Spend(fiber, slowness * bytes.size());
  stream.SetWriteDeadline(fiber.now() + parts_.options.stall_timeout);
  return stream.Write(fiber, bytes);
}

namespace {

absl::Status ReceiveChunks(Fiber& fiber, runtime::Stream& stream, wire::FrameDecoder& decoder,
                           PartialSnapshot& partial, Duration stall_timeout,
                           bool* is_staged_wrong) {
  for (;; ++partial.chunks) {
    stream.SetReadDeadline(fiber.now() + stall_timeout);
    ASSIGN_OR_RETURN(const wire::Frame frame, ReadFrame(fiber, stream, decoder));
    // Until it is all right, what is staged is not to be gone on with.
    *is_staged_wrong = true;
    if (const auto* end = std::get_if<wire::SnapshotEnd>(&frame)) {
      const wire::SnapshotEnd& sums = partial.sums.end();
      const bool fits = end->rows == sums.rows && end->checksum == sums.checksum;
      if (!fits && !mutant::Enabled(mutant::kM47ResumedChunkSkipped)) {
        return absl::DataLossError("the snapshot's rows do not match its checksum");
      }
      RETURN_IF_ERROR(partial.writer->Append(fiber, *end));
      return partial.writer->Commit(fiber);
    }
    const auto* chunk = std::get_if<wire::SnapshotChunk>(&frame);
    if (chunk == nullptr || chunk->sequence != partial.chunks) {
      return absl::InvalidArgumentError(absl::StrCat("expected chunk ", partial.chunks));
    }
    for (const wire::SnapshotRow& row : chunk->rows) {
      if (row.column >= machine::kColumnCount) {
        return absl::InvalidArgumentError(absl::StrCat("unknown column ", row.column));
      }
      partial.sums.Add(row);
    }
    RETURN_IF_ERROR(partial.writer->Append(fiber, frame));
    *is_staged_wrong = false;
  }
}

}  // namespace

absl::StatusOr<wire::SnapshotBegin> ReadSnapshotBegin(Fiber& fiber, runtime::Stream& stream,
                                                      wire::FrameDecoder& decoder,
                                                      Duration stall_timeout) {
  stream.SetReadDeadline(fiber.now() + stall_timeout);
  ASSIGN_OR_RETURN(wire::Frame first, ReadFrame(fiber, stream, decoder));
  auto* begin = std::get_if<wire::SnapshotBegin>(&first);
  if (begin == nullptr) return absl::InvalidArgumentError("the first frame is no SnapshotBegin");
  return std::move(*begin);
}

absl::Status ReceiveSnapshot(Fiber& fiber, const wire::SnapshotBegin& begin,
                             runtime::Stream& stream, wire::FrameDecoder& decoder,
                             SnapshotStore& store, Duration stall_timeout) {
  ASSIGN_OR_RETURN(PartialSnapshot partial, store.Resume(fiber, begin));
  if (begin.transfer != 0) {
    const wire::SnapshotEnd& sums = partial.sums.end();
    std::string answer;
    wire::EncodeFrame(wire::SnapshotResume{partial.chunks, sums.rows, sums.checksum}, &answer);
    stream.SetWriteDeadline(fiber.now() + stall_timeout);
    RETURN_IF_ERROR(stream.Write(fiber, answer));
  }
  bool is_staged_wrong = false;
  const absl::Status received =
      ReceiveChunks(fiber, stream, decoder, partial, stall_timeout, &is_staged_wrong);
  partial.writer.reset();
  // (What cannot be thrown away now is not gone on with either: its sums tell.)
  if (is_staged_wrong && !received.ok()) (void)store.Discard(fiber, begin.group);
  return received;
}

}  // namespace lockstep::replica
