// A bank as a replicated state machine: the smallest service with an invariant worth checking.
//
// Commands: "deposit <account> <amount>", "transfer <from> <to> <amount>". Query: an account's
// name. Answers: a balance in decimal, or a refusal in words.
#ifndef LOCKSTEP_EXAMPLES_BANK_BANK_MACHINE_H_
#define LOCKSTEP_EXAMPLES_BANK_BANK_MACHINE_H_

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "framework/base/status_macros.h"
#include "framework/machine/state_machine.h"

namespace lockstep::bank {

// Invariant: the balances (kPrimary, by account) add up to what was deposited (kIndex, under "").
class BankMachine final : public machine::StateMachine {
 public:
  absl::StatusOr<std::string> Apply(Fiber& fiber, std::string_view command,
                                    machine::ApplyContext& context) override {
    const std::vector<std::string> words = absl::StrSplit(std::string(command), ' ');
    machine::StoreTransaction& store = context.store();
    uint64_t amount = 0;
    if (!absl::SimpleAtoi(words.back(), &amount)) return "refused: no amount";
    if (words[0] == "deposit" && words.size() == 3) {
      ASSIGN_OR_RETURN(const uint64_t sum, Amount(fiber, store, kIndex, ""));
      if (amount > UINT64_MAX - sum) return "refused: too much money";
      store.Put(kIndex, "", absl::StrCat(sum + amount));
      return Add(fiber, store, words[1], amount);
    }
    if (words[0] != "transfer" || words.size() != 4) return "refused: unknown command";
    ASSIGN_OR_RETURN(const uint64_t source, Amount(fiber, store, kPrimary, words[1]));
    if (amount > source) return "refused: insufficient funds";
    store.Put(kPrimary, words[1], absl::StrCat(source - amount));
    return Add(fiber, store, words[2], amount);
  }

  absl::StatusOr<std::string> Query(Fiber& fiber, std::string_view account,
                                    const machine::StoreView& view) override {
    ASSIGN_OR_RETURN(const uint64_t balance, Amount(fiber, view, kPrimary, account));
    return absl::StrCat(balance);
  }
  absl::Status Load(Fiber&, const machine::StoreView&) override { return absl::OkStatus(); }
  absl::Status CheckInvariants(Fiber& fiber, const machine::StoreView& view) override {
    ASSIGN_OR_RETURN(const uint64_t deposits, Amount(fiber, view, kIndex, ""));
    uint64_t balances = 0, balance = 0;
    const auto at = view.NewIterator(kPrimary);
    for (at->Seek(fiber, ""); at->Valid(); at->Next(fiber), balances += balance) {
      if (!absl::SimpleAtoi(std::string(at->value()), &balance))
        return absl::InternalError("no balance");
    }
    RETURN_IF_ERROR(at->status());
    if (balances == deposits) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("balances ", balances, ", deposits ", deposits));
  }

 private:
  using enum machine::Column;
  static absl::StatusOr<uint64_t> Amount(Fiber& fiber, const machine::StoreView& view,
                                         machine::Column column, std::string_view name) {
    ASSIGN_OR_RETURN(const std::optional<std::string> text, view.Get(fiber, column, name));
    uint64_t amount = 0;
    if (text && !absl::SimpleAtoi(*text, &amount)) return absl::DataLossError(*text);
    return amount;
  }

  static absl::StatusOr<std::string> Add(Fiber& fiber, machine::StoreTransaction& store,
                                         const std::string& account, uint64_t amount) {
    ASSIGN_OR_RETURN(const uint64_t balance, Amount(fiber, store, kPrimary, account));
    store.Put(kPrimary, account, absl::StrCat(balance + amount));
    return absl::StrCat(balance + amount);
  }
};

}  // namespace lockstep::bank

#endif  // LOCKSTEP_EXAMPLES_BANK_BANK_MACHINE_H_
