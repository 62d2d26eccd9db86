// What the tests of stores share: running a body in a fiber, and the two stores.
#ifndef LOCKSTEP_TESTS_FRAMEWORK_STORE_STORE_TESTING_H_
#define LOCKSTEP_TESTS_FRAMEWORK_STORE_STORE_TESTING_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/base/check.h"
#include "framework/fiber/scheduler.h"
#include "framework/machine/ordered_store.h"
#include "tests/framework/fiber/run_in_fiber.h"

namespace lockstep::store {

// A path that does not exist yet, in a directory of this process that is removed at its end.
std::string FreshDirectory();

inline constexpr machine::Column kAllColumns[] = {
    machine::Column::kSystem, machine::Column::kPrimary, machine::Column::kHistory,
    machine::Column::kIndex};

inline std::optional<std::string> Read(Fiber& fiber, const machine::StoreView& view,
                                       machine::Column column, std::string_view key) {
  absl::StatusOr<std::optional<std::string>> value = view.Get(fiber, column, key);
  CHECK_OK(value.status());
  return *std::move(value);
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

// Everything from `begin` on, in order.
inline Pairs Scan(Fiber& fiber, const machine::StoreView& view, machine::Column column,
                  std::string_view begin = "") {
  Pairs found;
  const std::unique_ptr<machine::Iterator> at = view.NewIterator(column);
  for (at->Seek(fiber, begin); at->Valid(); at->Next(fiber)) {
    found.emplace_back(at->key(), at->value());
  }
  CHECK_OK(at->status());
  return found;
}

// Everything below `end`, last first.
inline Pairs ScanBack(Fiber& fiber, const machine::StoreView& view, machine::Column column,
                      std::string_view end) {
  Pairs found;
  const std::unique_ptr<machine::Iterator> at = view.NewIterator(column);
  for (at->SeekBefore(fiber, end); at->Valid(); at->Previous(fiber)) {
    found.emplace_back(at->key(), at->value());
  }
  CHECK_OK(at->status());
  return found;
}

// One transaction, committed.
inline void Change(Fiber& fiber, machine::GroupStore& group,
                   const std::function<void(machine::StoreTransaction&)>& changes) {
  std::unique_ptr<machine::StoreTransaction> transaction = group.Begin();
  changes(*transaction);
  CHECK_OK(group.Commit(fiber, std::move(transaction)));
  CHECK(transaction == nullptr);
}

}  // namespace lockstep::store

#endif  // LOCKSTEP_TESTS_FRAMEWORK_STORE_STORE_TESTING_H_
