// What a store keeps so that it can be synced with a hub: the scope, the queue of its own changes,
// what the hub said of each document, how far it has pulled. (docs/formats.md, "Documents".)
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_SYNC_STATE_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_SYNC_STATE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/store/heads.h"
#include "docs-memory/store/record.h"

namespace lockstep::docs {

// Which documents are synced with whom.
struct SyncScope final {
  std::string tenant;
  std::string space;                     // "ns" on the wire
  std::vector<std::string> collections;  // sorted; none: all
  Document filter;                       // {}: all; asked by the hub
  uint64_t filter_id = 0;                // ... or registered there; 0: none

  bool Covers(std::string_view collection) const;
  bool operator==(const SyncScope&) const = default;
  Document Describe() const;
  static SyncScope FromDocument(std::string_view document);
};

// Changes of this store are numbered without gaps: the hub processes each number once.
struct SyncState final {
  std::shared_ptr<const SyncScope> scope;  // null: the store is not synced
  uint64_t next_number = 1;                // of the next change that is queued
  uint64_t numbered_again = 0;             // up to there, they had other numbers before
  uint64_t queued = 0;
  uint64_t rejected = 0;        // that the hub has refused, ever
  bool enqueued = false;        // documents from before are in the queue
  std::string enqueue_cursor;   // key of the last one that is
  uint64_t epoch = 0;           // of the hub; 0: none was heard of
  uint64_t checkpoint = 0;      // everything up to there was pulled
  bool reconciling = false;     // everything is being pulled once more
  int64_t clock_offset_ms = 0;  // the hub's time less this store's
  Revision seen;                // the greatest of others

  bool Covers(std::string_view collection) const {
    return scope != nullptr && scope->Covers(collection);
  }
  bool operator==(const SyncState&) const = default;
};
std::string EncodeSyncState(const SyncState& state);
absl::StatusOr<SyncState> DecodeSyncState(std::string_view row);
inline constexpr std::string_view kSyncKey = "docs.sync";

// What the hub says of a document.
struct PulledDocument final {
  enum class Kind : uint8_t {
    kState = 1,   // these are its heads
    kRemove = 2,  // it is not in the scope (any more)
  };
  Kind kind = Kind::kState;
  std::string collection;
  Value id;
  Heads heads;
  std::vector<uint64_t> dropped;  // queued changes that are in it
};
// Of a kPull mutation: all but collection and id.
std::string EncodePulled(const PulledDocument& pulled);
absl::StatusOr<PulledDocument> DecodePulled(std::string_view bytes);

struct SyncRejection final {
  uint64_t number = 0;
  std::string code;
  std::string detail;
};

struct SyncProgress final {
  uint64_t epoch = 0;
  uint64_t checkpoint = 0;
  bool reconciling = false;
  int64_t clock_offset_ms = 0;
  bool restarts = false;  // the hub's sequences mean nothing any more
};

// What sync writes: everything in one batch.
struct SyncInput final {
  std::vector<PulledDocument> documents = {};
  std::vector<SyncRejection> rejections = {};
  std::optional<SyncProgress> progress = {};
};

// A change that waits for the hub.
struct QueuedChange final {
  uint64_t number = 0;
  Mutation mutation;
};
Edit EditOf(Mutation mutation);
Head HeadOf(const Record& record);

// A change that the hub has refused.
struct RejectedChange final {
  SyncRejection why;
  Mutation mutation;
};
std::string EncodeRejected(const RejectedChange& rejected);
absl::StatusOr<RejectedChange> DecodeRejected(std::string_view row);

// Keys, all of Column::kHistory. A base is what the hub last said of a document that has changes in
// the queue, or several heads; of other documents it is their row.
std::string BaseKey(uint32_t collection, std::string_view id);
std::string QueueKey(uint64_t number);
std::string QueuedOfKey(uint32_t collection, std::string_view id, uint64_t number);
std::string QueuedOfPrefix(uint32_t collection, std::string_view id);
std::string RejectedKey(uint64_t ordinal);
inline constexpr std::string_view kBasePrefix = "sb";
inline constexpr std::string_view kQueuePrefix = "sq";
inline constexpr std::string_view kRejectedPrefix = "sr";

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_SYNC_STATE_H_
