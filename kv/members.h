// Members: what each member of the cluster says of itself, as rows of the replicated state.
//
// Who is a member is Raft's configuration; here is only what clients need beyond that: names and
// client URLs. Not part of the key space: no revision, no history.
#ifndef LOCKSTEP_KV_MEMBERS_H_
#define LOCKSTEP_KV_MEMBERS_H_

#include "absl/status/status.h"
#include "framework/machine/ordered_store.h"
#include "kv/verdict.h"

namespace etcdserverpb {
class Member;
class MemberListResponse;
}  // namespace etcdserverpb

namespace lockstep::kv {

// Replaces what is known of the member.
Verdict StoreMember(const etcdserverpb::Member& member, machine::StoreTransaction& store);

// Adds all that is known, in order of the ids. Suspends.
absl::Status ReadMembers(Fiber& fiber, const machine::StoreView& view,
                         etcdserverpb::MemberListResponse& response);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_MEMBERS_H_
