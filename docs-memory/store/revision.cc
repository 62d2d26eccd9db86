#include "docs-memory/store/revision.h"

#include <algorithm>

#include "framework/base/check.h"

namespace lockstep::docs {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

void AppendHex(uint64_t value, int digits, std::string& out) {
  for (int i = digits - 1; i >= 0; --i) out.push_back(kDigits[(value >> (4 * i)) & 15]);
}

std::optional<uint64_t> ParseHex(std::string_view text) {
  uint64_t value = 0;
  for (const char c : text) {
    const bool is_number = c >= '0' && c <= '9';
    if (!is_number && (c < 'a' || c > 'f')) return std::nullopt;
    value = value << 4 | static_cast<uint64_t>(is_number ? c - '0' : c - 'a' + 10);
  }
  return value;
}

uint64_t LoadBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

}  // namespace

std::string Revision::ToText() const {
  std::string text;
  AppendHex(ms, 12, text);
  text.push_back('-');
  AppendHex(counter, 4, text);
  text.push_back('-');
  AppendHex(node, 16, text);
  return text;
}

std::optional<Revision> Revision::FromText(std::string_view text) {
  if (text.size() != 34 || text[12] != '-' || text[17] != '-') return std::nullopt;
  const auto ms = ParseHex(text.substr(0, 12));
  const auto counter = ParseHex(text.substr(13, 4));
  const auto node = ParseHex(text.substr(18));
  if (!ms || !counter || !node) return std::nullopt;
  return Revision{*ms, static_cast<uint16_t>(*counter), *node};
}

void Revision::AppendTo(std::string& out) const {
  const uint64_t first = ms << 16 | counter;
  for (const uint64_t half : {first, node}) {
    for (int shift = 56; shift >= 0; shift -= 8)
      out.push_back(static_cast<char>((half >> shift) & 0xFF));
  }
}

Revision Revision::FromBytes(std::string_view bytes) {
  CHECK_EQ(bytes.size(), kRevisionBytes);
  const uint64_t first = LoadBigEndian(bytes.substr(0, 8));
  return {first >> 16, static_cast<uint16_t>(first & 0xFFFF), LoadBigEndian(bytes.substr(8))};
}

uint64_t WriterOf(uint64_t node, uint64_t drawn) {
  CHECK_NE(node, 0u);
  constexpr uint64_t kOpening = (uint64_t{1} << 24) - 1;
  return (node & ~kOpening) | std::max<uint64_t>(drawn & kOpening, 1);
}

void HybridClock::Count() {
  if (++counter_ == 0) ++ms_;
}

Revision HybridClock::Next(int64_t now_ms) {
  const auto now = static_cast<uint64_t>(std::max<int64_t>(now_ms, 0));
  if (now > ms_) {
    ms_ = now;
    counter_ = 0;
  } else {
    Count();
  }
  CHECK_LE(ms_, kRevisionMsMax);
  return {ms_, counter_, node_};
}

void HybridClock::Receive(const Revision& other, int64_t now_ms) {
  const auto now = static_cast<uint64_t>(std::max<int64_t>(now_ms, 0));
  const uint64_t greatest = std::max({ms_, other.ms, now});
  if (greatest == ms_ && greatest == other.ms) {
    counter_ = std::max(counter_, other.counter);
    Count();
  } else if (greatest == ms_) {
    Count();
  } else if (greatest == other.ms) {
    ms_ = other.ms;
    counter_ = other.counter;
    Count();
  } else {
    ms_ = now;
    counter_ = 0;
  }
}

}  // namespace lockstep::docs
