#include "kv/head.h"

#include <cstring>

#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "kv/key_codec.h"

namespace lockstep::kv {
namespace {

// Little-endian, as both supported machines are.
constexpr size_t kHeadBytes = 16;

}  // namespace

absl::StatusOr<Head> ReadHead(Fiber& fiber, const machine::StoreView& view) {
  ASSIGN_OR_RETURN(const auto row, view.Get(fiber, machine::Column::kPrimary, kHeadKey));
  Head head;
  if (!row.has_value()) return head;
  if (row->size() != kHeadBytes) return absl::DataLossError("malformed head of the key space");
  std::memcpy(&head.revision, row->data(), 8);
  std::memcpy(&head.compacted, row->data() + 8, 8);
  if (head.revision < kFirstRevision || head.compacted > head.revision) {
    return absl::DataLossError("impossible head of the key space");
  }
  return head;
}

void WriteHead(const Head& head, machine::StoreTransaction& store) {
  CHECK_LE(head.compacted, head.revision);
  char row[kHeadBytes];
  std::memcpy(row, &head.revision, 8);
  std::memcpy(row + 8, &head.compacted, 8);
  store.Put(machine::Column::kPrimary, kHeadKey, {row, kHeadBytes});
}

}  // namespace lockstep::kv
