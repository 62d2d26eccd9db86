// Head: how far the key-value store has come. One row, written by every change.
#ifndef LOCKSTEP_KV_HEAD_H_
#define LOCKSTEP_KV_HEAD_H_

#include "absl/status/statusor.h"
#include "framework/machine/ordered_store.h"
#include "kv/revision.h"

namespace lockstep::kv {

// Invariant: compacted <= revision.
struct Head final {
  // Of the newest change.
  int64_t revision = kFirstRevision;
  // States before this revision can no longer be read.
  int64_t compacted = kNeverCompacted;

  bool operator==(const Head&) const = default;
};

// A store without the row was never written to.
absl::StatusOr<Head> ReadHead(Fiber& fiber, const machine::StoreView& view);
void WriteHead(const Head& head, machine::StoreTransaction& store);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_HEAD_H_
