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
//   push    PushRequest; a token that may push there
//   token   {hash: binary, claims: {...}}; by the service
//   revoke  {hash: binary}; by the service
// Queries:
//   pull       PullRequest; a token that may pull there
//   heads      {tenant, ns, coll, id}; one that may read there, as the rest
//   history    {tenant, ns, coll, id}
//   conflicts  {tenant, ns, limit}
//   claims     what the token is good for
//
// A token is checked where its call is carried out: one that was revoked before is good nowhere.
// Owned by a replica. Apply and Query suspend inside store calls only.
class HubMachine final : public machine::StateMachine {
 public:
  absl::StatusOr<std::string> Apply(Fiber& fiber, std::string_view command,
                                    machine::ApplyContext& context) override;
  absl::StatusOr<std::string> Query(Fiber& fiber, std::string_view request,
                                    const machine::StoreView& view) override;
  // Nothing is kept in memory.
  absl::Status Load(Fiber& fiber, const machine::StoreView& view) override;
  absl::Status CheckInvariants(Fiber& fiber, const machine::StoreView& view) override;

 private:
  absl::StatusOr<HubReply> Push(Fiber& fiber, const HubCall& call, machine::ApplyContext& context);
  absl::StatusOr<HubReply> Answer(Fiber& fiber, const HubCall& call,
                                  const machine::StoreView& view);
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_HUB_HUB_MACHINE_H_
