// KvMachine: the replicated key-value store with etcd's semantics, as a state machine.
//
// Commands, queries and outcomes are described in command.h, the layout in key_codec.h. Each file
// beside this one has one concern: range, write, txn, compaction, hash_kv, request_checks.
#ifndef LOCKSTEP_KV_KV_MACHINE_H_
#define LOCKSTEP_KV_KV_MACHINE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/fiber/sync.h"
#include "framework/machine/state_machine.h"
#include "kv/alarms.h"
#include "kv/command.h"
#include "kv/head.h"
#include "kv/recent_keys.h"

namespace lockstep::kv {

// Invariant: head_, alarms_ and recent_ are what the store holds after everything that was applied.
// Owned by a replica. Apply and Query suspend inside store calls only.
class KvMachine final : public machine::StateMachine {
 public:
  KvMachine() = default;

  absl::StatusOr<std::string> Apply(Fiber& fiber, std::string_view command,
                                    machine::ApplyContext& context) override;
  absl::StatusOr<std::string> Query(Fiber& fiber, std::string_view request,
                                    const machine::StoreView& view) override;
  absl::Status Load(Fiber& fiber, const machine::StoreView& view) override;
  // Proposes sweeps as long as a compaction has left something to remove.
  void LeaderDuty(Fiber& fiber, machine::Proposer& proposer) override;
  absl::Status CheckInvariants(Fiber& fiber, const machine::StoreView& view) override;

 private:
  absl::StatusOr<std::string> ApplyPut(Fiber& fiber, std::string_view body,
                                       machine::StoreTransaction& store);
  absl::StatusOr<std::string> ApplyDeleteRange(Fiber& fiber, std::string_view body,
                                               machine::StoreTransaction& store);
  absl::StatusOr<std::string> ApplyTxn(Fiber& fiber, std::string_view body,
                                       machine::StoreTransaction& store);
  absl::StatusOr<std::string> ApplyCompact(Fiber& fiber, std::string_view body,
                                           machine::StoreTransaction& store);
  absl::StatusOr<std::string> ApplySweep(Fiber& fiber, machine::StoreTransaction& store);
  absl::StatusOr<std::string> ApplyAlarm(std::string_view body, machine::StoreTransaction& store);
  absl::StatusOr<std::string> QueryAlarms(std::string_view body) const;
  void SetUnswept(bool unswept);

  Head head_;
  Alarms alarms_;
  RecentKeys recent_;
  fiber::Event unswept_;  // set while a sweep has something to do
};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_KV_MACHINE_H_
