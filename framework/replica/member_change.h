// MemberChange: what somebody wants changed about the members, and the rules by which it is
// granted.
//
// A change is a command like any other: proposed on any node, replicated, and granted or refused
// when it is applied, by the same rules on every replica. What only the leader can see (who is
// alive, who has caught up) travels in the entry: the leader adds what it observed. A granted
// change is a new list; the leaders of the groups bring Raft's configurations there, one after
// another if the first does not live long enough, so that nothing depends on who asked.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_MEMBER_CHANGE_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_MEMBER_CHANGE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/base/ids.h"
#include "framework/raft/raft.h"
#include "framework/replica/member_list.h"
#include "framework/runtime/random.h"

namespace lockstep::replica {

struct MemberStep final {
  enum class Kind : uint8_t {
    kAdd = 1,       // `member`, as voter or learner; its id is new, its peers are given
    kRemove = 2,    // member.id, as the following
    kPromote = 3,   // a learner that has caught up becomes a voter
    kDemote = 4,    // a voter becomes a learner
    kUpdate = 5,    // member.peers are its new ones
    kPublish = 6,   // the member itself: its name and client URLs
    kRegister = 7,  // the member itself: those of its directories that are not 0
  };
  Kind kind = Kind::kAdd;
  Member member;
};

// All steps or none. Who is removed together with an addition is replaced: it keeps its vote until
// the additions vote.
struct MemberChange final {
  std::vector<MemberStep> steps;
};

// What a leader saw of one member when it took the proposal.
struct MemberSight final {
  NodeId id;
  bool is_active = false;  // was heard of within an election timeout or two
  bool is_caught_up = false;
};

enum class MemberRefusal : uint8_t {
  kNone = 0,
  kMalformed = 1,
  kIdExists = 2,         // or existed
  kPeersExist = 3,       // another member has one of these addresses
  kBadPeers = 4,         // none, or not one per shard
  kNotFound = 5,         // no such member, or it was removed
  kNotLearner = 6,       // only a learner can be promoted
  kLearnerNotReady = 7,  // it has not caught up, or never started
  kTooManyLearners = 8,
  kTooManyMembers = 9,
  kNoVoterLeft = 10,     // nobody who votes now would be left
  kUnhealthy = 11,       // too few of those that would vote are alive
  kOtherDirectory = 12,  // the member is known under another data directory
};

inline constexpr size_t kMembersMax = 63;
inline constexpr size_t kLearnersMax = 15;

std::string EncodeMemberChange(const MemberChange& change);
// Nothing if it is malformed.
std::optional<MemberChange> DecodeMemberChange(std::string_view bytes);
// With what the leader sees; replaces what an earlier leader saw. Nothing if `change` is malformed.
std::optional<std::string> WithSights(std::string_view change,
                                      const std::vector<MemberSight>& sights);

// Grants an encoded change, `list` is the new one then, or refuses it and leaves the list.
// `configuration`: Raft's, as applied before the change.
MemberRefusal Grant(std::string_view change, const raft::Configuration& configuration,
                    MemberList& list);

// For somebody who is added: an id that nobody has or had.
NodeId DrawMemberId(runtime::Random& random);

// The result of a change, as sessions keep it, and back.
std::string EncodeRefusal(MemberRefusal refusal);
std::optional<MemberRefusal> DecodeRefusal(std::string_view result);

// Whether a follower's log is close enough to its leader's to be promoted: nine tenths, as etcd.
bool HasCaughtUp(const raft::PeerStatus& peer, raft::Index last);

// The configuration that a leader should go to now: who is wanted as a voter votes once `is_ready`
// (until then it learns, so that no quorum counts on it), and who is being replaced as long. If
// none of the voters of now stays, the new ones join them first: a leader that goes needs an heir.
raft::Configuration Wanted(const MemberList& list, const raft::Configuration& current,
                           const std::function<bool(const Member&)>& is_ready);

// Everybody who is wanted as a voter votes, and nobody waits to be replaced: whatever Wanted gave
// with `current` is final for this list.
bool IsFinal(const MemberList& list, const raft::Configuration& current);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_MEMBER_CHANGE_H_
