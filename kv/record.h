// Record: one version of a key, and the rows in which versions are stored.
//
// Every version has a row of its own under its revision (Change). The newest one of a key that
// exists is there a second time, under the key (Newest), with the revisions of the ones before.
// When these are kOlderMax they move into a row of their own (a block), so that a put costs one
// such row in kOlderMax.
#ifndef LOCKSTEP_KV_RECORD_H_
#define LOCKSTEP_KV_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "kv/revision.h"

namespace lockstep::kv {

struct Record final {
  Revision mod;
  int64_t create = 0;
  int64_t version = 0;
  int64_t lease = 0;
  std::string_view value;  // borrowed
};

// Revisions of versions of one key, newest first.
inline constexpr size_t kOlderMax = 8;
using Revisions = absl::InlinedVector<Revision, kOlderMax + 1>;

// Revisions of older versions as they are stored: each as its distance from the next newer one.
//   (varint newer.main - main  varint sub)*
// Puts `older` in front of a list that begins after it; `newer` is what the result begins after.
std::string PrependOlder(Revision newer, Revision older, std::string_view list);
absl::StatusOr<Revisions> DecodeOlder(Revision newer, std::string_view list);

// The value of a row in kPrimary.
//   flags:1  varint mod.main  varint mod.sub  varint mod.main - create  varint version
//   [varint lease]  varint number of older revisions  varint their bytes  older revisions  value
struct Newest final {
  Record record;
  size_t older_count = 0;
  std::string_view older;  // borrowed
};
std::string EncodeNewest(const Newest& newest);
// Refers into `bytes`. DATA_LOSS for bytes that EncodeNewest never writes.
absl::StatusOr<Newest> DecodeNewest(std::string_view bytes);

// The value of a row in kHistory: a block of at least two revisions.
//   varint main  varint sub  older revisions
std::string EncodeBlock(Revision newest, std::string_view older);
absl::StatusOr<Revisions> DecodeBlock(std::string_view bytes);

// The value of a row in kIndex: what happened at a revision. A tombstone has no record.
//   flags:1  [varint mod.main - previous.main  varint previous.sub]
//   [varint mod.main - block.main  varint block.sub]
//   [varint mod.main - create  varint version  [varint lease]]  varint bytes of the key  key  value
struct Change final {
  bool is_tombstone = false;
  // The version of the same key that this one replaced, if it replaced one.
  std::optional<Revision> previous;
  // The oldest revision of the block that was written with this change, if one was: nobody needs it
  // any more when this change is compacted.
  std::optional<Revision> block;
  std::string_view key;  // borrowed
  Record record;
};
std::string EncodeChange(const Change& change, Revision mod);
absl::StatusOr<Change> DecodeChange(std::string_view bytes, Revision mod);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_RECORD_H_
