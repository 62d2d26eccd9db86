// What callers of a store choose.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_OPTIONS_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_OPTIONS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "docs-memory/bson/parse.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/store/record.h"
#include "docs-memory/store/sync_state.h"
#include "framework/base/ids.h"
#include "framework/base/time.h"
#include "framework/runtime/cipher.h"

namespace lockstep::docs {

// Who the log of a store says it belongs to.
inline constexpr ClusterId kStoreLogOwner(0x646f6373);
// ... and the group that everything of it is in.
inline constexpr GroupId kStoreGroup(1);

struct StoreOptions final {
  std::string directory = "docs";  // of the log, in the environment's disk
  // Seals the log; outlives the store. (Whoever opens the rows gives them the same one.)
  const runtime::Cipher* cipher = nullptr;
  DocumentRules rules;
  // The log keeps about this much; the rest is in the store's files.
  uint64_t log_bytes_retained = uint64_t{32} << 20;
  uint64_t log_segment_bytes = uint64_t{8} << 20;
  // Every write, and every one that is refused, leaves a record in the audit trail (audit.h).
  bool audit = false;
  // How many old versions of a document are kept (0: all that are young enough).
  uint32_t versions_max = 0;
  // How long old versions are kept, for reads of the past and watches that resume.
  int64_t history_ms = int64_t{30} * 24 * 3600 * 1000;
  // How often expired documents, old versions and old log are looked for.
  Duration maintenance_interval = Milliseconds(500);
  // (tests) Flush at every maintenance, whatever there is.
  bool eager_flush = false;
};

enum class Durability {
  kSync,   // acknowledged when it survives a power loss
  kAsync,  // acknowledged when it is visible; durable a moment later, in order
};

// Of an operation on one document: which of those that its filter matches, and what of it comes
// back, as it was or as it is then.
struct PickOptions final {
  enum class Returns { kNothing, kBefore, kAfter };
  Returns returns = Returns::kNothing;
  Document sort = {};  // the first one in this order; {}: any
  Document projection = {};
};

struct WriteOptions final {
  Durability durability = Durability::kSync;
  std::optional<Revision> expect_rev =
      {};                     // E_REV_MISMATCH if the document has another; for one document
  int64_t expires_at_ms = 0;  // the document vanishes then; 0: never
  bool upsert = false;        // of updates and replacements
  // Conflicts of the document that the write takes in, at most ten; of a synced store.
  std::vector<Revision> resolves = {};
  std::string actor = {};  // for the audit trail
  PickOptions pick = {};
};

struct FindOptions final {
  Document sort = {};  // {field: 1 or -1}
  Document projection = {};
  int64_t skip = 0;
  int64_t limit = 0;      // 0: none
  std::string hint = {};  // an index's name, "_id_" or "$natural"
  bool no_scan = false;
  bool with_meta = false;  // _rev, _updated_at, _source_node, _score of a $text become fields
  std::optional<Sequence> as_of = {};    // the past, as of this sequence
  std::optional<int64_t> as_of_ms = {};  // ... or as of this time
};

struct WriteResult final {
  uint64_t inserted = 0;
  uint64_t matched = 0;
  uint64_t modified = 0;
  uint64_t deleted = 0;
  std::vector<Value> ids;  // of inserted and upserted documents
  bool upserted = false;
  Revision rev;                           // of the last change
  Sequence sequence = 0;                  // of the last change; 0: nothing changed
  std::optional<Document> document = {};  // what WriteOptions::pick asks for, if there is any
};

struct StoredDocument final {
  Document document;
  Meta meta;
  int64_t text_score = 0;  // how well it fits a $text, in 1/65536
};

// One operation; those of a batch happen together or not at all.
struct Operation final {
  enum class Kind {
    kInsert,
    kUpdate,
    kReplace,
    kDelete,
    kPurge,  // filter: {_id: ...}
    kCreateIndex,
    kDropIndex,
    kBuildIndex,
    kSetPolicy,  // update: its description
    kSweep,
    kTrim,
    // Of sync, by whoever talks to the hub (docs-memory/sync).
    kSyncEnable,   // sync_scope
    kSyncEnqueue,  // the next documents from before
    kSyncApply,    // sync_input
    kSyncRestamp,  // queued changes far ahead of `hub_ms` get revisions of about then
    kSyncRejoin    // as another node
  };
  Kind kind = Kind::kInsert;
  std::string collection;
  std::vector<Document> documents;  // kInsert; kReplace: one
  Document filter;
  Document update;  // kUpdate; kCreateIndex: its description
  bool many = false;
  std::string index;  // its name
  WriteOptions options;
  std::shared_ptr<const SyncScope> sync_scope = nullptr;
  std::shared_ptr<const SyncInput> sync_input = nullptr;
  int64_t hub_ms = 0;
};

inline constexpr size_t kBatchOperationsMax = 10'000;

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_OPTIONS_H_
