#include "sim/cluster/member_operator.h"

#include <algorithm>
#include <utility>

#include "framework/edge/grpc_client.h"

namespace lockstep::sim {
namespace {

using replica::MemberChange;
using replica::MemberList;
using replica::MemberRefusal;

constexpr Duration kAskTimeout = Seconds(2);
// Longer than a message may be under way.
constexpr Duration kUnsure = Seconds(5);
constexpr Duration kIdlePause = Milliseconds(500);
// Fewer voters than this lose no disk: the others could not go on.
constexpr size_t kVotersMin = 3;
constexpr size_t kMembersMax = 6;
constexpr uint64_t kNothing = 100;  // what a universe without this disaster draws

}  // namespace

MemberOperator::MemberOperator(World& world, OperatedCluster& cluster, uint32_t nodes,
                               uint32_t spares)
    : world_(world),
      cluster_(cluster),
      next_spare_(uint64_t{nodes} + 1),
      last_spare_(uint64_t{nodes} + spares) {}

uint64_t MemberOperator::Draw(Stream stream, uint64_t bound, uint64_t benign) const {
  return world_.draws().Range(stream, turn_, 0, bound - 1, benign);
}

void MemberOperator::Run(Fiber& fiber, runtime::Environment& environment) {
  for (;; ++turn_) {
    const Duration mean = Nanoseconds(
        static_cast<int64_t>(std::max<uint64_t>(1, world_.rates().member_change_every_ns)));
    const Duration wait =
        healed_ ? kIdlePause : world_.draws().Exponential("nemesis.member_wait", turn_, mean);
    // (A replay without this entry waits as well.)
    fiber.SleepFor(std::max<Duration>(wait, Milliseconds(1)));
    const std::shared_ptr<const MemberList> list = cluster_.Members();
    if (list == nullptr) continue;
    if (!RemoveWiped(fiber, environment, *list) && !healed_) Act(fiber, environment, *list);
  }
}

bool MemberOperator::RemoveWiped(Fiber& fiber, runtime::Environment& environment,
                                 const MemberList& list) {
  std::erase_if(wiped_, [&](NodeId node) { return list.FindRemoved(node) != nullptr; });
  if (wiped_.empty()) return false;
  MemberChange change;
  AddStep(Kind::kRemove, *wiped_.begin(), change);
  (void)Ask(fiber, environment, list, change);
  return true;
}

NodeId MemberOperator::Pick(const MemberList& list, bool learners) const {
  std::vector<NodeId> fit;
  for (const replica::Member& member : list.members) {
    if (member.is_learner == learners) fit.push_back(member.id);
  }
  if (fit.empty()) return NodeId(0);
  return fit[Draw("nemesis.member_target", 1'000'000, 0) % fit.size()];
}

void MemberOperator::AddStep(Kind kind, NodeId node, MemberChange& change) {
  replica::Member member;
  member.id = node;
  if (kind == Kind::kAdd) member.peers = cluster_.PeerAddressesOf(node);
  change.steps.push_back({kind, std::move(member)});
}

bool MemberOperator::AddSpare(bool is_learner, MemberChange& change) {
  if (next_spare_ > last_spare_) return false;
  AddStep(Kind::kAdd, NodeId(next_spare_), change);
  change.steps.back().member.is_learner = is_learner;
  return true;
}

void MemberOperator::Act(Fiber& fiber, runtime::Environment& environment, const MemberList& list) {
  const uint64_t dice = Draw("nemesis.member_change", kNothing, kNothing);
  const NodeId voter = Pick(list, false);
  const NodeId learner = Pick(list, true);
  const bool has_room = list.members.size() < kMembersMax;
  MemberChange change;
  FaultClass fault = FaultClass::kMemberAdded;
  if (dice < 15 && has_room) {
    AddSpare(false, change);
  } else if (dice < 30 && has_room) {
    AddSpare(true, change);
  } else if (dice < 45 && learner != NodeId(0)) {
    AddStep(Kind::kPromote, learner, change);
    // (In the place of another: takes a joint configuration.)
    if (Draw("nemesis.member_swap", 2, 0) == 1) AddStep(Kind::kDemote, voter, change);
    fault = FaultClass::kMemberPromoted;
  } else if (dice < 55) {
    AddStep(Kind::kDemote, voter, change);
    fault = FaultClass::kMemberDemoted;
  } else if (dice < 65) {
    AddStep(Kind::kRemove, voter, change);
    fault = FaultClass::kMemberRemoved;
  } else if (dice < 80) {
    if (AddSpare(false, change)) AddStep(Kind::kRemove, voter, change);
    fault = FaultClass::kMemberReplaced;
  } else if (dice < kNothing) {
    WipeOne(fiber.now(), list);
  }
  if (change.steps.empty()) return;
  const bool adds = change.steps.front().kind == Kind::kAdd;
  const NodeId added = change.steps.front().member.id;
  if (adds) ++next_spare_;
  if (Ask(fiber, environment, list, change)) world_.CountFault(fault);
  // Whatever the answer was, it may have been granted; it finds out when it asks to join.
  if (adds) cluster_.StartSpare(added);
}

void MemberOperator::WipeOne(MonoTime now, const MemberList& list) {
  if (now < unsure_until_) return;
  const NodeId node = Pick(list, false);
  const auto voters =
      static_cast<size_t>(std::count_if(list.members.begin(), list.members.end(),
                                        [](const replica::Member& m) { return !m.is_learner; }));
  if (voters < kVotersMin || !cluster_.MayWipe(node)) return;
  wiped_.insert(node);
  cluster_.Wipe(node);
  world_.CountFault(FaultClass::kDiskWiped);
}

bool MemberOperator::Ask(Fiber& fiber, runtime::Environment& environment, const MemberList& list,
                         const MemberChange& change) {
  const uint64_t asked = Draw("nemesis.member_asked", 1'000'000, 0) % list.members.size();
  edge::GrpcChannel channel(environment.scheduler, environment.network,
                            cluster_.ClientAddressOf(list.members[asked].id));
  edge::GrpcCallOptions options;
  options.deadline = fiber.now() + kAskTimeout;
  const edge::GrpcResult result = channel.Call(fiber, "/lockstep.Group/ChangeMembers",
                                               replica::EncodeMemberChange(change), options);
  if (!result.ok()) unsure_until_ = fiber.now() + kUnsure;
  if (!result.ok() || result.response.empty()) return false;
  return replica::DecodeRefusal(std::string_view(result.response).substr(0, 1)) ==
         MemberRefusal::kNone;
}

}  // namespace lockstep::sim
