// MemoryStore: machine::OrderedStore in memory, the twin of the RocksDB store.
//
// For differential tests and for the fastest simulated runs. Nothing outlives the object: a node
// that restarts gets an empty store and must replay its log from the start or install a snapshot,
// so a composer that uses this store keeps its logs whole (or has peers that can send a snapshot).
// Within one life a flush has the meaning that the contract gives it: GetFlushed reads an image
// that only StartFlush and Flush renew. Nothing ever fails or waits.
#ifndef LOCKSTEP_FRAMEWORK_STORE_MEMORY_STORE_H_
#define LOCKSTEP_FRAMEWORK_STORE_MEMORY_STORE_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>

#include "framework/machine/ordered_store.h"
#include "framework/store/persistent_map.h"

namespace lockstep::store {

// Invariants:
//   1. A view owns a copy of its group's maps, so it never changes.
//   2. A group has at most one open transaction; it owns a copy that Commit moves into place.
class MemoryStore final : public machine::OrderedStore {
 public:
  using Columns = std::array<PersistentMap, machine::kColumnCount>;

  // One group's maps; the store owns it, GroupStores refer to it.
  struct GroupState final {
    Columns committed;
    PersistentMap flushed;  // Column::kSystem as of the last flush
    bool has_transaction = false;
  };

  MemoryStore() = default;
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;

  std::unique_ptr<machine::GroupStore> Group(GroupId group) override;
  // The new image is there on return.
  absl::Status StartFlush() override;
  absl::Status StartCompaction() override { return absl::OkStatus(); }
  absl::Status Flush(Fiber& fiber) override;
  absl::StatusOr<uint64_t> VerifyNextFile(Fiber&, std::string* after) override {
    after->clear();
    return uint64_t{0};
  }
  absl::Status ReadAgain(Fiber&) override { return absl::OkStatus(); }
  uint64_t DiskBytes() const override;
  absl::Status health() const override { return absl::OkStatus(); }

 private:
  std::map<GroupId, GroupState> groups_;  // nodes do not move
};

}  // namespace lockstep::store

#endif  // LOCKSTEP_FRAMEWORK_STORE_MEMORY_STORE_H_
