#include "framework/replica/group_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"
#include "framework/fiber/sync.h"

namespace lockstep::replica {
namespace {

absl::Status NotUp(GroupId group) {
  return absl::UnavailableError(absl::StrCat("group ", group.value(), " is not up on this node"));
}

// Runs `ask` with the group's replica, on the group's shard, and returns what it returned. The two
// sides' clocks are one node's, so a deadline means the same on both.
template <typename T, typename Ask>
absl::StatusOr<T> OnShardOf(Fiber& fiber, runtime::Environment& environment,
                            ShardDirectory& directory, GroupId group, MonoTime deadline, Ask ask) {
  const ShardId home = directory.ShardOf(group);
  if (home == environment.shard) {
    Shard* shard = directory.slot(home).shard;
    Replica* replica = shard == nullptr ? nullptr : shard->group(group);
    if (replica == nullptr) return NotUp(group);
    return ask(fiber, *replica);
  }
  // Belongs to the asking shard: only posts to it touch the event and the answer.
  struct Answer {
    fiber::Event done;
    absl::StatusOr<T> value{absl::UnknownError("pending")};
  };
  auto answer = std::make_shared<Answer>();
  runtime::Mailbox* mailbox = &environment.mailbox;
  const ShardId asker = environment.shard;
  const auto reply = [answer, asker](runtime::Mailbox& from, absl::StatusOr<T> value) {
    from.Post(asker, [answer, value = std::move(value)]() mutable {
      answer->value = std::move(value);
      answer->done.Set();
    });
  };
  mailbox->Post(home, [&directory, home, group, reply, ask = std::move(ask)]() mutable {
    ShardDirectory::Slot& slot = directory.slot(home);
    // Nobody to tell through: the asker's deadline ends it.
    if (slot.shard == nullptr || slot.requests == nullptr || slot.requests->cancelled()) return;
    slot.requests->Spawn("group.request", [&slot, group, reply, ask](Fiber& serving) mutable {
      Replica* replica = slot.shard->group(group);
      absl::StatusOr<T> value =
          replica == nullptr ? absl::StatusOr<T>(NotUp(group)) : ask(serving, *replica);
      reply(slot.shard->environment().mailbox, std::move(value));
    });
  });
  if (!answer->done.Wait(fiber, deadline)) {
    return absl::DeadlineExceededError("the group's shard did not answer in time");
  }
  return std::move(answer->value);
}

}  // namespace

absl::StatusOr<std::string> GroupClient::Propose(Fiber& fiber, std::string command,
                                                 MonoTime deadline) {
  return OnShardOf<std::string>(
      fiber, environment_, directory_, group_, deadline,
      [command = std::move(command), deadline](Fiber& serving, Replica& replica) mutable {
        return replica.Propose(serving, std::move(command), deadline);
      });
}

absl::StatusOr<std::string> GroupClient::Query(Fiber& fiber, std::string request,
                                               Consistency consistency, MonoTime deadline) {
  return OnShardOf<std::string>(
      fiber, environment_, directory_, group_, deadline,
      [request = std::move(request), consistency, deadline](Fiber& serving, Replica& replica) {
        return replica.Query(serving, request, consistency, deadline);
      });
}

absl::Status GroupClient::CatchUp(Fiber& fiber, MonoTime deadline, Duration max_staleness) {
  // A StatusOr without a value of interest.
  return OnShardOf<bool>(
             fiber, environment_, directory_, group_, deadline,
             [deadline, max_staleness](Fiber& serving, Replica& replica) -> absl::StatusOr<bool> {
               RETURN_IF_ERROR(replica.CatchUp(serving, deadline, max_staleness));
               return true;
             })
      .status();
}

absl::StatusOr<raft::Index> GroupClient::AwaitApplied(Fiber& fiber, raft::Index at_least,
                                                      MonoTime deadline) {
  return OnShardOf<raft::Index>(
      fiber, environment_, directory_, group_, deadline,
      [at_least, deadline](Fiber& serving, Replica& replica) -> absl::StatusOr<raft::Index> {
        if (replica.AwaitApplied(serving, at_least, deadline)) return replica.status().applied;
        return absl::DeadlineExceededError("nothing new was applied");
      });
}

absl::StatusOr<ReplicaStatus> GroupClient::Status(Fiber& fiber, MonoTime deadline) {
  return OnShardOf<ReplicaStatus>(fiber, environment_, directory_, group_, deadline,
                                  [](Fiber&, Replica& replica) { return replica.status(); });
}

absl::StatusOr<raft::Term> GroupClient::Term(Fiber& fiber, MonoTime deadline) {
  return OnShardOf<raft::Term>(fiber, environment_, directory_, group_, deadline,
                               [](Fiber&, Replica& replica) { return replica.raft().term(); });
}

absl::StatusOr<uint64_t> GroupClient::StoreBytes(Fiber& fiber, MonoTime deadline) {
  return OnShardOf<uint64_t>(fiber, environment_, directory_, group_, deadline,
                             [](Fiber&, Replica& replica) { return replica.store_bytes(); });
}

absl::Status GroupClient::StartCompaction(Fiber& fiber, MonoTime deadline) {
  return OnShardOf<bool>(fiber, environment_, directory_, group_, deadline,
                         [](Fiber&, Replica& replica) -> absl::StatusOr<bool> {
                           RETURN_IF_ERROR(replica.StartCompaction());
                           return true;
                         })
      .status();
}

absl::StatusOr<MemberRefusal> GroupClient::ChangeMembers(Fiber& fiber, MemberChange change,
                                                         MonoTime deadline) {
  return OnShardOf<MemberRefusal>(
      fiber, environment_, directory_, group_, deadline,
      [change = std::move(change), deadline](Fiber& serving, Replica& replica) {
        return replica.ChangeMembers(serving, change, deadline);
      });
}

bool GroupClient::AwaitPlace(Fiber& fiber, NodeId node, Replica::Place place, MonoTime deadline) {
  const absl::StatusOr<bool> there =
      OnShardOf<bool>(fiber, environment_, directory_, group_, deadline,
                      [node, place, deadline](Fiber& serving, Replica& replica) {
                        return replica.AwaitPlace(serving, node, place, deadline);
                      });
  return there.ok() && *there;
}

void GroupClient::AwaitChange(Fiber& fiber, const MemberChange& change, MonoTime deadline) {
  const bool adds_voter =
      std::any_of(change.steps.begin(), change.steps.end(), [](const MemberStep& step) {
        return step.kind == MemberStep::Kind::kAdd && !step.member.is_learner;
      });
  for (const MemberStep& step : change.steps) {
    const NodeId id = step.member.id;
    if (step.kind == MemberStep::Kind::kAdd) {
      AwaitPlace(fiber, id, Replica::Place::kAny, deadline);
    } else if (step.kind == MemberStep::Kind::kRemove && !adds_voter) {
      AwaitPlace(fiber, id, Replica::Place::kNone, deadline);
    } else if (step.kind == MemberStep::Kind::kPromote) {
      AwaitPlace(fiber, id, Replica::Place::kVoter, deadline);
    } else if (step.kind == MemberStep::Kind::kDemote) {
      AwaitPlace(fiber, id, Replica::Place::kLearner, deadline);
    }
  }
}

absl::Status GroupClient::AgreeOn(Fiber& fiber, uint32_t version, MonoTime deadline) {
  return OnShardOf<bool>(
             fiber, environment_, directory_, group_, deadline,
             [version, deadline](Fiber& serving, Replica& replica) -> absl::StatusOr<bool> {
               RETURN_IF_ERROR(replica.AgreeOn(serving, version, deadline));
               return true;
             })
      .status();
}

absl::Status GroupClient::TransferLeadership(Fiber& fiber, NodeId target, MonoTime deadline) {
  return OnShardOf<bool>(
             fiber, environment_, directory_, group_, deadline,
             [target, deadline](Fiber& serving, Replica& replica) -> absl::StatusOr<bool> {
               RETURN_IF_ERROR(replica.TransferLeadership(serving, target, deadline));
               return true;
             })
      .status();
}

absl::StatusOr<std::shared_ptr<const MemberList>> GroupClient::Members(Fiber& fiber,
                                                                       MonoTime deadline) {
  return OnShardOf<std::shared_ptr<const MemberList>>(
      fiber, environment_, directory_, group_, deadline,
      [](Fiber&, Replica& replica) { return replica.members(); });
}

absl::StatusOr<std::vector<StorageCounts>> GroupClient::Storage(Fiber& fiber, MonoTime deadline) {
  struct Answers {
    std::vector<StorageCounts> counts;
    uint32_t missing = 0;
    fiber::Event done;
  };
  auto answers = std::make_shared<Answers>();
  const uint32_t shards = directory_.shard_count();
  const ShardId asker = environment_.shard;
  answers->counts.resize(shards);
  answers->counts[asker.value()] = directory_.storage(asker);
  answers->missing = shards - 1;
  for (uint32_t i = 0; i < shards; ++i) {
    const ShardId shard(i);
    if (shard == asker) continue;
    environment_.mailbox.Post(shard, [&directory = directory_, shard, asker, answers] {
      // Nobody to tell through: the asker's deadline ends it.
      Shard* there = directory.slot(shard).shard;
      if (there == nullptr) return;
      there->environment().mailbox.Post(asker, [shard, answers, counts = directory.storage(shard)] {
        answers->counts[shard.value()] = counts;
        if (--answers->missing == 0) answers->done.Set();
      });
    });
  }
  if (answers->missing > 0 && !answers->done.Wait(fiber, deadline)) {
    return absl::DeadlineExceededError("a shard did not answer in time");
  }
  return std::move(answers->counts);
}

bool GroupClient::AwaitLeader(Fiber& fiber, MonoTime deadline) {
  const absl::StatusOr<bool> known =
      OnShardOf<bool>(fiber, environment_, directory_, group_, deadline,
                      [deadline](Fiber& serving, Replica& replica) {
                        return replica.AwaitLeader(serving, deadline);
                      });
  return known.ok() && *known;
}

}  // namespace lockstep::replica
