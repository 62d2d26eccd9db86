// A store on a calm simulated device, through any number of lives.
#ifndef LOCKSTEP_TESTS_DOCS_MEMORY_STORE_DEVICE_H_
#define LOCKSTEP_TESTS_DOCS_MEMORY_STORE_DEVICE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/store/collection.h"
#include "docs-memory/testing/simulated_rows.h"
#include "framework/base/check.h"
#include "tests/sim/support.h"

namespace lockstep::docs {

inline Document Json(const std::string& text) {
  auto document = FromJson(text);
  CHECK_OK(document.status());
  return *std::move(document);
}

class Device final {
 public:
  using Body = std::function<void(Fiber&, Store&)>;

  // Opens the store, does `body`, and ends the process without closing anything.
  void Live(const Body& body) {
    universe.Run(1, [&](Fiber& fiber, runtime::Environment& environment) {
      auto rows = OpenSimulatedRows(fiber, environment, universe.node(1), "rows", options.cipher);
      CHECK_OK(rows.status());
      auto store = Store::Open(fiber, environment, **rows, options);
      opened = store.status();
      if (store.ok()) body(fiber, **store);
    });
  }
  void LosePower() { universe.node(1).PowerLoss(); }

  sim::CalmUniverse universe{1};
  StoreOptions options;
  absl::Status opened;
};

// Ids (strings and integers) of what a find returns, in order.
inline std::string IdsOf(Fiber& fiber, Store& store, const std::string& filter,
                         const FindOptions& options = {}) {
  auto cursor = Collection(store, "c").Find(fiber, Json(filter), options);
  if (!cursor.ok()) return std::string(CodeOf(cursor.status()));
  std::string ids;
  for (;;) {
    const auto next = (*cursor)->Next(fiber);
    if (!next.ok()) return std::string(next.status().ToString());
    if (!*next) return ids;
    const ValueRef id = *(*next)->document.Find("_id");
    if (!ids.empty()) ids += ' ';
    ids += id.is(Type::kString) ? std::string(id.string()) : ToText(id);
  }
}

inline std::string TextOf(Fiber& fiber, Store& store, ValueRef id) {
  const auto found = Collection(store, "c").Get(fiber, id);
  if (!found.ok()) return std::string(found.status().ToString());
  return *found ? ToJson((*found)->document) : "nothing";
}

}  // namespace lockstep::docs

#endif  // LOCKSTEP_TESTS_DOCS_MEMORY_STORE_DEVICE_H_
