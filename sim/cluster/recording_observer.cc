#include "sim/cluster/recording_observer.h"

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "framework/base/checksum.h"
#include "sim/recorder.h"

namespace lockstep::sim {
namespace {

// The group that has clients.
constexpr GroupId kShown(1);

std::string_view NameOf(raft::Role role) {
  switch (role) {
    case raft::Role::kFollower:
      return "follower";
    case raft::Role::kPreCandidate:
      return "pre-candidate";
    case raft::Role::kCandidate:
      return "candidate";
    case raft::Role::kLeader:
      return "leader";
  }
  return "";
}

// Fills in kind and words, and the entries that the message carries.
struct Describe final {
  MessageFacts& facts;

  void operator()(const raft::VoteRequest& m) const {
    facts.kind = m.pre_vote ? "pre-vote request" : "vote request";
    absl::StrAppend(&facts.words, "log ends at ", m.last_index.value(), " of term ",
                    m.last_term.value());
  }
  void operator()(const raft::VoteReply& m) const {
    facts.kind = m.pre_vote ? "pre-vote reply" : "vote reply";
    facts.words += m.granted ? "granted" : "refused";
  }
  void operator()(const raft::AppendRequest& m) const {
    facts.kind = "append";
    if (!m.entries.empty()) {
      facts.first_index = m.entries.front().index.value();
      facts.last_index = m.entries.back().index.value();
      absl::StrAppend(&facts.words, "entries ", facts.first_index, " to ", facts.last_index, ", ");
    }
    absl::StrAppend(&facts.words, "after ", m.prev_index.value(), " of term ", m.prev_term.value(),
                    ", commit ", m.commit.value());
  }
  void operator()(const raft::AppendReply& m) const {
    facts.kind = "append reply";
    absl::StrAppend(&facts.words, m.rejected ? "rejected " : "matches to ", m.index.value());
    if (m.log_lost) absl::StrAppend(&facts.words, ", the log went back");
  }
  void operator()(const raft::Heartbeat& m) const {
    facts.kind = "heartbeat";
    absl::StrAppend(&facts.words, "commit ", m.commit.value(), ", read ", m.read);
  }
  void operator()(const raft::HeartbeatReply& m) const {
    facts.kind = "heartbeat reply";
    absl::StrAppend(&facts.words, "read ", m.read);
    if (m.wants_snapshot != raft::Index(0)) {
      absl::StrAppend(&facts.words, ", wants a snapshot of ", m.wants_snapshot.value());
    }
  }
  void operator()(const raft::InstallSnapshot& m) const {
    facts.kind = "snapshot";
    facts.first_index = facts.last_index = m.meta.index.value();
    absl::StrAppend(&facts.words, "to index ", m.meta.index.value());
  }
  void operator()(const raft::TimeoutNow&) const { facts.kind = "campaign now"; }
  void operator()(const raft::ReadIndexRequest& m) const {
    facts.kind = "read request";
    absl::StrAppend(&facts.words, "read ", m.id.value());
  }
  void operator()(const raft::ReadIndexReply& m) const {
    facts.kind = "read reply";
    absl::StrAppend(&facts.words, "read ", m.id.value(), m.rejected ? " refused" : " at index ");
    if (!m.rejected) absl::StrAppend(&facts.words, m.index.value());
  }
};

}  // namespace

void RecordingObserver::TellState(const raft::Raft& raft) {
  world_.recorder()->OnReplica(
      world_.now(), {node_, NameOf(raft.role()), raft.term().value(), raft.last_index().value(),
                     raft.commit().value(), raft.applied().value()});
}

void RecordingObserver::TellMessage(const raft::Message& message, bool arrives) {
  MessageFacts facts;
  facts.from = message.from;
  facts.to = message.to;
  facts.arrives = arrives;
  absl::StrAppend(&facts.words, "term ", message.term.value(), ", ");
  std::visit(Describe{facts}, message.body);
  facts.identity = base::Checksum64(facts.words, base::Checksum64(facts.kind, 0));
  world_.recorder()->OnMessage(world_.now(), facts);
}

void RecordingObserver::OnStarted(GroupId group, const raft::Raft& raft) {
  if (group == kShown) TellState(raft);
  next_.OnStarted(group, raft);
}

void RecordingObserver::OnStep(GroupId group, const raft::Raft& raft,
                               const raft::Effects& effects) {
  if (group == kShown) TellState(raft);
  next_.OnStep(group, raft, effects);
}

void RecordingObserver::OnSend(GroupId group, const raft::Message& message) {
  if (group == kShown) TellMessage(message, /*arrives=*/false);
  next_.OnSend(group, message);
}

void RecordingObserver::OnReceive(GroupId group, const raft::Message& message) {
  if (group == kShown) TellMessage(message, /*arrives=*/true);
  next_.OnReceive(group, message);
}

void RecordingObserver::OnApplied(GroupId group, const raft::Entry& entry,
                                  std::string_view result) {
  if (group != kShown) return next_.OnApplied(group, entry, result);
  world_.recorder()->OnApplied(world_.now(), node_, entry.index.value(),
                               entry.payload ? std::string_view(*entry.payload) : "");
  next_.OnApplied(group, entry, result);
}

}  // namespace lockstep::sim
