// Linearizable reads, at the leader and through it [Raft 8, thesis 6.4].
#include <algorithm>
#include <utility>
#include <variant>

#include "framework/base/check.h"
#include "framework/raft/configuration.h"
#include "framework/raft/core.h"
#include "framework/raft/marks.h"
#include "framework/raft/mutants.h"

namespace lockstep::raft {

void Raft::Core::Read(ReadId id) {
  Wake();
  if (auto* leader = std::get_if<Leader>(&role_)) {
    AddRead(*leader, ReadIndexQueue::Read{id, options_.self});
    return;
  }
  auto* follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || follower->leader == NodeId(0)) {
    effects_.reads_failed.push_back(id);
    return;
  }
  follower->reads.push_back(ForwardedRead{id});
  SendNow(follower->leader, ReadIndexRequest{id});
}

// --- leader
// -----------------------------------------------------------------------------------------

void Raft::Core::On(Leader& leader, const Envelope& envelope, ReadIndexRequest& request) {
  AddRead(leader, ReadIndexQueue::Read{request.id, envelope.from});
}

void Raft::Core::AddRead(Leader& leader, ReadIndexQueue::Read read) {
  // Planted bug: believing to lead is not leading.
  if (mutant::Enabled(mutant::kM04ReadWithoutQuorum)) {
    AnswerRead(read, log_.commit());
    return;
  }
  if (LeaseHolds(leader)) {
    marks::Reach(kMarkReadByLease);
    AnswerRead(read, log_.commit());
    return;
  }
  leader.reads.Add(read);
  AdvanceReads(leader);
}

void Raft::Core::AdvanceReads(Leader& leader) {
  // [thesis 6.4, step 1] Before an entry of the own term is committed, the commit index may lag
  // behind what earlier leaders acknowledged.
  const bool knows_commit =
      log_.commit() >= leader.noop || mutant::Enabled(mutant::kM02ReadBeforeOwnTermCommit);
  while (true) {
    if (leader.reads.in_flight()) {
      if (!leader.reads.Confirmed(configuration_)) return;
      const ReadIndexQueue::Round round = leader.reads.FinishRound();
      CHECK_LE(round.index, log_.commit());
      for (const ReadIndexQueue::Read& read : round.reads) AnswerRead(read, round.index);
    }
    marks::Sometimes(leader.reads.has_waiting() && !knows_commit, kMarkReadWaitsForTerm);
    if (!leader.reads.has_waiting() || !knows_commit) return;
    leader.reads.StartRound(log_.commit(), options_.self);
    if (leader.reads.Confirmed(configuration_)) continue;
    for (const auto& [id, progress] : leader.peers) {
      if (IsVoter(configuration_, id)) SendHeartbeat(leader, id, progress);
    }
  }
}

void Raft::Core::AnswerRead(const ReadIndexQueue::Read& read, Index index) {
  CHECK_LE(index, log_.commit());
  if (read.from == options_.self) {
    effects_.reads.push_back(ReadReady{read.id, index});
  } else {
    SendNow(read.from, ReadIndexReply{read.id, index, false});
  }
}

void Raft::Core::FailReads(Leader& leader) {
  for (const ReadIndexQueue::Read& read : leader.reads.TakeAll()) {
    marks::Reach(kMarkReadsFailed);
    if (read.from == options_.self) {
      effects_.reads_failed.push_back(read.id);
    } else {
      SendNow(read.from, ReadIndexReply{read.id, Index(0), true});
    }
  }
  CHECK(!leader.reads.has_waiting());
  CHECK(!leader.reads.in_flight());
}

// --- follower
// ---------------------------------------------------------------------------------------

void Raft::Core::RefuseRead(const Envelope& envelope, const ReadIndexRequest& request) {
  SendNow(envelope.from, ReadIndexReply{request.id, Index(0), true});
}

void Raft::Core::On(Follower& follower, const Envelope& envelope, ReadIndexReply& reply) {
  if (envelope.from != follower.leader) return;
  const auto read = std::find_if(follower.reads.begin(), follower.reads.end(),
                                 [&](const ForwardedRead& r) { return r.id == reply.id; });
  if (read == follower.reads.end()) return;  // gave up, or a copy
  follower.reads.erase(read);
  // Planted bug: what the leader has committed need not be what is at that index here.
  if (mutant::Enabled(mutant::kM15CommitByReadIndex)) {
    log_.CommitTo(std::min(reply.index, log_.last_index()));
  }
  if (reply.rejected) {
    effects_.reads_failed.push_back(reply.id);
  } else {
    effects_.reads.push_back(ReadReady{reply.id, reply.index});
  }
}

void Raft::Core::FailReads(Follower& follower) {
  for (const ForwardedRead& read : follower.reads) effects_.reads_failed.push_back(read.id);
  follower.reads.clear();
}

void Raft::Core::TickReads(Follower& follower) {
  for (ForwardedRead& read : follower.reads) ++read.waited;
  // Oldest first, so those that waited long enough are in front.
  auto& reads = follower.reads;
  const auto young = std::find_if(reads.begin(), reads.end(), [&](const ForwardedRead& read) {
    return read.waited < options_.election_ticks;
  });
  marks::Sometimes(young != reads.begin(), kMarkReadTimedOut);
  for (auto it = reads.begin(); it != young; ++it) effects_.reads_failed.push_back(it->id);
  reads.erase(reads.begin(), young);
}

}  // namespace lockstep::raft
