// Names of the log's files.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_LOG_NAMES_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_LOG_NAMES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace lockstep::replica {

// Being filled with zeros; means nothing to recovery.
inline constexpr absl::string_view kSpareName = "spare.log";

// The newest segment while recovery writes it anew; means nothing if it is found.
inline constexpr absl::string_view kCopyName = "copy.log";

// "0000000000000001.log": in order of their sequence, which is in hexadecimal.
inline std::string SegmentName(uint64_t sequence) {
  return absl::StrCat(absl::Hex(sequence, absl::kZeroPad16), ".log");
}

inline std::optional<uint64_t> SequenceOf(std::string_view name) {
  if (name.size() != 20 || name.substr(16) != ".log") return std::nullopt;
  uint64_t sequence = 0;
  for (char c : name.substr(0, 16)) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return std::nullopt;
    sequence = sequence * 16 + static_cast<uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return sequence;
}

inline std::string PathIn(absl::string_view directory, absl::string_view name) {
  return absl::StrCat(directory, "/", name);
}

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_LOG_NAMES_H_
