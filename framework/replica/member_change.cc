#include "framework/replica/member_change.h"

#include <algorithm>
#include <utility>

#include "framework/raft/configuration.h"
#include "framework/replica/member_codec.h"
#include "framework/replica/mutants.h"

namespace lockstep::replica {
namespace {

// Of those that were removed, only the newest keep more than their ids.
constexpr size_t kRemovedInFull = 16;

using Nodes = std::vector<NodeId>;

bool Contains(const Nodes& nodes, NodeId id) {
  return std::find(nodes.begin(), nodes.end(), id) != nodes.end();
}

struct Decoded final {
  MemberChange change;
  std::vector<MemberSight> sights;
};

std::string Encode(const Decoded& decoded) {
  MemberWriter out;
  out.List(decoded.sights, [&](const MemberSight& sight) {
    out.U64(sight.id.value());
    out.U8(sight.is_active ? 1 : 0);
    out.U8(sight.is_caught_up ? 1 : 0);
  });
  out.List(decoded.change.steps, [&](const MemberStep& step) {
    out.U8(static_cast<uint8_t>(step.kind));
    out.Write(step.member);
  });
  return out.Take();
}

std::optional<Decoded> Decode(std::string_view bytes) {
  Decoded decoded;
  MemberReader in(bytes);
  bool known = true;
  in.List([&] {
    MemberSight sight;
    sight.id = NodeId(in.U64());
    sight.is_active = in.U8() != 0;
    sight.is_caught_up = in.U8() != 0;
    decoded.sights.push_back(sight);
  });
  in.List([&] {
    const uint8_t kind = in.U8();
    known &= kind >= static_cast<uint8_t>(MemberStep::Kind::kAdd) &&
             kind <= static_cast<uint8_t>(MemberStep::Kind::kRegister);
    decoded.change.steps.push_back({static_cast<MemberStep::Kind>(kind), in.ReadMember()});
  });
  if (!in.done() || !known || decoded.change.steps.empty()) return std::nullopt;
  return decoded;
}

// One change at work on a copy of the list.
class Granting final {
 public:
  Granting(const Decoded& decoded, const raft::Configuration& configuration, MemberList list)
      : decoded_(decoded), configuration_(configuration), list_(std::move(list)) {}

  MemberRefusal Run() {
    for (const MemberStep& step : decoded_.change.steps) {
      const MemberRefusal refusal = Take(step);
      if (refusal != MemberRefusal::kNone) return refusal;
    }
    for (RemovedMember& removed : list_.removed) {
      if (Contains(removed_, removed.member.id)) removed.until = added_voters_;
    }
    for (size_t i = 0; i + kRemovedInFull < list_.removed.size(); ++i) {
      Member bare;
      bare.id = list_.removed[i].member.id;
      list_.removed[i].member = std::move(bare);
    }
    return changes_voters_ ? CheckVoters() : MemberRefusal::kNone;
  }

  MemberList&& list() && { return std::move(list_); }

 private:
  MemberRefusal Take(const MemberStep& step) {
    switch (step.kind) {
      case MemberStep::Kind::kAdd:
        return Add(step.member);
      case MemberStep::Kind::kRemove:
        return Remove(step.member.id);
      case MemberStep::Kind::kPromote:
        return Promote(step.member.id);
      case MemberStep::Kind::kDemote:
        return Demote(step.member.id);
      case MemberStep::Kind::kUpdate:
        return Update(step.member);
      case MemberStep::Kind::kPublish:
        return Publish(step.member);
      case MemberStep::Kind::kRegister:
        return Register(step.member);
    }
    return MemberRefusal::kMalformed;
  }

  MemberRefusal CheckPeers(const Member& member) const {
    if (member.peers.empty()) return MemberRefusal::kBadPeers;
    for (const Member& other : list_.members) {
      if (other.id == member.id) continue;
      if (other.peers.size() != member.peers.size()) return MemberRefusal::kBadPeers;
      for (const runtime::Address& address : member.peers) {
        const bool taken =
            std::find(other.peers.begin(), other.peers.end(), address) != other.peers.end();
        if (taken) return MemberRefusal::kPeersExist;
      }
    }
    return MemberRefusal::kNone;
  }

  MemberRefusal Add(const Member& member) {
    if (member.id == NodeId(0)) return MemberRefusal::kMalformed;
    if (list_.FindAny(member.id) != nullptr) return MemberRefusal::kIdExists;
    if (const auto refusal = CheckPeers(member); refusal != MemberRefusal::kNone) return refusal;
    if (list_.members.size() >= kMembersMax) return MemberRefusal::kTooManyMembers;
    if (member.is_learner && LearnerCount() >= kLearnersMax) return MemberRefusal::kTooManyLearners;
    Member fresh = member;
    fresh.directories.clear();
    const auto at = std::lower_bound(list_.members.begin(), list_.members.end(), fresh.id,
                                     [](const Member& m, NodeId wanted) { return m.id < wanted; });
    if (!fresh.is_learner) added_voters_.push_back(fresh.id);
    list_.members.insert(at, std::move(fresh));
    return MemberRefusal::kNone;
  }

  MemberRefusal Remove(NodeId id) {
    const Member* member = list_.Find(id);
    if (member == nullptr) return MemberRefusal::kNotFound;
    changes_voters_ |= raft::IsVoter(configuration_, id);
    removed_.push_back(id);
    list_.removed.push_back({*member, {}});
    list_.members.erase(list_.members.begin() + (member - list_.members.data()));
    return MemberRefusal::kNone;
  }

  MemberRefusal Promote(NodeId id) {
    Member* member = list_.Find(id);
    if (member == nullptr) return MemberRefusal::kNotFound;
    if (!member->is_learner) return MemberRefusal::kNotLearner;
    const MemberSight* sight = SightOf(id);
    const bool caught_up = sight != nullptr && sight->is_caught_up && member->has_started();
    if (!caught_up) return MemberRefusal::kLearnerNotReady;
    member->is_learner = false;
    changes_voters_ = true;
    return MemberRefusal::kNone;
  }

  MemberRefusal Demote(NodeId id) {
    Member* member = list_.Find(id);
    if (member == nullptr) return MemberRefusal::kNotFound;
    if (!member->is_learner && LearnerCount() >= kLearnersMax) {
      return MemberRefusal::kTooManyLearners;
    }
    changes_voters_ |= raft::IsVoter(configuration_, id);
    member->is_learner = true;
    return MemberRefusal::kNone;
  }

  MemberRefusal Update(const Member& wanted) {
    Member* member = list_.Find(wanted.id);
    if (member == nullptr) return MemberRefusal::kNotFound;
    if (wanted.peers.size() != member->peers.size()) return MemberRefusal::kBadPeers;
    if (const auto refusal = CheckPeers(wanted); refusal != MemberRefusal::kNone) return refusal;
    member->peers = wanted.peers;
    return MemberRefusal::kNone;
  }

  MemberRefusal Publish(const Member& said) {
    Member* member = list_.Find(said.id);
    if (member == nullptr) return MemberRefusal::kNotFound;
    member->name = said.name;
    member->client_urls = said.client_urls;
    return MemberRefusal::kNone;
  }

  MemberRefusal Register(const Member& said) {
    Member* member = list_.Find(said.id);
    if (member == nullptr) return MemberRefusal::kNotFound;
    if (said.directories.size() > member->peers.size()) return MemberRefusal::kMalformed;
    member->directories.resize(member->peers.size());
    for (size_t i = 0; i < said.directories.size(); ++i) {
      uint64_t& known = member->directories[i];
      if (said.directories[i] == 0 || said.directories[i] == known) continue;
      if (known != 0) return MemberRefusal::kOtherDirectory;
      known = said.directories[i];
    }
    return MemberRefusal::kNone;
  }

  // Those who vote and are wanted as voters, and those who are promoted: most of them are alive.
  // (Others that are wanted as voters do not vote before they are alive.)
  MemberRefusal CheckVoters() const {
    size_t voters = 0;
    size_t active = 0;
    for (const Member& member : list_.members) {
      if (member.is_learner || !(raft::IsVoter(configuration_, member.id) || IsPromoted(member.id)))
        continue;
      const MemberSight* sight = SightOf(member.id);
      ++voters;
      if (sight != nullptr && sight->is_active) ++active;
    }
    if (voters == 0) return MemberRefusal::kNoVoterLeft;
    return 2 * active > voters ? MemberRefusal::kNone : MemberRefusal::kUnhealthy;
  }

  bool IsPromoted(NodeId id) const {
    for (const MemberStep& step : decoded_.change.steps) {
      if (step.kind == MemberStep::Kind::kPromote && step.member.id == id) return true;
    }
    return false;
  }

  const MemberSight* SightOf(NodeId id) const {
    for (const MemberSight& sight : decoded_.sights) {
      if (sight.id == id) return &sight;
    }
    return nullptr;
  }

  size_t LearnerCount() const {
    return static_cast<size_t>(std::count_if(list_.members.begin(), list_.members.end(),
                                             [](const Member& m) { return m.is_learner; }));
  }

  const Decoded& decoded_;
  const raft::Configuration& configuration_;
  MemberList list_;
  Nodes added_voters_;
  Nodes removed_;
  bool changes_voters_ = false;
};

}  // namespace

std::string EncodeMemberChange(const MemberChange& change) { return Encode({change, {}}); }

std::optional<MemberChange> DecodeMemberChange(std::string_view bytes) {
  std::optional<Decoded> decoded = Decode(bytes);
  if (!decoded) return std::nullopt;
  return std::move(decoded->change);
}

std::optional<std::string> WithSights(std::string_view change,
                                      const std::vector<MemberSight>& sights) {
  std::optional<Decoded> decoded = Decode(change);
  if (!decoded) return std::nullopt;
  decoded->sights = sights;
  return Encode(*decoded);
}

MemberRefusal Grant(std::string_view change, const raft::Configuration& configuration,
                    MemberList& list) {
  const std::optional<Decoded> decoded = Decode(change);
  if (!decoded) return MemberRefusal::kMalformed;
  Granting granting(*decoded, configuration, list);
  const MemberRefusal refusal = granting.Run();
  if (refusal != MemberRefusal::kNone) return refusal;
  MemberList granted = std::move(granting).list();
  if (granted == list) return MemberRefusal::kNone;
  ++granted.version;
  list = std::move(granted);
  return MemberRefusal::kNone;
}

NodeId DrawMemberId(runtime::Random& random) {
  return NodeId(std::max<uint64_t>(1, random.Draw("member.id")));
}

std::string EncodeRefusal(MemberRefusal refusal) {
  return std::string(1, static_cast<char>(refusal));
}

std::optional<MemberRefusal> DecodeRefusal(std::string_view result) {
  if (result.size() != 1) return std::nullopt;
  const auto value = static_cast<uint8_t>(result[0]);
  if (value > static_cast<uint8_t>(MemberRefusal::kOtherDirectory)) return std::nullopt;
  return static_cast<MemberRefusal>(value);
}

bool HasCaughtUp(const raft::PeerStatus& peer, raft::Index last) {
  const bool is_sent_snapshot = peer.snapshot > raft::Index(0);
  if (!peer.recently_active || is_sent_snapshot || peer.match == raft::Index(0)) return false;
  return peer.match.value() >= last.value() - last.value() / 10;
}

raft::Configuration Wanted(const MemberList& list, const raft::Configuration& current,
                           const std::function<bool(const Member&)>& is_ready) {
  raft::Configuration wanted;
  const bool at_once = mutant::Enabled(mutant::kM93PromotedWithoutCatchingUp);
  for (const Member& member : list.members) {
    const bool votes = !member.is_learner && (at_once || Contains(current.voters, member.id) ||
                                              (member.has_started() && is_ready(member)));
    (votes ? wanted.voters : wanted.learners).push_back(member.id);
  }
  for (const RemovedMember& removed : list.removed) {
    if (!Contains(current.voters, removed.member.id)) continue;
    const bool waits = std::any_of(removed.until.begin(), removed.until.end(), [&](NodeId id) {
      const Member* heir = list.Find(id);
      return heir != nullptr && !heir->is_learner && !Contains(wanted.voters, id);
    });
    if (waits || mutant::Enabled(mutant::kM92RemovedStillCounted)) {
      wanted.voters.push_back(removed.member.id);
    }
  }
  if (wanted.voters.empty()) return current;  // the floor, whatever the list says
  const bool stays = std::any_of(wanted.voters.begin(), wanted.voters.end(),
                                 [&](NodeId id) { return Contains(current.voters, id); });
  if (!stays) {
    // Whoever leads could hand over to nobody: first the new ones join those of now.
    wanted.voters.insert(wanted.voters.end(), current.voters.begin(), current.voters.end());
    std::erase_if(wanted.learners, [&](NodeId id) { return Contains(current.voters, id); });
  }
  std::sort(wanted.voters.begin(), wanted.voters.end());
  return wanted;
}

bool IsFinal(const MemberList& list, const raft::Configuration& current) {
  if (current.joint()) return false;
  for (const Member& member : list.members) {
    const Nodes& there = member.is_learner ? current.learners : current.voters;
    if (!Contains(there, member.id)) return false;
  }
  return current.voters.size() + current.learners.size() == list.members.size();
}

}  // namespace lockstep::replica
