// Reading what sync keeps: the queue, conflicts, what was refused.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_SYNC_READER_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_SYNC_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "docs-memory/store/reader.h"
#include "docs-memory/store/sync_state.h"

namespace lockstep::docs {

// Queued changes from that number on, in order: about so many bytes, at most so many.
absl::StatusOr<std::vector<QueuedChange>> ReadQueue(Fiber& fiber, const ReadState& state,
                                                    uint64_t from, size_t count_max,
                                                    size_t bytes_max);
// The number of the first that waits; what will be next, if none does. None below `from` waits.
absl::StatusOr<uint64_t> FirstQueued(Fiber& fiber, const ReadState& state, uint64_t from = 1);

// The change with that number, if it waits.
absl::StatusOr<std::optional<Mutation>> ReadQueuedChange(Fiber& fiber, const ReadState& state,
                                                         uint64_t number);

// What the hub last said of a document with queued changes, and their numbers; no base: it has
// none.
struct QueuedDocument final {
  std::optional<Heads> base;
  std::vector<uint64_t> numbers;
};
absl::StatusOr<QueuedDocument> ReadQueuedDocument(Fiber& fiber, const ReadState& state,
                                                  std::string_view collection, ValueRef id);

// Numbers of the queued changes of documents: many documents, one iterator. The state outlives it.
class QueuedNumbers final {
 public:
  explicit QueuedNumbers(const ReadState& state) : state_(state) {}
  QueuedNumbers(const QueuedNumbers&) = delete;
  QueuedNumbers& operator=(const QueuedNumbers&) = delete;
  // In order. Suspends.
  absl::StatusOr<std::vector<uint64_t>> Of(Fiber& fiber, std::string_view collection, ValueRef id);

 private:
  const ReadState& state_;
  std::unique_ptr<machine::Iterator> iterator_;
};

// All heads of a document: the first is the document, the others are conflicts. None: it is not
// there.
absl::StatusOr<Heads> ReadHeads(Fiber& fiber, const ReadState& state, std::string_view collection,
                                ValueRef id);

struct ConflictedDocument final {
  std::string collection;
  Value id;
  Heads heads;
};
// Documents with conflicts, at most so many.
absl::StatusOr<std::vector<ConflictedDocument>> ReadConflicts(Fiber& fiber, const ReadState& state,
                                                              size_t count_max);
// What the hub has refused, oldest first, at most so many.
absl::StatusOr<std::vector<RejectedChange>> ReadRejected(Fiber& fiber, const ReadState& state,
                                                         size_t count_max);

// What an operator wants to know of a synced store, besides its SyncState.
struct SyncFacts final {
  uint64_t conflicts = 0;        // documents with versions that lost; counted up to 10000
  int64_t oldest_queued_ms = 0;  // when the change was made that waits longest; 0: none does
};
absl::StatusOr<SyncFacts> ReadSyncFacts(Fiber& fiber, const ReadState& state);

// Calls `visit` with every document of the collection that has a row, tombstones too.
absl::Status VisitRows(Fiber& fiber, const ReadState& state, const CollectionInfo& info,
                       absl::FunctionRef<void(std::string_view id, const Record& record)> visit);

// Whether the queue is whole and every document is what the hub said with the queue on top.
// DATA_LOSS says what is wrong.
absl::Status VerifySync(Fiber& fiber, const ReadState& state);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_SYNC_READER_H_
