// Tally: totals under names, as a replicated state machine.
//
// Command: "add NAME AMOUNT"; answers the new total. Query: NAME; answers the total.
#ifndef LOCKSTEP_EXAMPLES_OUT_OF_TREE_TALLY_MACHINE_H_
#define LOCKSTEP_EXAMPLES_OUT_OF_TREE_TALLY_MACHINE_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "framework/base/status_macros.h"
#include "framework/machine/state_machine.h"

namespace tally {

using lockstep::Fiber;
using lockstep::machine::Column;
using lockstep::machine::StoreView;

// Planted by a test to see that it would notice.
enum class Bug {
  kNone,
  kSmallAddsAreLost,  // an add of 1 is acknowledged with the right total and then forgotten
};

// Invariant: the totals (kPrimary, by name) add up to what was added (kIndex, under "").
class TallyMachine final : public lockstep::machine::StateMachine {
 public:
  explicit TallyMachine(Bug bug = Bug::kNone) : bug_(bug) {}

  absl::StatusOr<std::string> Apply(Fiber& fiber, std::string_view command,
                                    lockstep::machine::ApplyContext& context) override {
    const std::vector<std::string> words = absl::StrSplit(std::string(command), ' ');
    int64_t amount = 0;
    const bool is_add = words.size() == 3 && words[0] == "add" &&
                        absl::SimpleAtoi(words[2], &amount) && amount > 0 && amount < 1'000'000;
    // A bad command has an answer that says so; a Status would stop the replica.
    if (!is_add) return std::string("refused: add NAME AMOUNT");
    auto& store = context.store();
    ASSIGN_OR_RETURN(const int64_t all, Total(fiber, store, Column::kIndex, ""));
    ASSIGN_OR_RETURN(const int64_t total, Total(fiber, store, Column::kPrimary, words[1]));
    if (bug_ == Bug::kSmallAddsAreLost && amount == 1) return absl::StrCat(total + amount);
    store.Put(Column::kIndex, "", absl::StrCat(all + amount));
    store.Put(Column::kPrimary, words[1], absl::StrCat(total + amount));
    return absl::StrCat(total + amount);
  }

  absl::StatusOr<std::string> Query(Fiber& fiber, std::string_view name,
                                    const StoreView& view) override {
    ASSIGN_OR_RETURN(const int64_t total, Total(fiber, view, Column::kPrimary, name));
    return absl::StrCat(total);
  }

  // Nothing is kept in memory.
  absl::Status Load(Fiber&, const StoreView&) override { return absl::OkStatus(); }

  absl::Status CheckInvariants(Fiber& fiber, const StoreView& view) override {
    ASSIGN_OR_RETURN(int64_t left, Total(fiber, view, Column::kIndex, ""));
    const auto row = view.NewIterator(Column::kPrimary);
    for (row->Seek(fiber, ""); row->Valid(); row->Next(fiber)) {
      int64_t total = 0;
      if (!absl::SimpleAtoi(std::string(row->value()), &total)) {
        return absl::InternalError("a total that is no number");
      }
      left -= total;
    }
    RETURN_IF_ERROR(row->status());
    if (left == 0) return absl::OkStatus();
    return absl::InternalError(absl::StrCat(left, " was added and is in no total"));
  }

 private:
  static absl::StatusOr<int64_t> Total(Fiber& fiber, const StoreView& view, Column column,
                                       std::string_view name) {
    ASSIGN_OR_RETURN(const std::optional<std::string> row, view.Get(fiber, column, name));
    int64_t total = 0;
    if (row && !absl::SimpleAtoi(*row, &total)) return absl::DataLossError(*row);
    return total;
  }

  const Bug bug_;
};

}  // namespace tally

#endif  // LOCKSTEP_EXAMPLES_OUT_OF_TREE_TALLY_MACHINE_H_
