// Members: etcd's Cluster service in the words of framework/replica, and back.
#ifndef LOCKSTEP_KV_MEMBERS_H_
#define LOCKSTEP_KV_MEMBERS_H_

#include <string>
#include <vector>

#include "framework/replica/member_change.h"
#include "framework/runtime/network.h"
#include "kv/verdict.h"

namespace etcdserverpb {
class Member;
}

namespace lockstep::kv {

// The refusal as etcd says it; null for kNone.
Verdict VerdictOf(replica::MemberRefusal refusal);

// Where a member is reached, of its URLs. kBadPeerUrls: none, or one is no URL.
Verdict ParsePeerUrls(const std::vector<std::string>& urls, std::vector<runtime::Address>* peers);

void FillMember(const replica::Member& member, etcdserverpb::Member& out);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_MEMBERS_H_
