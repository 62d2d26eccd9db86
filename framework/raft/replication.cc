// Replication: appends, acknowledgements and the commit index [Raft 5.3, 5.4.2].
#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "framework/base/check.h"
#include "framework/raft/core.h"
#include "framework/raft/log_slice.h"
#include "framework/raft/marks.h"
#include "framework/raft/mutants.h"
#include "framework/raft/quorum.h"

namespace lockstep::raft {

// --- follower
// ---------------------------------------------------------------------------------------

void Raft::Core::On(Follower&, const Envelope& envelope, AppendRequest& request) {
  auto slice = LogSlice::Make(request.prev_index, request.prev_term, std::move(request.entries),
                              envelope.term);
  if (!slice.has_value()) return;  // not from a leader of ours
  // What is committed here agrees with any later leader [Raft 5.4].
  if (slice->prev_index() < log_.commit()) {
    marks::Reach(kMarkLateAppend);
    slice->DropThrough(log_.commit(), log_.TermAt(log_.commit()));
  }
  const Index last = slice->last_index();
  const bool unchecked = mutant::Enabled(mutant::kM10EmptyAppendUnchecked) && slice->empty();
  if (!unchecked && !log_.Matches(slice->prev_index(), slice->prev_term())) {
    AppendReply reply;
    reply.rejected = true;
    reply.index = request.prev_index;
    reply.hint_index = log_.LastWithTermAtMost(request.prev_index, request.prev_term);
    reply.hint_term = reply.hint_index == Index(0) ? Term(0) : log_.TermAt(reply.hint_index);
    reply.log_lost = hard_.abstains;
    SendAfterPersist(envelope.from, reply);
    return;
  }
  if (!slice->empty()) log_.Append(*std::move(slice));
  // Only up to the end of what was just compared: behind it the log may still hold entries of an
  // old leader.
  log_.CommitTo(std::min({request.commit, last, log_.last_index()}));
  NoteMatched(last);
  AppendReply reply;
  reply.index = last;
  SendAfterPersist(envelope.from, reply);
}

void Raft::Core::On(Follower& follower, const Envelope& envelope, Heartbeat& heartbeat) {
  if (hard_.abstains) {
    // The leader may still believe that this log has what it lost, and what is here instead may be
    // something else.
    NoteLeaderEnd(heartbeat.last_index);
  } else {
    log_.CommitTo(std::min(heartbeat.commit, log_.last_index()));
  }
  HeartbeatReply reply;
  reply.read = heartbeat.read;
  reply.priority = OwnPriority();
  Promise(heartbeat, reply);
  if (heartbeat.quiesce) {
    if (Quiesce(follower, heartbeat)) return;
    reply.awake = true;
  }
  if (log_.state_lost()) reply.wants_snapshot = log_.snapshot().index;
  // Says only that this term is not over yet, which no write has to confirm.
  SendNow(envelope.from, reply);
}

// --- follower: after damage to the log
// ----------------------------------------------------------------

void Raft::Core::NoteLeaderEnd(Index last_index) {
  if (!hard_.abstains || last_index == Index(0)) return;
  if (catch_up_.term != hard_.term) catch_up_ = {hard_.term, Index(0), Index(0)};
  if (catch_up_.target == Index(0)) catch_up_.target = last_index;
  EndAbstaining();
}

void Raft::Core::NoteMatched(Index index) {
  if (!hard_.abstains) return;
  if (catch_up_.term != hard_.term) catch_up_ = {hard_.term, Index(0), Index(0)};
  catch_up_.matched = std::max(catch_up_.matched, index);
  EndAbstaining();
}

void Raft::Core::EndAbstaining() {
  if (catch_up_.target == Index(0) || catch_up_.matched < catch_up_.target) return;
  hard_.abstains = false;
}

// --- leader: new entries
// ----------------------------------------------------------------------------

ProposeRefusal Raft::Core::RefusalToPropose(size_t bytes) const {
  const auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) return ProposeRefusal::kNotLeader;
  if (leader->transfer_target != NodeId(0)) return ProposeRefusal::kTransferring;
  // A single large proposal is let through when nothing else is uncommitted.
  const bool full = leader->uncommitted_bytes + bytes > options_.uncommitted_bytes_max;
  const bool too_much = full && leader->uncommitted_bytes > 0;
  marks::Sometimes(too_much, kMarkTooMuchUncommitted);
  if (too_much) return ProposeRefusal::kTooMuchUncommitted;
  return ProposeRefusal::kNone;
}

void Raft::Core::Propose(std::vector<Proposal> proposals) {
  CHECK(!proposals.empty());
  Wake();
  std::vector<Entry> entries(proposals.size());
  size_t bytes = 0;
  for (size_t i = 0; i < proposals.size(); ++i) {
    CHECK(proposals[i].payload != nullptr);
    entries[i].kind = EntryKind::kCommand;
    entries[i].timestamp_ns = proposals[i].timestamp_ns;
    entries[i].payload = std::move(proposals[i].payload);
    bytes += entries[i].bytes();
  }
  effects_.proposed.refusal = RefusalToPropose(bytes);
  if (effects_.proposed.refusal != ProposeRefusal::kNone) return;
  auto& leader = std::get<Leader>(role_);
  effects_.proposed.first_index = log_.last_index() + 1;
  effects_.proposed.term = hard_.term;
  AppendAsLeader(leader, std::move(entries));
  SendAppendsToAll(leader);
}

void Raft::Core::AppendAsLeader(Leader& leader, std::vector<Entry> entries) {
  CHECK(!entries.empty());
  Index index = log_.last_index();
  int64_t timestamp_ns = log_.last_timestamp_ns();
  for (Entry& entry : entries) {
    ++index;
    timestamp_ns = std::max(timestamp_ns, entry.timestamp_ns);
    entry.term = hard_.term;
    entry.index = index;
    entry.timestamp_ns = timestamp_ns;
    leader.uncommitted_bytes += entry.bytes();
  }
  log_.AppendOwn(std::move(entries));
}

// --- leader: sending
// --------------------------------------------------------------------------------

void Raft::Core::SendAppendsToAll(Leader& leader) {
  for (auto& [id, progress] : leader.peers) SendAppends(id, progress);
}

void Raft::Core::SendAppends(NodeId to, Progress& progress) {
  while (!progress.Paused() && progress.next() <= log_.last_index()) SendOneAppend(to, progress);
  // A follower completes its own clients' requests when it applies them, so it is told of a new
  // commit index at once, unless an append is under way whose answer will bring us back here.
  if (progress.nothing_in_flight() && progress.commit_told() < log_.commit()) {
    SendOneAppend(to, progress);
  }
}

void Raft::Core::SendOneAppend(NodeId to, Progress& progress) {
  CHECK(!progress.Paused());
  const Index prev = progress.next() - 1;
  if (prev < log_.snapshot().index) {
    AskForSnapshot(to, progress);
    return;
  }
  AppendRequest request;
  request.prev_index = prev;
  request.prev_term = log_.TermAt(prev);
  request.commit = log_.commit();
  request.entries = log_.Copy(prev + 1, options_.append_bytes_max);
  size_t bytes = 0;
  for (const Entry& entry : request.entries) bytes += entry.bytes();
  progress.Sent(prev + request.entries.size(), bytes, request.commit);
  SendNow(to, std::move(request));
}

void Raft::Core::SendHeartbeats(const Leader& leader, bool quiesce) {
  for (const auto& [id, progress] : leader.peers) SendHeartbeat(leader, id, progress, quiesce);
}

void Raft::Core::SendHeartbeat(const Leader& leader, NodeId to, const Progress& progress,
                               bool quiesce) {
  Heartbeat heartbeat;
  // Not beyond what the follower is known to share: its log may differ behind that.
  heartbeat.commit = std::min(log_.commit(), progress.match());
  if (mutant::Enabled(mutant::kM06CommitBeyondMatch)) heartbeat.commit = log_.commit();
  heartbeat.read = leader.reads.round();
  heartbeat.last_index = log_.last_index();
  // Told before this call, so not after it is sent.
  if (options_.lease_ns > 0) heartbeat.stamp_ns = vitals_.now_ns;
  heartbeat.quiesce = quiesce;
  SendNow(to, heartbeat);
}

void Raft::Core::Unreachable(NodeId peer) {
  auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) return;
  const auto found = leader->peers.find(peer);
  if (found == leader->peers.end()) return;
  Wake();
  if (found->second.state() == Progress::State::kReplicate) found->second.BecomeProbe();
}

// --- leader: answers
// --------------------------------------------------------------------------------

void Raft::Core::On(Leader&, const Envelope& envelope, AppendRequest&) {
  CHECK(false) << "two leaders in term " << envelope.term << ": also " << envelope.from;
}

void Raft::Core::On(Leader& leader, const Envelope& envelope, AppendReply& reply) {
  const auto found = leader.peers.find(envelope.from);
  if (found == leader.peers.end()) return;  // removed meanwhile
  Progress& progress = found->second;
  progress.set_recently_active(true);
  if (reply.rejected) {
    OnRejected(envelope.from, progress, reply);
    return;
  }
  if (reply.index > log_.last_index()) return;  // not an answer to anything of ours
  const bool news = progress.Accepted(reply.index);
  if (news && AdvanceCommit(leader)) {
    SendAppendsToAll(leader);
    AdvanceReads(leader);
  } else {
    SendAppends(envelope.from, progress);
  }
  if (news) ContinueTransfer(leader, envelope.from);
}

void Raft::Core::OnRejected(NodeId from, Progress& progress, const AppendReply& reply) {
  if (reply.hint_index > reply.index) return;
  marks::Reach(kMarkAppendRefused);
  // [Raft 5.3, end] Skip whole terms: our entries of terms after hint_term cannot be in a log that
  // has hint_term at hint_index.
  Index hint = reply.hint_index;
  if (reply.hint_term > Term(0) && hint >= log_.snapshot().index) {
    hint = log_.LastWithTermAtMost(hint, reply.hint_term);
  }
  CHECK_LE(hint, reply.hint_index);
  const bool again =
      reply.log_lost ? progress.LogLost(reply.index, hint) : progress.Rejected(reply.index, hint);
  if (again) SendAppends(from, progress);
}

void Raft::Core::On(Leader& leader, const Envelope& envelope, HeartbeatReply& reply) {
  const auto found = leader.peers.find(envelope.from);
  if (found == leader.peers.end()) return;
  Progress& progress = found->second;
  progress.set_recently_active(true);
  progress.set_priority(reply.priority);
  NotePromise(progress, reply);
  progress.Alive();
  if (reply.wants_snapshot > Index(0)) OfferSnapshot(envelope.from, progress, reply.wants_snapshot);
  const Index next = progress.next();
  SendAppends(envelope.from, progress);
  // What was sent may be lost. An append behind it all is refused then, which starts a probe.
  const bool unsure =
      progress.match() < log_.last_index() || progress.state() == Progress::State::kProbe;
  if (unsure && progress.next() == next && !progress.Paused()) {
    SendOneAppend(envelope.from, progress);
  }
  leader.reads.Confirm(envelope.from, reply.read);
  AdvanceReads(leader);
}

// --- leader: commit
// ---------------------------------------------------------------------------------

bool Raft::Core::AdvanceCommit(Leader& leader) {
  const auto durable_at = [&](NodeId voter) {
    if (voter == options_.self) return writes_.durable();
    const auto peer = leader.peers.find(voter);
    CHECK(peer != leader.peers.end());
    return peer->second.match();
  };
  Index index = CommittedIndex(configuration_, durable_at);
  if (mutant::Enabled(mutant::kM09CommitByOwnLog)) index = writes_.durable();
  const Index before = log_.commit();
  if (index <= before) return false;
  CHECK_LE(index, log_.last_index());
  // [Raft 5.4.2, fig. 8] An entry of an earlier term on a majority can still be replaced; it is
  // committed only together with one of the own term.
  const bool own_term = log_.TermAt(index) == hard_.term;
  marks::Sometimes(!own_term, kMarkOldTermNotCounted);
  if (!own_term && !mutant::Enabled(mutant::kM01CommitOldTermByCount)) return false;
  const size_t committed = log_.BytesBetween(before, index);
  CHECK_GE(leader.uncommitted_bytes, committed);
  leader.uncommitted_bytes -= committed;
  return log_.CommitTo(index);
}

void Raft::Core::AdvanceCommitAndTell(Leader& leader) {
  if (!AdvanceCommit(leader)) return;
  SendAppendsToAll(leader);
  AdvanceReads(leader);
}

}  // namespace lockstep::raft
