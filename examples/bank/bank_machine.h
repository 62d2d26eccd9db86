// A bank as a replicated state machine: the smallest service with an invariant worth checking.
//
// Commands: "deposit <account> <amount>", "transfer <from> <to> <amount>". Query: an account's
// name. Answers: a balance in decimal, or a refusal in words.
#ifndef LOCKSTEP_EXAMPLES_BANK_BANK_MACHINE_H_
#define LOCKSTEP_EXAMPLES_BANK_BANK_MACHINE_H_

#include <string>
#include <string_view>

#include "framework/machine/state_machine.h"

namespace lockstep::bank {

// Invariant: the balances add up to what was ever deposited.
class BankMachine final : public machine::StateMachine {
 public:
  absl::StatusOr<std::string> Apply(Fiber& fiber, std::string_view command,
                                    machine::ApplyContext& context) override;
  absl::StatusOr<std::string> Query(Fiber& fiber, std::string_view account,
                                    const machine::StoreView& view) override;
  absl::Status Load(Fiber&, const machine::StoreView&) override { return absl::OkStatus(); }
  absl::Status CheckInvariants(Fiber& fiber, const machine::StoreView& view) override;
};

}  // namespace lockstep::bank

#endif  // LOCKSTEP_EXAMPLES_BANK_BANK_MACHINE_H_
