// RowCache: rows of documents that were asked for lately, whole, for readers of the newest state.
//
// A row that was written lately is found by a search in memory that costs more than all that is
// done with it afterwards; so those that indexes lead to are kept as they are.
#ifndef LOCKSTEP_DOCS_MEMORY_BLOCKING_ROW_CACHE_H_
#define LOCKSTEP_DOCS_MEMORY_BLOCKING_ROW_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"  // lint: allow(hash_container) only ever probed
#include "framework/machine/ordered_store.h"

namespace lockstep::docs {

// Invariants:
//   1. Every row here is what Column::kPrimary of the state with number version_ has.
//   2. bytes_ is the sum over the rows, and at most bytes_max_ after every call.
// Any thread may use it.
class RowCache final {
 public:
  explicit RowCache(size_t bytes_max) : bytes_max_(bytes_max) {}
  RowCache(const RowCache&) = delete;
  RowCache& operator=(const RowCache&) = delete;

  // From now on the state is that of `version`, in which the rows of these keys are not what they
  // were. Versions rise.
  void Publish(uint64_t version, const std::vector<std::string>& touched);
  // What is known of the keys in the state of `version`, in their order.
  std::vector<std::optional<std::string>> Find(uint64_t version,
                                               const std::vector<std::string>& keys);
  // A row of that state; without effect if it is not the newest any more.
  void Add(uint64_t version, const std::string& key, std::string_view row);

  // The rows of `inner`, which is the state of `version`. The cache outlives it.
  std::shared_ptr<const machine::StoreView> Over(std::shared_ptr<const machine::StoreView> inner,
                                                 uint64_t version);
  uint64_t hits() const;

 private:
  // Key and value side by side: whoever looks for a row touches little memory besides.
  struct Row final {
    std::string bytes;
    size_t key_bytes = 0;
    size_t slot = 0;       // in rows_
    bool is_used = false;  // since the hand came by
    std::string_view key() const { return std::string_view(bytes).substr(0, key_bytes); }
    std::string_view value() const { return std::string_view(bytes).substr(key_bytes); }
    size_t size() const { return bytes.size() + kOverheadBytes; }
  };
  static constexpr size_t kOverheadBytes = 128;  // of row, map and allocator, about

  void Erase(std::string_view key);
  void MakeRoom();

  const size_t bytes_max_;
  mutable std::mutex mutex_;  // guards what follows
  uint64_t version_ = 0;
  size_t bytes_ = 0;
  uint64_t hits_ = 0;
  std::vector<std::unique_ptr<Row>> rows_;  // a clock: the hand spares what was used since
  std::vector<size_t> free_;                // slots without a row
  size_t hand_ = 0;
  // lint: allow(hash_container) only ever probed
  absl::flat_hash_map<std::string_view, Row*> by_key_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_BLOCKING_ROW_CACHE_H_
