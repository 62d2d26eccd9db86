// Heads: the versions of a document that no other version has replaced. The winner is the one with
// the greatest revision; the others are conflicts. The same code at the hub and in every store.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_HEADS_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_HEADS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/store/revision.h"

namespace lockstep::docs {

struct Head final {
  Revision rev;
  bool deleted = false;    // a tombstone, which wins and loses as any other version
  int64_t time_ms = 0;     // by the clock of the node that wrote it
  int64_t expires_ms = 0;  // 0: never
  std::string document;    // empty: deleted

  bool operator==(const Head&) const = default;
};

// A new version and what its author knew of.
struct Edit final {
  Head head;
  Revision base;                   // the version that it replaces; none: no version
  std::vector<Revision> resolves;  // conflicts that it has taken in
};

// Invariants: sorted by falling revision, without duplicates; at most kHeadsMax.
struct Heads final {
  std::vector<Head> all;
  uint64_t sequence = 0;  // the hub's, of the last change
  uint64_t evicted = 0;   // versions that were lost because there were too many

  const Head* winner() const { return all.empty() ? nullptr : &all[0]; }
  const Head* Find(const Revision& rev) const;
  bool operator==(const Heads&) const = default;

  // False if the version is there already. What it replaces goes; beyond the maximum, the lowest
  // revisions go. Without evictions the outcome does not depend on the order of edits, as long as
  // each comes after what it replaces.
  bool Apply(const Edit& edit);
};

// A winner and ten conflicts.
inline constexpr size_t kHeadsMax = 11;

void EncodeHeads(const Heads& heads, std::string& out);
// Takes from the front of `bytes`. DATA_LOSS: these are no heads.
absl::StatusOr<Heads> TakeHeads(std::string_view& bytes);
absl::StatusOr<Heads> DecodeHeads(std::string_view row);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_HEADS_H_
