#include "checkers/json_bytes.h"

#include <cstddef>
#include <cstdint>

namespace lockstep::checkers {

std::string BytesToUtf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x80) {
      text.push_back(c);
    } else {
      text.push_back(static_cast<char>(0xC0 | (byte >> 6)));
      text.push_back(static_cast<char>(0x80 | (byte & 0x3F)));
    }
  }
  return text;
}

std::optional<std::string> BytesFromUtf8(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto first = static_cast<uint8_t>(text[i]);
    if (first < 0x80) {
      bytes.push_back(text[i]);
      continue;
    }
    if ((first != 0xC2 && first != 0xC3) || i + 1 == text.size()) return std::nullopt;
    const auto second = static_cast<uint8_t>(text[++i]);
    if ((second & 0xC0) != 0x80) return std::nullopt;
    bytes.push_back(static_cast<char>(((first & 0x03) << 6) | (second & 0x3F)));
  }
  return bytes;
}

}  // namespace lockstep::checkers
