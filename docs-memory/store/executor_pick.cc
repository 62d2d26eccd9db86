// Executor: which documents an operation is about, and what of one comes back.
#include <utility>

#include "docs-memory/bson/error.h"
#include "docs-memory/query/shape.h"
#include "docs-memory/store/executor.h"
#include "docs-memory/store/mutants.h"
#include "docs-memory/store/text_rows.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {

// Before anything is looked for.
absl::Status Executor::CheckPick(const Operation& operation) {
  const PickOptions& pick = operation.options.pick;
  ASSIGN_OR_RETURN(const SortSpec sort, SortSpec::Parse(pick.sort.view()));
  RETURN_IF_ERROR(Projection::Parse(pick.projection.view()).status());
  const bool picks = !sort.empty() || pick.returns != PickOptions::Returns::kNothing;
  if (!picks || !operation.many) return absl::OkStatus();
  return Error(ErrorCode::kQuery, "pick", "",
               "an operation on many documents takes all of them and returns none");
}

absl::StatusOr<std::vector<Found>> Executor::Targets(Fiber& fiber, const CollectionInfo& info,
                                                     Filter& filter, const Operation& operation) {
  ASSIGN_OR_RETURN(const SortSpec sort, SortSpec::Parse(operation.options.pick.sort.view()));
  ASSIGN_OR_RETURN(Plan plan, PlanFind(fiber, transaction_, info, filter, sort, {}, false));
  const bool takes_first = !operation.many && plan.sorted;
  const bool takes_least = !operation.many && !plan.sorted;
  Walk walk(transaction_, info, filter, std::move(plan), now_ms_, takes_first ? 1 : 0);
  std::vector<Found> all;
  std::string least;
  for (;;) {
    ASSIGN_OR_RETURN(auto found, walk.Next(fiber));
    if (!found) return all;
    if (takes_least) {
      std::string key = SortKeyOf(sort, *found);
      if (!all.empty() && least <= key) continue;
      least = std::move(key);
      all.clear();
    }
    all.push_back(*std::move(found));
    if (takes_first) return all;
  }
}

absl::Status Executor::Tell(const Operation& operation, const Document* before,
                            const Document* after, WriteResult& result) {
  const PickOptions& pick = operation.options.pick;
  if (pick.returns == PickOptions::Returns::kNothing) return absl::OkStatus();
  const bool wants_after = pick.returns == PickOptions::Returns::kAfter;
  const Document* document = wants_after ? after : before;
  // Planted bug M217: what it is after the operation is what it was before.
  if (mutant::Enabled(mutant::kM217AfterIsBefore) && before != nullptr) document = before;
  if (document == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Projection projection, Projection::Parse(pick.projection.view()));
  result.document = projection.Apply(*document);
  return absl::OkStatus();
}

}  // namespace lockstep::docs
