#include "framework/replica/log_scrub.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "framework/base/mutant.h"
#include "framework/base/status_macros.h"
#include "framework/replica/log_names.h"
#include "framework/replica/log_scan.h"

namespace lockstep::replica {
namespace {

constexpr uint64_t kPieceBytes = 128 * 1024;
constexpr int kAttempts = 3;

absl::Status ReadPiece(Fiber& fiber, runtime::File& file, uint64_t offset, absl::Span<char> into) {
  absl::Status failure;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const absl::StatusOr<size_t> read = file.Read(fiber, offset, into);
    if (read.ok() && *read == into.size()) return absl::OkStatus();
    failure = read.ok() ? absl::DataLossError("the file is too short") : read.status();
  }
  return failure;
}

absl::Status CheckOnce(Fiber& fiber, runtime::Disk& disk, const std::string& path,
                       const LogIdentity& identity, uint64_t sequence, uint64_t used_bytes,
                       Pace& pace) {
  ASSIGN_OR_RETURN(const auto file, disk.Open(fiber, path, runtime::OpenMode::kReadMedium));
  // Never in the string's own small buffer: batches are read where they are, aligned.
  std::string bytes(std::max<uint64_t>(used_bytes, 64), '\0');
  for (uint64_t offset = 0; offset < used_bytes; offset += kPieceBytes) {
    const uint64_t n = std::min(kPieceBytes, used_bytes - offset);
    pace.Spend(fiber, n);
    RETURN_IF_ERROR(ReadPiece(fiber, *file, offset, absl::MakeSpan(&bytes[offset], n)));
  }
  // Planted bug M160: what was read is not compared with its checksums.
  if (mutant::Enabled(mutant::kM160ScrubberSkipsChecksums)) return absl::OkStatus();
  ASSIGN_OR_RETURN(
      const ScannedSegment segment,
      ScanSegment(identity, sequence, 0, std::string_view(bytes).substr(0, used_bytes)));
  if (segment.begun && segment.end == used_bytes) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      path, " at offset ", segment.end, ": damaged, although it was acknowledged to ", used_bytes));
}

}  // namespace

absl::Status CheckSegment(Fiber& fiber, runtime::Disk& disk, const std::string& directory,
                          const LogIdentity& identity, uint64_t sequence, uint64_t used_bytes,
                          Pace& pace) {
  absl::Status status;
  // What a read returns by mistake, once, is no damage.
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    status = CheckOnce(fiber, disk, PathIn(directory, SegmentName(sequence)), identity, sequence,
                       used_bytes, pace);
    if (!absl::IsDataLoss(status)) return status;
  }
  return status;
}

}  // namespace lockstep::replica
