// HubMachine: the hub of synced stores, as a state machine.
//
// Commands and queries are BSON: {c: what, t: the token's hash, body: {...}}; the service makes
// them (hub_service.h). Results are {status: of HTTP, body: {...}}, with errors in the body's
// `error` (docs-memory/sync/protocol.h).
#ifndef LOCKSTEP_DOCS_MEMORY_HUB_HUB_MACHINE_H_
#define LOCKSTEP_DOCS_MEMORY_HUB_HUB_MACHINE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "docs-memory/hub/token.h"
#include "docs-memory/sync/protocol.h"
#include "framework/fiber/sync.h"
#include "framework/machine/state_machine.h"

namespace lockstep::docs {

// What a command or a query is made of.
struct HubCall final {
  std::string what;
  std::string token_hash;  // empty: the service vouches for it
  uint64_t salt = 0;       // a push's: the epoch, if there is none yet
  int64_t now_ms = 0;      // a query's: the node's clock
  Document body;
};
std::string Encode(const HubCall& call);

struct HubReply final {
  int status = 200;
  Document body;
};
absl::StatusOr<HubReply> DecodeReply(std::string_view bytes);

// Commands:
//   push       PushRequest; a token that may push there
//   token      {hash: binary, claims: {...}}; by the service, as those that follow
//   revoke     {hash: binary}
//   policy     {tombstones_ms?, node_ttl_ms?, history_ms?, versions_max?}
//   epoch      {}: the hub was restored from a backup: checkpoints of before mean nothing
//   filter     {tenant, ns, filter}; one that may administer there. The result: {id}
//   retention  {}: one step of what goes by itself; by the leader's duty
// Queries:
//   pull       PullRequest; a token that may pull there
//   heads      {tenant, ns, coll, id}; one that may read there, as the next two
//   history    {tenant, ns, coll, id}
//   conflicts  {tenant, ns, limit}
//   audit      {tenant, after, limit}; one that may audit
//   claims     what the token is good for
//   policy     the policy; the service vouches, as for the next
//   stats      HubStats, for metrics
//
// A token is checked where its call is carried out: one that was revoked before is good nowhere.
// What changes something, or is refused to, is in the audit trail of the token's tenant.
// Owned by a replica. Apply and Query suspend inside store calls only; LeaderDuty waits.
class HubMachine final : public machine::StateMachine {
 public:
  absl::StatusOr<std::string> Apply(Fiber& fiber, std::string_view command,
                                    machine::ApplyContext& context) override;
  absl::StatusOr<std::string> Query(Fiber& fiber, std::string_view request,
                                    const machine::StoreView& view) override;
  absl::Status Load(Fiber& fiber, const machine::StoreView& view) override;
  // Proposes retention when something falls due.
  void LeaderDuty(Fiber& fiber, machine::Proposer& proposer) override;
  absl::Status CheckInvariants(Fiber& fiber, const machine::StoreView& view) override;

 private:
  absl::StatusOr<HubReply> Execute(Fiber& fiber, const HubCall& call,
                                   machine::ApplyContext& context);
  absl::StatusOr<HubReply> Push(Fiber& fiber, const HubCall& call, machine::ApplyContext& context);
  absl::StatusOr<HubReply> Retain(Fiber& fiber, machine::ApplyContext& context);
  absl::StatusOr<std::string> Read(Fiber& fiber, std::string_view request,
                                   const machine::StoreView& view);
  absl::StatusOr<HubReply> Answer(Fiber& fiber, const HubCall& call,
                                  const machine::StoreView& view);
  void NoteDue(int64_t due_ms);

  // Only for LeaderDuty: when the next of all falls due, as far as this replica knows.
  int64_t due_ms_ = 0;
  fiber::Event sooner_;  // than LeaderDuty believes
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_HUB_HUB_MACHINE_H_
