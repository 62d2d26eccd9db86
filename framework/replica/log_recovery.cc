#include "framework/replica/log_recovery.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/replica/log_names.h"
#include "framework/replica/log_read.h"
#include "framework/replica/log_replay.h"
#include "framework/replica/log_scan.h"
#include "framework/replica/log_seal.h"
#include "framework/replica/marks.h"
#include "framework/replica/mutants.h"
#include "framework/wire/codec.h"

namespace lockstep::replica {
namespace {

absl::Status Damaged(absl::string_view path, uint64_t offset, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(path, " at offset ", offset, ": ", what));
}

// Reads the segments in order, trusting nothing; changes files only once all of it made sense.
class Recovery final {
 public:
  Recovery(runtime::Disk& disk, const std::string& directory, const LogIdentity& identity,
           const runtime::Cipher* cipher)
      : disk_(disk),
        directory_(directory),
        identity_(identity),
        opener_(cipher),
        replay_(log_.groups) {}

  absl::StatusOr<RecoveredLog> Run(Fiber& fiber, bool seals) {
    ASSIGN_OR_RETURN(std::vector<uint64_t> sequences, ListSegments(fiber));
    ASSIGN_OR_RETURN(const size_t restart, FindRestart(fiber, sequences));
    log_.outdated.assign(sequences.begin(), sequences.begin() + static_cast<ptrdiff_t>(restart));
    sequences.erase(sequences.begin(), sequences.begin() + static_cast<ptrdiff_t>(restart));
    for (size_t i = 1; i < sequences.size(); ++i) {
      if (sequences[i] == sequences[i - 1] + 1) continue;
      return Damaged(Path(sequences[i - 1] + 1), 0, "the file is missing");
    }
    for (size_t i = 0; i < sequences.size(); ++i) {
      ASSIGN_OR_RETURN(SegmentBytes file, ReadSegmentFile(fiber, disk_, Path(sequences[i])));
      std::string& bytes = file.bytes;
      ASSIGN_OR_RETURN(const ScannedSegment segment,
                       ScanSegment(identity_, sequences[i], log_.last_batch + 1, bytes));
      RETURN_IF_ERROR(CheckDamage(sequences[i], segment, file));
      // A header without a batch is where a crash left the first write of a segment. Keeping it
      // would leave a log that begins with nothing, once the older segments are dropped.
      const bool is_empty = segment.batches.empty() && i > 0 && i + 1 == sequences.size();
      if (segment.begun && !is_empty) {
        RETURN_IF_ERROR(CheckStart(sequences[i], i == 0, segment));
        RETURN_IF_ERROR(ReplayBatches(sequences[i], segment));
        tail_unreadable_ = file.UnreadableWithin(segment.end, bytes.size());
        marks::Sometimes(bytes.find_first_not_of('\0', segment.end) != std::string::npos,
                         kMarkTornTail);
        newest_bytes_ = std::move(bytes);
        newest_bytes_.resize(segment.end);
      } else {
        RETURN_IF_ERROR(CheckNotBegun(sequences[i], sequences));
      }
    }
    // What is merely torn can be read. (In older segments the next one tells that nothing follows.)
    if (tail_unreadable_) {
      return Damaged(Path(log_.segments.newest()), end_,
                     "the medium does not give back what may be there");
    }
    RETURN_IF_ERROR(replay_.Finish());
    if (seals) RETURN_IF_ERROR(Seal(fiber, sequences));
    return std::move(log_);
  }

 private:
  std::string Path(uint64_t sequence) const { return PathIn(directory_, SegmentName(sequence)); }

  absl::StatusOr<std::vector<uint64_t>> ListSegments(Fiber& fiber) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, disk_.List(fiber, directory_));
    std::vector<uint64_t> sequences;
    for (const std::string& name : names) {
      if (const auto sequence = SequenceOf(name)) sequences.push_back(*sequence);
    }
    std::sort(sequences.begin(), sequences.end());
    return sequences;
  }

  // The place of the newest segment that begins the log anew; 0 if none does.
  absl::StatusOr<size_t> FindRestart(Fiber& fiber, const std::vector<uint64_t>& sequences) {
    for (size_t i = sequences.size(); i-- > 1;) {
      SegmentHeader header{};
      ASSIGN_OR_RETURN(const auto start,
                       ReadSegmentStart(fiber, disk_, Path(sequences[i]), sizeof(header)));
      if (!start) continue;
      std::memcpy(&header, start->data(), sizeof(header));
      if (!BeginsAnew(header, sequences[i])) continue;
      // A torn one was never there.
      ASSIGN_OR_RETURN(const SegmentBytes whole, ReadSegmentFile(fiber, disk_, Path(sequences[i])));
      ASSIGN_OR_RETURN(const ScannedSegment segment,
                       ScanSegment(identity_, sequences[i], 0, whole.bytes));
      if (!segment.batches.empty()) return i;
    }
    return size_t{0};
  }

  absl::Status CheckDamage(uint64_t sequence, const ScannedSegment& segment,
                           const SegmentBytes& file) const {
    // Whether it was begun, nobody can say; or it was, and what it held, nobody can say.
    const bool is_touched = segment.begun || segment.holds_batches || segment.garbled;
    const bool unknown =
        file.UnreadableWithin(0, sizeof(SegmentHeader)) || (is_touched && !file.unreadable.empty());
    if (segment.batches.empty() && unknown) {
      return Damaged(Path(sequence), 0, "the medium does not give back all of it");
    }
    if (!segment.later || mutant::Enabled(mutant::kM25ReplayPastGap)) return absl::OkStatus();
    if (mutant::Enabled(mutant::kM22DamageTakenForTornTail)) return absl::OkStatus();
    marks::Reach(kMarkDamageRefused);
    return Damaged(Path(sequence), segment.end,
                   absl::StrCat("damaged, although batch ", segment.later->batch, " at offset ",
                                segment.later->offset, " was written after it"));
  }

  absl::Status CheckNotBegun(uint64_t sequence, const std::vector<uint64_t>& sequences) const {
    // The newest may have been prepared or torn while it was begun, and the oldest is dropped only
    // after that.
    if (sequence == sequences.back() && (sequences.size() > 1 || sequence == 1)) {
      return absl::OkStatus();
    }
    return Damaged(Path(sequence), 0, "the header of the segment is damaged");
  }

  absl::Status CheckStart(uint64_t sequence, bool oldest, const ScannedSegment& segment) const {
    if (oldest && sequence > 1 && segment.batches.empty()) {
      return Damaged(Path(sequence), segment.end, "damaged, and older segments are gone");
    }
    if (oldest && sequence > 1) return absl::OkStatus();
    if (segment.first_batch == log_.last_batch + 1) return absl::OkStatus();
    if (mutant::Enabled(mutant::kM25ReplayPastGap)) return absl::OkStatus();
    return Damaged(oldest ? Path(sequence) : Path(log_.segments.newest()), end_,
                   absl::StrCat("batches ", log_.last_batch + 1, " to ", segment.first_batch - 1,
                                " are damaged or missing"));
  }

  absl::Status ReplayBatches(uint64_t sequence, const ScannedSegment& segment) {
    log_.segments.Add(sequence);
    log_.segments.AddBytes(segment.end);
    log_.last_batch = segment.first_batch - 1;
    for (const ScannedBatch& batch : segment.batches) {
      const auto body = opener_.Open(sequence, batch);
      if (absl::IsFailedPrecondition(body.status())) return body.status();
      if (!body.ok()) return Damaged(Path(sequence), batch.offset, body.status().message());
      auto records = wire::DecodeLogBatch(*body);
      if (!records.ok()) return Damaged(Path(sequence), batch.offset, records.status().message());
      for (wire::GroupRecord& record : *records) {
        log_.segments.Note(record);
        const absl::Status applied = replay_.Apply(std::move(record));
        if (!applied.ok()) return Damaged(Path(sequence), batch.offset, applied.message());
      }
      log_.last_batch = batch.batch;
    }
    end_ = segment.end;
    return absl::OkStatus();
  }

  // Cuts what is behind the last batch, so that it cannot come back to life as batches that this
  // incarnation never saw, and makes durable what the dead one may have left in a cache.
  absl::Status Seal(Fiber& fiber, const std::vector<uint64_t>& sequences) {
    for (uint64_t sequence : sequences) {
      if (sequence < log_.segments.newest()) continue;
      if (sequence == log_.segments.newest()) {
        RETURN_IF_ERROR(WriteAnew(fiber, sequence));
        continue;
      }
      ASSIGN_OR_RETURN(const auto file,
                       disk_.Open(fiber, Path(sequence), runtime::OpenMode::kReadWrite));
      RETURN_IF_ERROR(file->Truncate(fiber, 0));
      RETURN_IF_ERROR(file->DataSync(fiber));
    }
    log_.next_sequence = log_.segments.newest() + 1;
    return absl::OkStatus();
  }

  // The newest segment may hold a batch whose data sync failed: the process stopped then, but the
  // kernel may show the batch and call it clean, and no sync of this file would ever write it
  // [fsyncgate; "Can applications recover from fsync failures?", ATC'20]. So its bytes go to a new
  // file, which takes its place when it is durable. They are the bytes that made sense: a disk need
  // not return the same ones again.
  absl::Status WriteAnew(Fiber& fiber, uint64_t sequence) {
    const std::string copy_path = PathIn(directory_, kCopyName);
    ASSIGN_OR_RETURN(const bool left_over, disk_.Exists(fiber, copy_path));
    marks::Sometimes(left_over, kMarkRecoveryInterrupted);
    if (left_over) RETURN_IF_ERROR(disk_.Remove(fiber, copy_path));
    {
      ASSIGN_OR_RETURN(const auto copy, disk_.Open(fiber, copy_path, runtime::OpenMode::kCreate));
      RETURN_IF_ERROR(copy->WriteAndSync(fiber, 0, newest_bytes_));
    }
    RETURN_IF_ERROR(disk_.Rename(fiber, copy_path, Path(sequence)));
    return disk_.SyncDirectory(fiber, directory_);
  }

  runtime::Disk& disk_;
  const std::string& directory_;
  const LogIdentity identity_;
  BatchOpener opener_;
  RecoveredLog log_;
  Replay replay_;
  uint64_t end_ = 0;          // of the batches in the newest begun segment so far
  std::string newest_bytes_;  // of that segment, up to there
  bool tail_unreadable_ = false;
};

}  // namespace

absl::StatusOr<RecoveredLog> RecoverLog(Fiber& fiber, runtime::Disk& disk,
                                        const std::string& directory, const LogIdentity& identity,
                                        const runtime::Cipher* cipher) {
  return Recovery(disk, directory, identity, cipher).Run(fiber, /*seals=*/true);
}

absl::StatusOr<RecoveredLog> ExamineLog(Fiber& fiber, runtime::Disk& disk,
                                        const std::string& directory, const LogIdentity& identity,
                                        const runtime::Cipher* cipher) {
  return Recovery(disk, directory, identity, cipher).Run(fiber, /*seals=*/false);
}

}  // namespace lockstep::replica
