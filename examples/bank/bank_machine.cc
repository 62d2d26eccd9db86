#include "examples/bank/bank_machine.h"

#include <limits>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::bank {
namespace {

using machine::Column;

// Balances are in kPrimary under the account's name, the sum of deposits in kIndex under "".
absl::StatusOr<uint64_t> Amount(Fiber& fiber, const machine::StoreView& view, Column column,
                                std::string_view name) {
  ASSIGN_OR_RETURN(const std::optional<std::string> text, view.Get(fiber, column, name));
  uint64_t amount = 0;
  if (text) CHECK(absl::SimpleAtoi(*text, &amount)) << *text;
  return amount;
}

}  // namespace

absl::StatusOr<std::string> BankMachine::Apply(Fiber& fiber, std::string_view command,
                                               machine::ApplyContext& context) {
  const std::vector<std::string> words = absl::StrSplit(std::string(command), ' ');
  machine::StoreTransaction& store = context.store();
  uint64_t amount = 0;
  if (!absl::SimpleAtoi(words.back(), &amount)) return "refused: no amount";
  if (words[0] == "deposit" && words.size() == 3) {
    ASSIGN_OR_RETURN(const uint64_t sum, Amount(fiber, store, Column::kIndex, ""));
    if (amount > std::numeric_limits<uint64_t>::max() - sum) return "refused: too much money";
    ASSIGN_OR_RETURN(const uint64_t balance, Amount(fiber, store, Column::kPrimary, words[1]));
    store.Put(Column::kIndex, "", absl::StrCat(sum + amount));
    store.Put(Column::kPrimary, words[1], absl::StrCat(balance + amount));
    return absl::StrCat(balance + amount);
  }
  if (words[0] != "transfer" || words.size() != 4) return "refused: unknown command";
  ASSIGN_OR_RETURN(const uint64_t source, Amount(fiber, store, Column::kPrimary, words[1]));
  if (amount > source) return "refused: insufficient funds";
  store.Put(Column::kPrimary, words[1], absl::StrCat(source - amount));
  // Read after the first write: both accounts may be the same.
  ASSIGN_OR_RETURN(const uint64_t target, Amount(fiber, store, Column::kPrimary, words[2]));
  store.Put(Column::kPrimary, words[2], absl::StrCat(target + amount));
  return absl::StrCat(target + amount);
}

absl::StatusOr<std::string> BankMachine::Query(Fiber& fiber, std::string_view account,
                                               const machine::StoreView& view) {
  ASSIGN_OR_RETURN(const uint64_t balance, Amount(fiber, view, Column::kPrimary, account));
  return absl::StrCat(balance);
}

absl::Status BankMachine::CheckInvariants(Fiber& fiber, const machine::StoreView& view) {
  ASSIGN_OR_RETURN(const uint64_t deposits, Amount(fiber, view, Column::kIndex, ""));
  uint64_t balances = 0;
  const auto at = view.NewIterator(Column::kPrimary);
  for (at->Seek(fiber, ""); at->Valid(); at->Next(fiber)) {
    uint64_t balance = 0;
    CHECK(absl::SimpleAtoi(std::string(at->value()), &balance));
    balances += balance;
  }
  RETURN_IF_ERROR(at->status());
  if (balances == deposits) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("balances ", balances, ", deposits ", deposits));
}

}  // namespace lockstep::bank
