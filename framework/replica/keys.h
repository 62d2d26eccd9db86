// Keys of the framework's own rows in Column::kSystem of a group.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_KEYS_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_KEYS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "framework/base/check.h"

namespace lockstep::replica {

// The SnapshotMeta of what has been applied (framework/wire); written in every batch. Absent:
// nothing was applied, or a snapshot's installation is incomplete.
inline constexpr std::string_view kAppliedKey = "a";

// The members (framework/replica/member_list.h).
inline constexpr std::string_view kMembersKey = "m";

// The protocol version that the members have agreed on, in digits (agreement.h).
inline constexpr std::string_view kAgreedKey = "v";

// Byte order equals numeric order.
inline std::string BigEndian64(uint64_t value) {
  std::string out(8, '\0');
  for (size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(value >> (56 - 8 * i));
  return out;
}

inline uint64_t ReadBigEndian64(std::string_view bytes) {
  CHECK_GE(bytes.size(), 8u);
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value = (value << 8) | static_cast<uint8_t>(bytes[i]);
  return value;
}

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_KEYS_H_
