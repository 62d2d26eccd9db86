#include "framework/replica/log_read.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
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

SegmentBytes ReadOnce(Fiber& fiber, runtime::File& file, uint64_t size) {
  SegmentBytes segment;
  // Never in the string's own small buffer: batches are read where they are, aligned.
  segment.bytes.assign(std::max<uint64_t>(size, 64), '\0');
  if (!ReadFully(fiber, file, 0, absl::MakeSpan(&segment.bytes[0], size))) {
    for (uint64_t step = 0; step < size; step += kStepBytes) {
      const uint64_t step_end = std::min(size, step + kStepBytes);
      if (ReadFully(fiber, file, step, absl::MakeSpan(&segment.bytes[step], step_end - step))) {
        continue;
      }
      for (uint64_t at = step; at < step_end; at += kUnreadableBytes) {
        const uint64_t n = std::min(kUnreadableBytes, step_end - at);
        if (ReadFully(fiber, file, at, absl::MakeSpan(&segment.bytes[at], n))) continue;
        std::memset(&segment.bytes[at], 0, n);
        segment.unreadable.push_back(at);
      }
    }
  }
  segment.bytes.resize(size);
  return segment;
}

template <typename Reading, typename Read>
absl::StatusOr<Reading> ReadUntilTwoAgree(const std::string& path, const Read& read) {
  Reading before = read();
  for (int attempt = 0; attempt < 2 * kAttempts; ++attempt) {
    Reading again = read();
    if (again == before) return again;
    before = std::move(again);
  }
  return absl::UnavailableError(absl::StrCat(
      path, ": the medium gives back other bytes each time; nothing was changed, start again"));
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
  return ReadUntilTwoAgree<SegmentBytes>(path, [&] { return ReadOnce(fiber, *file, size); });
}

absl::StatusOr<std::optional<std::string>> ReadSegmentStart(Fiber& fiber, runtime::Disk& disk,
                                                            const std::string& path, size_t bytes) {
  ASSIGN_OR_RETURN(const auto file, disk.Open(fiber, path, runtime::OpenMode::kRead));
  return ReadUntilTwoAgree<std::optional<std::string>>(path, [&]() -> std::optional<std::string> {
    std::string start(bytes, '\0');
    if (!ReadFully(fiber, *file, 0, absl::MakeSpan(&start[0], bytes))) return std::nullopt;
    return start;
  });
}

}  // namespace lockstep::replica
