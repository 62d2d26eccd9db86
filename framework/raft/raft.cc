// The term rule, the dispatch to roles, and the making of effects.
#include "framework/raft/raft.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "framework/base/check.h"
#include "framework/raft/configuration.h"
#include "framework/raft/core.h"
#include "framework/raft/marks.h"
#include "framework/raft/mutants.h"

namespace lockstep::raft {
namespace {

// Planted bug M96: a log that went back votes as if it had lost nothing.
HardState MayVote(HardState state) {
  if (mutant::Enabled(mutant::kM96RepairedLogVotesTooEarly)) state.abstains = false;
  return state;
}

// Messages that only the leader of their term sends.
bool IsFromLeader(const MessageBody& body) {
  return std::holds_alternative<AppendRequest>(body) || std::holds_alternative<Heartbeat>(body) ||
         std::holds_alternative<InstallSnapshot>(body);
}

// Pre-votes speak of a term that nobody has adopted yet.
bool IsAboutNextTerm(const MessageBody& body) {
  if (const auto* request = std::get_if<VoteRequest>(&body)) return request->pre_vote;
  if (const auto* reply = std::get_if<VoteReply>(&body)) return reply->pre_vote && reply->granted;
  return false;
}

}  // namespace

Raft::Core::Core(const Options& options, InitialState initial)
    : options_(options),
      hard_(MayVote(initial.hard_state)),
      saved_(hard_),
      log_(std::move(initial.snapshot), std::move(initial.entries), initial.hard_state.commit,
           initial.applied),
      writes_(log_.last_index()),
      configuration_(std::move(initial.configuration)),
      random_(options.random_seed),
      reported_role_{Role::kFollower, hard_.term},
      reported_leader_{NodeId(0), hard_.term} {
  CHECK_NE(options_.self, NodeId(0));
  CHECK_GT(options_.heartbeat_ticks, 0u);
  CHECK_GT(options_.election_ticks, options_.heartbeat_ticks);
  CHECK_GT(options_.append_bytes_max, 0u);
  CHECK_GE(hard_.term, log_.last_term());
  CheckConfiguration(configuration_);
  if (mutant::Enabled(mutant::kM32OutgoingHalfLost)) configuration_.outgoing.clear();
  vitals_.now_ns = initial.now_ns;
  vitals_.priority = options_.priority;
  // Whatever the process before this one promised. Planted bug M145: forgotten.
  const bool forgets = mutant::Enabled(mutant::kM145PromiseForgotten);
  if (options_.lease_ns > 0 && hard_.term > Term(0) && !forgets) {
    vitals_.promised_until_ns = initial.now_ns + options_.lease_ns;
  }
  ResetElectionTimer();
  if (options_.first_election_ticks > 0) {
    // Safe whoever leads: a pre-vote disturbs nobody who hears a leader [thesis 9.6].
    election_timeout_ = options_.first_election_ticks +
                        static_cast<Ticks>(random_.Below(options_.first_election_ticks));
  }
}

void Raft::Core::Step(Message message) {
  if (message.to != options_.self || message.from == options_.self) return;
  NoteActivity(message);
  if (!ApplyTermRule(message)) return;
  Dispatch(Envelope{message.from, message.term}, message.body);
}

bool Raft::Core::ApplyTermRule(const Message& message) {
  const auto* vote = std::get_if<VoteRequest>(&message.body);
  if (vote != nullptr && vote->pre_vote && mutant::Enabled(mutant::kM45PreVoteResetsTimer)) {
    ResetElectionTimer();
  }
  if (message.term < hard_.term) {
    AnswerStale(message);
    return mutant::Enabled(mutant::kM13VoteCountedAcrossTerms) &&
           std::holds_alternative<VoteReply>(message.body);
  }
  if (message.term > hard_.term) {
    // [Raft 6, thesis 4.2.3] A server that hears a leader does not let others depose it. It does
    // not even answer, so that a candidate that was cut off cannot spread its term.
    const bool keeps = HasLiveLeader() || Promised();
    if (vote != nullptr && !vote->leader_transfer && keeps &&
        !mutant::Enabled(mutant::kM46NoPreVote)) {
      marks::Reach(kMarkVoteIgnored);
      return false;
    }
    // [Raft 5.1]
    if (!IsAboutNextTerm(message.body)) BecomeFollower(message.term, NodeId(0));
  }
  if (!IsFromLeader(message.body)) return true;
  if (std::holds_alternative<Candidate>(role_)) BecomeFollower(message.term, message.from);
  if (auto* follower = std::get_if<Follower>(&role_)) {
    CHECK(follower->leader == NodeId(0) || follower->leader == message.from)
        << "two leaders in term " << message.term;
    SetLeader(*follower, message.from);
    ResetElectionTimer();
  }
  return true;
}

void Raft::Core::AnswerStale(const Message& message) {
  CHECK_LT(message.term, hard_.term);
  // [Raft 5.1] The sender learns the newer term from any answer. Without one, a leader of an old
  // term whose followers all moved on, or a pre-candidate, would never catch up.
  if (IsFromLeader(message.body)) {
    AppendReply reply;
    reply.rejected = true;
    SendAfterPersist(message.from, reply);
  } else if (const auto* request = std::get_if<VoteRequest>(&message.body)) {
    SendAfterPersist(message.from, MakeVoteReply(*request, false));
  } else if (const auto* read = std::get_if<ReadIndexRequest>(&message.body)) {
    RefuseRead(Envelope{message.from, message.term}, *read);
  }
}

void Raft::Core::Dispatch(const Envelope& envelope, MessageBody& body) {
  std::visit([&](auto& role, auto& content) { On(role, envelope, content); }, role_, body);
}

void Raft::Core::BecomeFollower(Term term, NodeId leader) {
  CHECK_GE(term, hard_.term);
  CHECK_NE(leader, options_.self);
  // Failed in the old term, where who asked still listens.
  if (auto* old = std::get_if<Leader>(&role_)) FailReads(*old);
  if (term > hard_.term) {
    hard_.term = term;
    hard_.vote = NodeId(0);
  }
  if (auto* follower = std::get_if<Follower>(&role_)) {
    SetLeader(*follower, leader);
    return;
  }
  role_ = Follower{leader, {}, false};
  ResetElectionTimer();
}

void Raft::Core::SetLeader(Follower& follower, NodeId leader) {
  CHECK_NE(leader, options_.self);
  if (follower.leader == leader) return;
  FailReads(follower);
  if (leader != NodeId(0)) gives_way_ = false;
  follower.leader = leader;
  follower.campaign_when_applied = false;
}

void Raft::Core::ResetElectionTimer() {
  election_elapsed_ = 0;
  const auto jitter = static_cast<Ticks>(random_.Below(options_.election_ticks));
  election_timeout_ = options_.election_ticks + jitter;
}

void Raft::Core::SendNow(NodeId to, MessageBody body) {
  CHECK_NE(to, options_.self);
  effects_.send_now.push_back(Message{options_.self, to, hard_.term, std::move(body)});
}

void Raft::Core::SendAfterPersist(NodeId to, MessageBody body) {
  CHECK_NE(to, options_.self);
  Message message{options_.self, to, hard_.term, std::move(body)};
  effects_.send_after_persist.push_back(MessageAfter{WriteId(0), std::move(message)});
}

Effects Raft::Core::TakeEffects() {
  IssueWrite();
  BindToWrites();
  // Only what is durable here: a state machine that is ahead of its own log could not restart.
  effects_.committed = log_.HandOver(writes_.durable(), options_.committed_bytes_max);
  ReportChanges();
  return std::exchange(effects_, Effects());
}

void Raft::Core::IssueWrite() {
  hard_.commit = log_.commit();
  UnsavedLog unsaved = log_.TakeUnsaved();
  const bool ballot_changed =
      hard_.term != saved_.term || hard_.vote != saved_.vote || hard_.abstains != saved_.abstains;
  const bool log_changed = unsaved.snapshot.has_value() || !unsaved.entries.empty();
  const bool commit_due = std::exchange(must_save_commit_, false) && hard_.commit != saved_.commit;
  if (!ballot_changed && !log_changed && !commit_due) return;
  Persist persist;
  if (unsaved.snapshot.has_value()) {
    persist.id = writes_.IssueSnapshot(unsaved.snapshot->index, log_.last_index());
  } else if (log_changed) {
    persist.id = writes_.IssueEntries(unsaved.entries.front().index, log_.last_index());
  } else {
    persist.id = writes_.IssueHardState();
  }
  persist.snapshot = std::move(unsaved.snapshot);
  persist.entries = std::move(unsaved.entries);
  // In every write: if another one is damaged, this one still tells the vote.
  persist.hard_state = hard_;
  if (!options_.saves_commit && !ballot_changed && !commit_due) {
    persist.hard_state->commit = saved_.commit;
  }
  saved_ = *persist.hard_state;
  CHECK(!effects_.persist.has_value());
  effects_.persist = std::move(persist);
}

void Raft::Core::BindToWrites() {
  // What a reply says may rest on any earlier write, so it waits for the newest one under way.
  const WriteId after = writes_.newest_outstanding();
  for (MessageAfter& message : effects_.send_after_persist) {
    CHECK_EQ(message.after, WriteId(0));
    message.after = after;
  }
}

void Raft::Core::ReportChanges() {
  if (role() != reported_role_.role) {
    reported_role_ = RoleChanged{role(), hard_.term};
    effects_.events.emplace_back(reported_role_);
  }
  const bool other_term = hard_.term != reported_leader_.term && leader() != NodeId(0);
  if (leader() != reported_leader_.leader || other_term) {
    reported_leader_ = LeaderChanged{leader(), hard_.term};
    effects_.events.emplace_back(reported_leader_);
  }
}

void Raft::Core::Persisted(WriteId id) {
  const WriteId before = writes_.persisted();
  writes_.Persisted(id);
  if (writes_.persisted() == before) return;
  if (auto* candidate = std::get_if<Candidate>(&role_)) {
    if (candidate->ballot != Ballot::kPreVote && writes_.persisted() >= candidate->own_vote) {
      candidate->votes.Grant(options_.self);
      CountVotes();
    }
  } else if (auto* leader = std::get_if<Leader>(&role_)) {
    AdvanceCommitAndTell(*leader);
  }
}

void Raft::Core::Applied(Index index) {
  const Index before = log_.applied();
  if (index <= before) return;
  log_.AppliedTo(index);
  for (Index i = std::max(before + 1, log_.first_index()); i <= index; ++i) {
    const Entry& entry = log_.At(i);
    if (entry.kind == EntryKind::kConfiguration) ApplyConfiguration(*entry.configuration, i);
  }
  if (auto* leader = std::get_if<Leader>(&role_)) LeaveJointIfDue(*leader);
  CampaignIfAsked();
}

Role Raft::Core::role() const {
  if (std::holds_alternative<Leader>(role_)) return Role::kLeader;
  if (std::holds_alternative<Follower>(role_)) return Role::kFollower;
  return std::get<Candidate>(role_).ballot == Ballot::kPreVote ? Role::kPreCandidate
                                                               : Role::kCandidate;
}

NodeId Raft::Core::leader() const {
  if (std::holds_alternative<Leader>(role_)) return options_.self;
  const auto* follower = std::get_if<Follower>(&role_);
  return follower != nullptr ? follower->leader : NodeId(0);
}

std::vector<PeerStatus> Raft::Core::Peers() const {
  std::vector<PeerStatus> peers;
  const auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) return peers;
  for (const auto& [id, progress] : leader->peers) {
    PeerStatus status;
    status.id = id;
    status.match = progress.match();
    status.next = progress.next();
    status.is_learner = IsLearner(configuration_, id);
    status.recently_active = progress.seen_lately();
    status.snapshot = progress.pending_snapshot();
    peers.push_back(status);
  }
  return peers;
}

// --- the public face
// --------------------------------------------------------------------------------

Raft::Raft(const Options& options, InitialState initial)
    : core_(std::make_unique<Core>(options, std::move(initial))) {}
Raft::~Raft() = default;

Effects Raft::Step(Message message) {
  core_->Step(std::move(message));
  return core_->TakeEffects();
}
Effects Raft::Tick(uint64_t number) {
  core_->Tick(number);
  return core_->TakeEffects();
}
void Raft::SetTime(int64_t now_ns) { core_->SetTime(now_ns); }
void Raft::SetPriority(uint32_t priority) { core_->SetPriority(priority); }
Effects Raft::Propose(std::vector<Proposal> proposals) {
  core_->Propose(std::move(proposals));
  return core_->TakeEffects();
}
Effects Raft::ProposeConfiguration(const Configuration& target, int64_t timestamp_ns) {
  core_->ProposeConfiguration(target, timestamp_ns);
  return core_->TakeEffects();
}
Effects Raft::Read(ReadId id) {
  core_->Read(id);
  return core_->TakeEffects();
}
Effects Raft::Persisted(WriteId id) {
  core_->Persisted(id);
  return core_->TakeEffects();
}
Effects Raft::Applied(Index index) {
  core_->Applied(index);
  return core_->TakeEffects();
}
Effects Raft::SnapshotSent(NodeId to, Index meta_index, bool ok) {
  core_->SnapshotSent(to, meta_index, ok);
  return core_->TakeEffects();
}
Effects Raft::Unreachable(NodeId peer) {
  core_->Unreachable(peer);
  return core_->TakeEffects();
}
Effects Raft::LostLeader(NodeId leader) {
  core_->LostLeader(leader);
  return core_->TakeEffects();
}
Effects Raft::PeerSilent(NodeId peer) {
  core_->PeerSilent(peer);
  return core_->TakeEffects();
}
Effects Raft::Wake() {
  core_->Wake();
  return core_->TakeEffects();
}
Effects Raft::Campaign() {
  core_->Campaign();
  return core_->TakeEffects();
}
Effects Raft::TransferLeadership(NodeId target) {
  core_->TransferLeadership(target);
  return core_->TakeEffects();
}
void Raft::Compact(const SnapshotMeta& snapshot) { core_->Compact(snapshot); }

Role Raft::role() const { return core_->role(); }
Term Raft::term() const { return core_->hard().term; }
NodeId Raft::leader() const { return core_->leader(); }
NodeId Raft::vote() const { return core_->hard().vote; }
Index Raft::commit() const { return core_->log().commit(); }
Index Raft::applied() const { return core_->log().applied(); }
Index Raft::first_index() const { return core_->log().first_index(); }
Index Raft::last_index() const { return core_->log().last_index(); }
Term Raft::TermAt(Index index) const { return core_->log().TermAt(index); }
const Entry& Raft::EntryAt(Index index) const { return core_->log().At(index); }
const SnapshotMeta& Raft::snapshot() const { return core_->log().snapshot(); }
const Configuration& Raft::configuration() const { return core_->configuration(); }
std::vector<PeerStatus> Raft::Peers() const { return core_->Peers(); }
size_t Raft::log_bytes() const { return core_->log().bytes(); }
size_t Raft::log_bytes_behind(Index index) const {
  const Log& log = core_->log();
  if (index >= log.last_index()) return 0;
  return log.BytesBetween(std::max(index, log.snapshot().index), log.last_index());
}
std::set<NodeId> Raft::AllMembers() const {
  std::set<NodeId> all;
  const auto add = [&](const Configuration& configuration) {
    for (const NodeId node : Members(configuration)) all.insert(node);
  };
  add(configuration());
  for (Index i = std::max(applied() + 1, first_index()); i <= last_index(); ++i) {
    const Entry& entry = EntryAt(i);
    if (entry.kind == EntryKind::kConfiguration) add(*entry.configuration);
  }
  return all;
}
HardState Raft::hard_state() const {
  HardState state = core_->hard();
  state.commit = core_->log().commit();
  return state;
}
bool Raft::quiesced() const { return core_->quiesced(); }
bool Raft::has_lease() const { return core_->has_lease(); }
bool Raft::state_lost() const { return core_->log().state_lost(); }
void Raft::CheckInvariants() const { core_->CheckInvariants(); }

}  // namespace lockstep::raft
