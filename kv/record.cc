#include "kv/record.h"

#include "framework/base/check.h"

namespace lockstep::kv {
namespace {

constexpr uint8_t kTombstoneFlag = 1;
constexpr uint8_t kLeaseFlag = 2;
constexpr uint8_t kPreviousFlag = 2;

void AppendVarint(int64_t signed_value, std::string& out) {
  auto value = static_cast<uint64_t>(signed_value);
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

bool ConsumeVarint(std::string_view& bytes, int64_t& out) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    value |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
    if (byte < 0x80) {
      bytes.remove_prefix(i + 1);
      out = static_cast<int64_t>(value);
      return true;
    }
  }
  return false;
}

bool ConsumeFlags(std::string_view& bytes, uint8_t& flags) {
  if (bytes.empty()) return false;
  flags = static_cast<uint8_t>(bytes.front());
  bytes.remove_prefix(1);
  return flags <= 3;
}

}  // namespace

std::string EncodeRecord(const Record& record) {
  CHECK_GE(record.mod.main, record.create);
  std::string out;
  out.reserve(32 + record.value.size());
  const bool has_lease = !record.is_tombstone && record.lease != 0;
  out.push_back(
      static_cast<char>((record.is_tombstone ? kTombstoneFlag : 0) | (has_lease ? kLeaseFlag : 0)));
  AppendVarint(record.mod.main, out);
  AppendVarint(record.mod.sub, out);
  if (record.is_tombstone) return out;
  AppendVarint(record.mod.main - record.create, out);
  AppendVarint(record.version, out);
  if (has_lease) AppendVarint(record.lease, out);
  out.append(record.value);
  return out;
}

absl::StatusOr<Record> DecodeRecord(std::string_view bytes) {
  Record record;
  uint8_t flags = 0;
  int64_t age = 0;
  bool ok = ConsumeFlags(bytes, flags) && ConsumeVarint(bytes, record.mod.main) &&
            ConsumeVarint(bytes, record.mod.sub);
  record.is_tombstone = (flags & kTombstoneFlag) != 0;
  if (ok && !record.is_tombstone) {
    ok = ConsumeVarint(bytes, age) && ConsumeVarint(bytes, record.version) &&
         ((flags & kLeaseFlag) == 0 || ConsumeVarint(bytes, record.lease));
    record.create = record.mod.main - age;
    record.value = bytes;
  }
  if (!ok) return absl::DataLossError("malformed version of a key");
  return record;
}

std::string EncodeChange(const Change& change, Revision mod) {
  std::string out;
  out.reserve(16 + change.key.size());
  out.push_back(static_cast<char>((change.is_tombstone ? kTombstoneFlag : 0) |
                                  (change.previous.has_value() ? kPreviousFlag : 0)));
  if (change.previous.has_value()) {
    CHECK(*change.previous < mod);
    AppendVarint(mod.main - change.previous->main, out);
    AppendVarint(change.previous->sub, out);
  }
  out.append(change.key);
  return out;
}

absl::StatusOr<Change> DecodeChange(std::string_view bytes, Revision mod) {
  Change change;
  uint8_t flags = 0;
  bool ok = ConsumeFlags(bytes, flags);
  change.is_tombstone = (flags & kTombstoneFlag) != 0;
  if (ok && (flags & kPreviousFlag) != 0) {
    int64_t distance = 0;
    Revision previous;
    ok = ConsumeVarint(bytes, distance) && ConsumeVarint(bytes, previous.sub);
    previous.main = mod.main - distance;
    change.previous = previous;
  }
  if (!ok) return absl::DataLossError("malformed line in the order of changes");
  change.key = bytes;
  return change;
}

}  // namespace lockstep::kv
