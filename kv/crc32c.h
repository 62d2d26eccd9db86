// CRC-32C (Castagnoli), for HashKV, whose value clients compare between members.
#ifndef LOCKSTEP_KV_CRC32C_H_
#define LOCKSTEP_KV_CRC32C_H_

#include <array>
#include <cstdint>
#include <string_view>

namespace lockstep::kv {

inline constexpr std::array<uint32_t, 256> kCrc32cTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
    table[i] = crc;
  }
  return table;
}();

// A running checksum. A value.
class Crc32c final {
 public:
  void Add(std::string_view bytes) {
    for (char c : bytes) {
      state_ = kCrc32cTable[(state_ ^ static_cast<uint8_t>(c)) & 0xFF] ^ (state_ >> 8);
    }
  }
  uint32_t value() const { return ~state_; }

 private:
  uint32_t state_ = 0xFFFFFFFFu;
};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_CRC32C_H_
