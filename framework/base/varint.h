// Numbers of seven bits a byte, the lowest first (LEB128): in protobuf, in RocksDB's files, in
// rows.
#ifndef LOCKSTEP_FRAMEWORK_BASE_VARINT_H_
#define LOCKSTEP_FRAMEWORK_BASE_VARINT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace lockstep::base {

// Takes a number off the front. Nothing, and nothing is taken, if the bytes end within it or it has
// more than ten.
inline std::optional<uint64_t> TakeVarint(std::string_view& bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    value |= uint64_t{byte & 0x7fu} << (7 * i);
    if (byte >= 0x80) continue;
    bytes.remove_prefix(i + 1);
    return value;
  }
  return std::nullopt;
}

}  // namespace lockstep::base

#endif  // LOCKSTEP_FRAMEWORK_BASE_VARINT_H_
