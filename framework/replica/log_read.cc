#include "framework/replica/log_read.h"

#include <algorithm>
#include <cstring>

#include "framework/base/status_macros.h"

namespace lockstep::replica {
namespace {

constexpr uint64_t kStepBytes = 64 * 1024;
constexpr int kAttempts = 3;

// True if all of `into` was read.
bool ReadFully(Fiber& fiber, runtime::File& file, uint64_t offset, absl::Span<char> into) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const absl::StatusOr<size_t> read = file.Read(fiber, offset, into);
    if (read.ok() && *read == into.size()) return true;
  }
  return false;
}

}  // namespace

bool SegmentBytes::UnreadableWithin(uint64_t begin, uint64_t end) const {
  return std::any_of(unreadable.begin(), unreadable.end(),
                     [&](uint64_t at) { return at < end && at + kUnreadableBytes > begin; });
}

absl::StatusOr<SegmentBytes> ReadSegmentFile(Fiber& fiber, runtime::Disk& disk,
                                             const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, disk.Open(fiber, path, runtime::OpenMode::kRead));
  ASSIGN_OR_RETURN(const uint64_t size, file->Size(fiber));
  SegmentBytes segment;
  // Never in the string's own small buffer: batches are read where they are, aligned.
  segment.bytes.assign(std::max<uint64_t>(size, 64), '\0');
  if (!ReadFully(fiber, *file, 0, absl::MakeSpan(&segment.bytes[0], size))) {
    for (uint64_t step = 0; step < size; step += kStepBytes) {
      const uint64_t step_end = std::min(size, step + kStepBytes);
      if (ReadFully(fiber, *file, step, absl::MakeSpan(&segment.bytes[step], step_end - step))) {
        continue;
      }
      for (uint64_t at = step; at < step_end; at += kUnreadableBytes) {
        const uint64_t n = std::min(kUnreadableBytes, step_end - at);
        if (ReadFully(fiber, *file, at, absl::MakeSpan(&segment.bytes[at], n))) continue;
        std::memset(&segment.bytes[at], 0, n);
        segment.unreadable.push_back(at);
      }
    }
  }
  segment.bytes.resize(size);
  return segment;
}

}  // namespace lockstep::replica
