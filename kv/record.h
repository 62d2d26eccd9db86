// Record: one version of a key as it is stored, and one line of the order of changes.
#ifndef LOCKSTEP_KV_RECORD_H_
#define LOCKSTEP_KV_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "kv/revision.h"

namespace lockstep::kv {

// The value of a row in kPrimary and kHistory. A tombstone has a revision and nothing else.
//   flags:1  varint mod.main  varint mod.sub  [varint mod.main - create  varint version
//   [varint lease]  value]
struct Record final {
  bool is_tombstone = false;
  Revision mod;
  int64_t create = 0;
  int64_t version = 0;
  int64_t lease = 0;
  std::string_view value;  // borrowed
};
std::string EncodeRecord(const Record& record);
// The value refers into `bytes`. DATA_LOSS for bytes that EncodeRecord never writes.
absl::StatusOr<Record> DecodeRecord(std::string_view bytes);

// The value of a row in kIndex: what happened at a revision.
//   flags:1  [varint mod.main - previous.main  varint previous.sub]  key
struct Change final {
  bool is_tombstone = false;
  // The version of the same key that this one replaced, if it replaced one.
  std::optional<Revision> previous;
  std::string_view key;  // borrowed
};
std::string EncodeChange(const Change& change, Revision mod);
absl::StatusOr<Change> DecodeChange(std::string_view bytes, Revision mod);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_RECORD_H_
