#include "docs-memory/bson/utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lockstep::docs {
namespace {

constexpr uint64_t kNotAscii = 0x8080808080808080;

// What may follow a first byte: so many bytes, the first of them in [low, high].
struct Tail final {
  size_t bytes = 0;  // 0: it is no first byte
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
};

Tail TailOf(uint8_t first) {
  if (first < 0xC2 || first > 0xF4) return {};
  if (first < 0xE0) return {1};
  if (first == 0xE0) return {2, 0xA0};
  if (first == 0xED) return {2, 0x80, 0x9F};
  if (first < 0xF0) return {2};
  if (first == 0xF0) return {3, 0x90};
  if (first == 0xF4) return {3, 0x80, 0x8F};
  return {3};
}

}  // namespace

bool IsUtf8(std::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    uint64_t eight = 0;
    if (bytes.size() - at >= sizeof(eight)) {
      std::memcpy(&eight, bytes.data() + at, sizeof(eight));
      if ((eight & kNotAscii) == 0) {
        at += sizeof(eight);
        continue;
      }
    }
    const auto first = static_cast<uint8_t>(bytes[at++]);
    if (first < 0x80) continue;
    const Tail tail = TailOf(first);
    if (tail.bytes == 0 || bytes.size() - at < tail.bytes) return false;
    for (size_t i = 0; i < tail.bytes; ++i) {
      const auto next = static_cast<uint8_t>(bytes[at++]);
      if (next < (i == 0 ? tail.low : 0x80) || next > (i == 0 ? tail.high : 0xBF)) return false;
    }
  }
  return true;
}

}  // namespace lockstep::docs
