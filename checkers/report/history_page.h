// HistoryPage: the part of a history that cannot be explained, as one HTML file.
//
// A lane per client, a bar per operation from call to return, the order in which what came before
// can be explained as numbers, the operation that cannot be explained in another colour, and why in
// words. Self-contained: no network, no script needed to read it; light and dark. Equal input gives
// equal bytes.
#ifndef LOCKSTEP_CHECKERS_REPORT_HISTORY_PAGE_H_
#define LOCKSTEP_CHECKERS_REPORT_HISTORY_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkers/sequential_model.h"

namespace lockstep::checkers {

struct PageOperation final {
  enum class Role {
    kContext,
    kWitness,  // needed to see that it cannot be
    kCulprit,  // what nothing explains
  };
  uint64_t client = 0;
  std::string text;
  int64_t call = 0;
  std::optional<int64_t> returned;
  Role role = Role::kContext;
  std::optional<size_t> position;  // from 1 on, in an order that explains all but the culprit
};

// "From must come before to".
struct PageArrow final {
  size_t from = 0;  // in PageSection::operations
  size_t to = 0;
  std::string text;
};

struct PageSection final {
  std::string heading;
  std::string words;  // why it cannot be
  std::vector<PageOperation> operations;
  std::vector<PageArrow> arrows;
};

struct HistoryPage final {
  std::string title;
  std::string subtitle;
  std::vector<PageSection> sections;
};

std::string WriteHistoryPage(const HistoryPage& page);

// Of a section with more operations than are legible, those that matter and those next to them.
void KeepLegible(PageSection* section);

// The section of one linearizability violation. `places` are the operations of its partition;
// `counterexample` and `culprit` places in the history, as LinearizabilityResult has them.
template <SequentialModel M>
PageSection SectionOf(const M& model,
                      const std::vector<Operation<typename M::Input, typename M::Output>>& history,
                      const std::vector<size_t>& counterexample, size_t culprit) {
  constexpr size_t kStepsMax = 200'000;
  PageSection section;
  const std::string key = model.Key(history[culprit].input);
  const int64_t end = history[culprit].returned.value_or(INT64_MAX);
  // What was called before the end, as far as it was known then.
  std::vector<Operation<typename M::Input, typename M::Output>> before;
  std::vector<size_t> shown;  // by place in `before`: in the section
  for (size_t place = 0; place < history.size(); ++place) {
    const auto& op = history[place];
    if (op.call > end || model.Key(op.input) != key) continue;
    PageOperation bar;
    bar.client = op.client;
    bar.text = model.Describe(op.input, op.returned ? &op.output : nullptr);
    bar.call = op.call;
    bar.returned = op.returned;
    if (std::find(counterexample.begin(), counterexample.end(), place) != counterexample.end()) {
      bar.role = PageOperation::Role::kWitness;
    }
    if (place == culprit) {
      bar.role = PageOperation::Role::kCulprit;
    } else {
      before.push_back(op);
      if (op.returned && *op.returned >= end) before.back().returned.reset();
      shown.push_back(section.operations.size());
    }
    section.operations.push_back(std::move(bar));
  }
  Partition<M> partition(model);
  for (const auto& op : before) partition.Add(op);
  if (const auto order = FindOrder(partition, partition.intervals(), kStepsMax)) {
    for (size_t i = 0; i < order->size(); ++i) {
      section.operations[shown[(*order)[i]]].position = i + 1;
    }
  }
  return section;
}

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_REPORT_HISTORY_PAGE_H_
