#include "kv/members.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kv/node_config.h"
#include "kv/proto/rpc.pb.h"

namespace lockstep::kv {
namespace {

using replica::MemberRefusal;

constexpr Refusal kMemberExists{GrpcCode::kFailedPrecondition,
                                "etcdserver: member ID already exist"};
constexpr Refusal kPeerUrlExists{GrpcCode::kFailedPrecondition,
                                 "etcdserver: Peer URLs already exists"};
constexpr Refusal kBadPeerUrls{GrpcCode::kInvalidArgument,
                               "etcdserver: given member URLs are invalid"};
constexpr Refusal kMemberNotFound{GrpcCode::kNotFound, "etcdserver: member not found"};
constexpr Refusal kNotLearner{GrpcCode::kFailedPrecondition,
                              "etcdserver: can only promote a learner member"};
constexpr Refusal kLearnerNotReady{
    GrpcCode::kFailedPrecondition,
    "etcdserver: can only promote a learner member which is in sync with leader"};
constexpr Refusal kTooManyLearners{GrpcCode::kFailedPrecondition,
                                   "etcdserver: too many learner members in cluster"};
constexpr Refusal kNotEnoughStarted{
    GrpcCode::kFailedPrecondition,
    "etcdserver: re-configuration failed due to not enough started members"};
constexpr Refusal kUnhealthy{GrpcCode::kUnavailable, "etcdserver: unhealthy cluster"};
// Ours: etcd has no limit, and its members' directories have no names.
constexpr Refusal kTooManyMembers{GrpcCode::kFailedPrecondition,
                                  "etcdserver: too many members in cluster"};
constexpr Refusal kOtherDirectory{GrpcCode::kFailedPrecondition,
                                  "etcdserver: member has another data directory"};

}  // namespace

Verdict VerdictOf(MemberRefusal refusal) {
  switch (refusal) {
    case MemberRefusal::kNone:
      return nullptr;
    case MemberRefusal::kMalformed:
      return &kUnknownCommand;
    case MemberRefusal::kIdExists:
      return &kMemberExists;
    case MemberRefusal::kPeersExist:
      return &kPeerUrlExists;
    case MemberRefusal::kBadPeers:
      return &kBadPeerUrls;
    case MemberRefusal::kNotFound:
      return &kMemberNotFound;
    case MemberRefusal::kNotLearner:
      return &kNotLearner;
    case MemberRefusal::kLearnerNotReady:
      return &kLearnerNotReady;
    case MemberRefusal::kTooManyLearners:
      return &kTooManyLearners;
    case MemberRefusal::kTooManyMembers:
      return &kTooManyMembers;
    case MemberRefusal::kNoVoterLeft:
      return &kNotEnoughStarted;
    case MemberRefusal::kUnhealthy:
      return &kUnhealthy;
    case MemberRefusal::kOtherDirectory:
      return &kOtherDirectory;
  }
  return &kUnknownCommand;
}

Verdict ParsePeerUrls(const std::vector<std::string>& urls, std::vector<runtime::Address>* peers) {
  peers->clear();
  for (const std::string& url : urls) {
    const auto address = ParseUrl(url);
    if (!address.ok()) return &kBadPeerUrls;
    if (std::find(peers->begin(), peers->end(), *address) != peers->end()) return &kBadPeerUrls;
    peers->push_back(*address);
  }
  return peers->empty() ? &kBadPeerUrls : nullptr;
}

void FillMember(const replica::Member& member, etcdserverpb::Member& out) {
  out.set_id(member.id.value());
  out.set_name(member.name);
  for (const runtime::Address& address : member.peers) {
    out.add_peerurls(absl::StrCat("http://", address));
  }
  for (const std::string& url : member.client_urls) out.add_clienturls(url);
  out.set_islearner(member.is_learner);
}

}  // namespace lockstep::kv
