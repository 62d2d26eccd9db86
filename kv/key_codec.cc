#include "kv/key_codec.h"

#include <cstdint>

#include "framework/base/check.h"

namespace lockstep::kv {
namespace {

constexpr char kEscape = '\0';
constexpr char kEscapedZero = '\xFF';
constexpr char kTerminator = '\x01';
constexpr size_t kRevisionBytes = 12;

void AppendBigEndian(uint64_t value, size_t bytes, std::string& out) {
  for (size_t i = bytes; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i)));
}

uint64_t ReadBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

void AppendEscaped(std::string_view key, std::string& out) {
  size_t from = 0;
  for (size_t zero = key.find('\0'); zero != key.npos; zero = key.find('\0', from)) {
    out.append(key.substr(from, zero - from));
    out.push_back(kEscape);
    out.push_back(kEscapedZero);
    from = zero + 1;
  }
  out.append(key.substr(from));
  out.push_back(kEscape);
  out.push_back(kTerminator);
}

// Moves the key out of the front of `bytes`. False if no terminator comes.
bool ConsumeEscaped(std::string_view& bytes, std::string& key) {
  while (true) {
    const size_t zero = bytes.find(kEscape);
    if (zero == bytes.npos || zero + 1 >= bytes.size()) return false;
    key.append(bytes.substr(0, zero));
    const char mark = bytes[zero + 1];
    bytes.remove_prefix(zero + 2);
    if (mark == kTerminator) return true;
    if (mark != kEscapedZero) return false;
    key.push_back('\0');
  }
}

void CheckRevision(Revision revision) {
  CHECK_GE(revision.main, 0);
  CHECK_GE(revision.sub, 0);
  CHECK_LE(revision.sub, kSubRevisionMax);
}

}  // namespace

std::string PrimaryKey(std::string_view key) {
  std::string out;
  out.reserve(1 + key.size());
  out.push_back(kUserKeyPrefix);
  out.append(key);
  return out;
}

std::string HistoryPrefix(std::string_view key) {
  std::string out;
  out.reserve(key.size() + 2 + kRevisionBytes);
  AppendEscaped(key, out);
  return out;
}

std::string HistoryKey(std::string_view key, Revision revision) {
  CheckRevision(revision);
  std::string out = HistoryPrefix(key);
  AppendBigEndian(~static_cast<uint64_t>(revision.main), 8, out);
  AppendBigEndian(~static_cast<uint64_t>(revision.sub), 4, out);
  return out;
}

absl::StatusOr<HistoryPlace> DecodeHistoryKey(std::string_view bytes) {
  HistoryPlace place;
  if (!ConsumeEscaped(bytes, place.key) || bytes.size() != kRevisionBytes) {
    return absl::DataLossError("malformed key in the history");
  }
  place.revision.main = static_cast<int64_t>(~ReadBigEndian(bytes.substr(0, 8)));
  place.revision.sub = static_cast<uint32_t>(~ReadBigEndian(bytes.substr(8)));
  return place;
}

std::string RevisionKey(Revision revision) {
  CheckRevision(revision);
  std::string out;
  out.reserve(1 + kRevisionBytes);
  out.push_back(kRevisionPrefix);
  AppendBigEndian(static_cast<uint64_t>(revision.main), 8, out);
  AppendBigEndian(static_cast<uint64_t>(revision.sub), 4, out);
  return out;
}

absl::StatusOr<Revision> DecodeRevisionKey(std::string_view bytes) {
  if (bytes.size() != 1 + kRevisionBytes || bytes.front() != kRevisionPrefix) {
    return absl::DataLossError("malformed key in the order of changes");
  }
  return Revision{static_cast<int64_t>(ReadBigEndian(bytes.substr(1, 8))),
                  static_cast<int64_t>(ReadBigEndian(bytes.substr(9)))};
}

KeyRange::KeyRange(std::string_view key, std::string_view range_end)
    : kind_(range_end.empty()                        ? Kind::kPoint
            : range_end == std::string_view("\0", 1) ? Kind::kUnbounded
                                                     : Kind::kBounded),
      begin_(key),
      end_(range_end) {}

}  // namespace lockstep::kv
