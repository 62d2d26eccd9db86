// Changes: what one request changes, as the versions of one new revision.
#ifndef LOCKSTEP_KV_CHANGES_H_
#define LOCKSTEP_KV_CHANGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/machine/ordered_store.h"
#include "kv/head.h"
#include "kv/key_codec.h"
#include "kv/recent_keys.h"
#include "kv/record.h"

namespace lockstep::kv {

// Invariants:
//   1. Every version that is stored has one row in kIndex.
//   2. A key has a row in kPrimary exactly if its newest version is no tombstone. Every other
//      version is named by that row's older revisions or by one block in kHistory.
//   3. The head's revision is raised once, by the first change.
// Lives for one request; borrows the transaction, the head and the cache. Its functions may
// suspend.
class Changes final {
 public:
  Changes(machine::StoreTransaction& store, Head& head, RecentKeys& recent)
      : store_(store), head_(head), recent_(recent), base_revision_(head.revision) {}
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;

  machine::StoreTransaction& store() { return store_; }
  // The head as reads of this request see it.
  const Head& head() const { return head_; }
  // The newest revision before this request.
  int64_t base_revision() const { return base_revision_; }

  // Called with a version that is replaced or deleted.
  using OnPrevious = absl::FunctionRef<absl::Status(std::string_view key, const Record& previous)>;
  struct NewValue final {
    std::string_view value;
    int64_t lease = 0;
    // Keep what the previous version has, if there is one.
    bool keep_value = false;
    bool keep_lease = false;
    bool tell_previous = false;
  };
  // Stores a version; calls `on_previous` first if that is asked for and the key exists.
  absl::Status Put(Fiber& fiber, std::string_view key, const NewValue& value,
                   OnPrevious on_previous);
  // Deletes the keys of the range that exist, in order, and returns their number.
  absl::StatusOr<int64_t> Delete(Fiber& fiber, const KeyRange& range, OnPrevious on_previous);

 private:
  Revision NextRevision();
  // The row that a put replaces, from the cache if its value is not needed; refers into `row` or
  // the cache. Nothing if the key does not exist.
  absl::StatusOr<std::optional<Newest>> ReadNewest(Fiber& fiber, std::string_view key,
                                                   const NewValue& value, std::string& row);
  absl::Status DeleteOne(std::string_view key, const Newest& previous);
  // Stores a block of revisions of the key and returns the oldest of them.
  absl::StatusOr<Revision> StoreBlock(std::string_view key, Revision newest,
                                      std::string_view older);

  machine::StoreTransaction& store_;
  Head& head_;
  RecentKeys& recent_;
  int64_t base_revision_;
  int64_t count_ = 0;  // changes so far
};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_CHANGES_H_
