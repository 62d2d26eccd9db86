// The rows of a store: keys, records of documents, mutations. (docs/formats.md, "Documents".)
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_RECORD_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/store/revision.h"

namespace lockstep::docs {

// Position in the store's oplog, from 1, without gaps; never used twice.
using Sequence = uint64_t;

// What is known of a document besides its fields.
struct Meta final {
  Revision rev;
  Sequence sequence = 0;
  int64_t updated_ms = 0;  // by the clock of the node that wrote it
  int64_t expires_ms = 0;  // 0: never (by itself)
  bool deleted = false;    // a tombstone: there is no document
};

// A document's row in Column::kPrimary. `document` refers to the row.
struct Record final {
  Meta meta;
  std::string_view document;
};
std::string EncodeRecord(const Meta& meta, std::string_view document);
// DATA_LOSS: not a record.
absl::StatusOr<Record> DecodeRecord(std::string_view row);

enum class MutationOp : uint8_t {
  kPut = 1,
  kDelete = 2,
  kExpire = 3,            // a delete because its time was over
  kCreateCollection = 4,  // document: {name}
  kCreateIndex = 5,       // document: IndexDefinition::Describe
  kDropIndex = 6,         // document: {name}
  kBuildIndex = 7,        // the next documents go into an index; document: {name, after, count}
  kTrim = 8,              // history before a sequence goes; document: {before}
  kPurge = 9,             // document and all of its versions are erased
  // Of sync (sync_state.h).
  kSyncEnable = 10,    // document: SyncScope::Describe
  kSyncEnqueue = 11,   // the next documents from before go into the queue
  kPull = 12,          // what the hub says of a document; document: EncodePulled
  kSyncProgress = 13,  // document: {epoch, checkpoint, reconciling, offset}
  kSyncReject = 14,    // a queued change was refused; document: {number, code, detail}
  kSyncRestamp = 15,   // queued changes get other revisions; document: {numbers, revs}
  kSyncRejoin = 16,    // the store is another node from now on, that of `rev`
  kAudit = 20,         // a record of the audit trail; document: DescribeWrite
  kTrimVersions = 21,  // old versions of one document go; document: {keep}
  kTrimmed = 22,       // an oplog row only: there was a version here
  kSetPolicy = 23,     // document: CollectionPolicy::Describe
};

// One change, as the log and the oplog hold it.
struct Mutation final {
  MutationOp op = MutationOp::kPut;
  uint32_t collection = 0;
  Revision rev;
  Revision base;  // of the version that it replaces
  int64_t time_ms = 0;
  int64_t expires_ms = 0;
  Value id;                        // kPut, kDelete, kExpire
  std::string document;            // the post-image; see the ops
  std::vector<Revision> resolves;  // conflicts that it takes in
  bool is_remote = false;          // an oplog row only: pulled, not written here
  bool of_document() const { return op <= MutationOp::kExpire || op == MutationOp::kPurge; }
};

void EncodeMutation(const Mutation& mutation, std::string& out);
absl::StatusOr<Mutation> DecodeMutation(std::string_view bytes);
// What one entry of the log holds.
std::string EncodeBatch(const std::vector<Mutation>& batch);
absl::StatusOr<std::vector<Mutation>> DecodeBatch(std::string_view bytes);
// A row of the oplog: the mutation behind its checksum.
std::string EncodeOplogRow(const Mutation& mutation);
absl::StatusOr<Mutation> DecodeOplogRow(std::string_view row);

// Keys. `id` is the key of an id (AppendKey).
std::string DocumentKey(uint32_t collection, std::string_view id);                    // kPrimary
std::string IndexPrefix(uint32_t index);                                              // kIndex
std::string OplogKey(Sequence sequence);                                              // kHistory
std::string VersionKey(uint32_t collection, std::string_view id, Sequence sequence);  // kHistory
std::string VersionPrefix(uint32_t collection);                                       // kHistory
// Expiry by itself: kIndex, before all indexes.
std::string ExpiryKey(int64_t expires_ms, uint32_t collection, std::string_view id);

std::string BigEndian32(uint32_t value);
std::string BigEndian64(uint64_t value);
uint64_t FromBigEndian(std::string_view bytes);
// The key right behind all keys that begin with this one.
std::string KeyAfterPrefix(std::string prefix);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_RECORD_H_
