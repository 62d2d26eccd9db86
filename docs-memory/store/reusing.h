// ReusingTransaction: a transaction whose iterators are used again.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_REUSING_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_REUSING_H_

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/machine/ordered_store.h"

namespace lockstep::docs {

// Making an iterator costs more than the few steps that most walks of a writer take.
//
// Invariants:
//   1. Iterators in idle_ have not failed, and nobody else has them.
// The transaction outlives it, or its iterators are dropped before; it outlives those that it
// lends. What is committed does not change meanwhile.
class ReusingTransaction final : public machine::StoreTransaction {
 public:
  explicit ReusingTransaction(machine::StoreTransaction& inner) : inner_(inner) {}
  ReusingTransaction(const ReusingTransaction&) = delete;
  ReusingTransaction& operator=(const ReusingTransaction&) = delete;

  absl::StatusOr<std::optional<std::string>> Get(Fiber& fiber, machine::Column column,
                                                 std::string_view key) const override {
    return inner_.Get(fiber, column, key);
  }
  absl::StatusOr<std::vector<std::optional<std::string>>> GetMany(
      Fiber& fiber, machine::Column column, const std::vector<std::string>& keys) const override {
    return inner_.GetMany(fiber, column, keys);
  }
  std::unique_ptr<machine::Iterator> NewIterator(machine::Column column) const override;
  void Put(machine::Column column, std::string_view key, std::string_view value) override {
    inner_.Put(column, key, value);
  }
  void Delete(machine::Column column, std::string_view key) override { inner_.Delete(column, key); }
  void DeleteRange(machine::Column column, std::string_view begin, std::string_view end) override {
    inner_.DeleteRange(column, begin, end);
  }
  void DropIterators() {
    for (Idle& idle : idle_) idle.clear();
  }

 private:
  class Lent;
  using Idle = std::vector<std::unique_ptr<machine::Iterator>>;
  Idle& IdleOf(machine::Column column) const { return idle_[static_cast<size_t>(column)]; }

  machine::StoreTransaction& inner_;
  mutable std::array<Idle, machine::kColumnCount> idle_;  // (views are const and are read)
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_REUSING_H_
