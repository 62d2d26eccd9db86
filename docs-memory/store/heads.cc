#include "docs-memory/store/heads.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "docs-memory/store/mutants.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

constexpr char kVersion = 1;
constexpr size_t kHeadBytes = kRevisionBytes + 1 + 8 + 8 + 4;

template <typename T>
void Put(T value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename T>
T Take(std::string_view& bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return value;
}

absl::Status Damaged() { return absl::DataLossError("documents: damaged heads"); }

}  // namespace

const Head* Heads::Find(const Revision& rev) const {
  for (const Head& head : all) {
    if (head.rev == rev) return &head;
  }
  return nullptr;
}

bool Heads::Apply(const Edit& edit) {
  if (Find(edit.head.rev) != nullptr) return false;
  // Planted bug M102: a version that nobody has replaced is dropped all the same.
  const bool drops_losers = mutant::Enabled(mutant::kM102ConflictDropped);
  std::erase_if(all, [&](const Head& head) {
    const auto& taken_in = edit.resolves;
    return drops_losers || head.rev == edit.base ||
           std::find(taken_in.begin(), taken_in.end(), head.rev) != taken_in.end();
  });
  const auto place = std::find_if(all.begin(), all.end(),
                                  [&](const Head& head) { return head.rev < edit.head.rev; });
  all.insert(place, edit.head);
  while (all.size() > kHeadsMax) {
    all.pop_back();
    ++evicted;
  }
  return true;
}

void EncodeHeads(const Heads& heads, std::string& out) {
  CHECK_LE(heads.all.size(), kHeadsMax);
  out.push_back(kVersion);
  Put(heads.sequence, out);
  Put(heads.evicted, out);
  out.push_back(static_cast<char>(heads.all.size()));
  for (const Head& head : heads.all) {
    head.rev.AppendTo(out);
    out.push_back(head.deleted ? 1 : 0);
    Put(head.time_ms, out);
    Put(head.expires_ms, out);
    Put(static_cast<uint32_t>(head.document.size()), out);
    out += head.document;
  }
}

absl::StatusOr<Heads> TakeHeads(std::string_view& bytes) {
  if (bytes.size() < 18 || bytes[0] != kVersion) return Damaged();
  bytes.remove_prefix(1);
  Heads heads;
  heads.sequence = Take<uint64_t>(bytes);
  heads.evicted = Take<uint64_t>(bytes);
  const auto count = Take<uint8_t>(bytes);
  for (uint8_t i = 0; i < count; ++i) {
    if (bytes.size() < kHeadBytes) return Damaged();
    Head& head = heads.all.emplace_back();
    head.rev = Revision::FromBytes(bytes.substr(0, kRevisionBytes));
    bytes.remove_prefix(kRevisionBytes);
    head.deleted = Take<uint8_t>(bytes) != 0;
    head.time_ms = Take<int64_t>(bytes);
    head.expires_ms = Take<int64_t>(bytes);
    const auto size = Take<uint32_t>(bytes);
    if (bytes.size() < size) return Damaged();
    head.document = bytes.substr(0, size);
    bytes.remove_prefix(size);
  }
  return heads;
}

absl::StatusOr<Heads> DecodeHeads(std::string_view row) {
  ASSIGN_OR_RETURN(Heads heads, TakeHeads(row));
  if (!row.empty()) return Damaged();
  return heads;
}

}  // namespace lockstep::docs
