#include "kv/record.h"

#include <optional>

#include "framework/base/check.h"
#include "framework/base/varint.h"

namespace lockstep::kv {
namespace {

constexpr uint8_t kTombstoneFlag = 1;
constexpr uint8_t kPreviousFlag = 2;
constexpr uint8_t kBlockFlag = 4;
constexpr uint8_t kLeaseFlag = 8;
constexpr uint8_t kAllFlags = 15;

// More than any row has besides key, value and older revisions.
constexpr size_t kFixedBytes = 64;

void AppendVarint(int64_t signed_value, std::string& out) {
  auto value = static_cast<uint64_t>(signed_value);
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

bool ConsumeVarint(std::string_view& bytes, int64_t& out) {
  const std::optional<uint64_t> value = base::TakeVarint(bytes);
  if (value) out = static_cast<int64_t>(*value);
  return value.has_value();
}

bool ConsumeFlags(std::string_view& bytes, uint8_t& flags) {
  if (bytes.empty()) return false;
  flags = static_cast<uint8_t>(bytes.front());
  bytes.remove_prefix(1);
  return flags <= kAllFlags;
}

// Moves a counted string out of the front of `bytes`.
bool ConsumeBytes(std::string_view& bytes, std::string_view& out) {
  int64_t size = 0;
  if (!ConsumeVarint(bytes, size) || size < 0 || static_cast<uint64_t>(size) > bytes.size()) {
    return false;
  }
  out = bytes.substr(0, static_cast<size_t>(size));
  bytes.remove_prefix(static_cast<size_t>(size));
  return true;
}

void AppendDistance(Revision newer, Revision older, std::string& out) {
  CHECK(older < newer);
  AppendVarint(newer.main - older.main, out);
  AppendVarint(older.sub, out);
}

bool ConsumeDistance(std::string_view& bytes, Revision newer, Revision& older) {
  int64_t distance = 0;
  if (!ConsumeVarint(bytes, distance) || !ConsumeVarint(bytes, older.sub)) return false;
  older.main = newer.main - distance;
  return true;
}

// What both kinds of rows tell of a version besides its revision and value.
void AppendRest(const Record& record, std::string& out) {
  CHECK_GE(record.mod.main, record.create);
  AppendVarint(record.mod.main - record.create, out);
  AppendVarint(record.version, out);
  if (record.lease != 0) AppendVarint(record.lease, out);
}

bool ConsumeRest(std::string_view& bytes, uint8_t flags, Record& record) {
  int64_t age = 0;
  if (!ConsumeVarint(bytes, age) || !ConsumeVarint(bytes, record.version)) return false;
  record.create = record.mod.main - age;
  return (flags & kLeaseFlag) == 0 || ConsumeVarint(bytes, record.lease);
}

// Appends the rest of the list to `out`.
bool ConsumeOlder(Revision newer, std::string_view list, Revisions& out) {
  while (!list.empty()) {
    Revision older;
    if (!ConsumeDistance(list, newer, older)) return false;
    out.push_back(older);
    newer = older;
  }
  return true;
}

}  // namespace

std::string PrependOlder(Revision newer, Revision older, std::string_view list) {
  std::string out;
  out.reserve(list.size() + 12);
  AppendDistance(newer, older, out);
  out.append(list);
  return out;
}

absl::StatusOr<Revisions> DecodeOlder(Revision newer, std::string_view list) {
  Revisions out;
  if (!ConsumeOlder(newer, list, out)) return absl::DataLossError("malformed list of revisions");
  return out;
}

std::string EncodeNewest(const Newest& newest) {
  const Record& record = newest.record;
  std::string out;
  out.reserve(kFixedBytes + newest.older.size() + record.value.size());
  out.push_back(static_cast<char>(record.lease != 0 ? kLeaseFlag : 0));
  AppendVarint(record.mod.main, out);
  AppendVarint(record.mod.sub, out);
  AppendRest(record, out);
  AppendVarint(static_cast<int64_t>(newest.older_count), out);
  AppendVarint(static_cast<int64_t>(newest.older.size()), out);
  out.append(newest.older);
  out.append(record.value);
  return out;
}

absl::StatusOr<Newest> DecodeNewest(std::string_view bytes) {
  Newest newest;
  Record& record = newest.record;
  uint8_t flags = 0;
  int64_t count = 0;
  const bool ok = ConsumeFlags(bytes, flags) && (flags & ~kLeaseFlag) == 0 &&
                  ConsumeVarint(bytes, record.mod.main) && ConsumeVarint(bytes, record.mod.sub) &&
                  ConsumeRest(bytes, flags, record) && ConsumeVarint(bytes, count) &&
                  ConsumeBytes(bytes, newest.older);
  if (!ok) return absl::DataLossError("malformed newest version of a key");
  newest.older_count = static_cast<size_t>(count);
  record.value = bytes;
  return newest;
}

std::string EncodeBlock(Revision newest, std::string_view older) {
  CHECK(!older.empty());
  std::string out;
  out.reserve(older.size() + 20);
  AppendVarint(newest.main, out);
  AppendVarint(newest.sub, out);
  out.append(older);
  return out;
}

absl::StatusOr<Revisions> DecodeBlock(std::string_view bytes) {
  Revision newest;
  Revisions out;
  bool ok = ConsumeVarint(bytes, newest.main) && ConsumeVarint(bytes, newest.sub);
  out.push_back(newest);
  ok = ok && ConsumeOlder(newest, bytes, out);
  if (!ok) return absl::DataLossError("malformed block of revisions");
  return out;
}

std::string EncodeChange(const Change& change, Revision mod) {
  const bool has_lease = !change.is_tombstone && change.record.lease != 0;
  std::string out;
  out.reserve(kFixedBytes + change.key.size() + change.record.value.size());
  out.push_back(static_cast<char>((change.is_tombstone ? kTombstoneFlag : 0) |
                                  (change.previous.has_value() ? kPreviousFlag : 0) |
                                  (change.block.has_value() ? kBlockFlag : 0) |
                                  (has_lease ? kLeaseFlag : 0)));
  if (change.previous.has_value()) AppendDistance(mod, *change.previous, out);
  if (change.block.has_value()) AppendDistance(mod, *change.block, out);
  if (!change.is_tombstone) {
    CHECK(change.record.mod == mod);
    AppendRest(change.record, out);
  }
  AppendVarint(static_cast<int64_t>(change.key.size()), out);
  out.append(change.key);
  if (!change.is_tombstone) out.append(change.record.value);
  return out;
}

absl::StatusOr<Change> DecodeChange(std::string_view bytes, Revision mod) {
  Change change;
  uint8_t flags = 0;
  bool ok = ConsumeFlags(bytes, flags);
  change.is_tombstone = (flags & kTombstoneFlag) != 0;
  if (ok && (flags & kPreviousFlag) != 0) {
    ok = ConsumeDistance(bytes, mod, change.previous.emplace());
  }
  if (ok && (flags & kBlockFlag) != 0) ok = ConsumeDistance(bytes, mod, change.block.emplace());
  if (ok && !change.is_tombstone) {
    change.record.mod = mod;
    ok = ConsumeRest(bytes, flags, change.record);
  }
  ok = ok && ConsumeBytes(bytes, change.key) && (!change.is_tombstone || bytes.empty());
  if (!ok) return absl::DataLossError("malformed line in the order of changes");
  change.record.value = bytes;
  return change;
}

}  // namespace lockstep::kv
