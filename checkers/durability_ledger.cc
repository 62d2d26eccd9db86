#include "checkers/durability_ledger.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "checkers/entry_hash.h"
#include "framework/base/check.h"

namespace lockstep::checkers {
namespace {

using raft::Index;
using raft::Term;

Violation Make(std::pair<NodeId, GroupId> key, const std::string& verdict) {
  return {"durability ledger", absl::StrCat("node ", key.first.value(), " ", verdict),
          absl::StrCat("node ", key.first.value(), ", group ", key.second.value())};
}

std::string Describe(const raft::HardState& state) {
  return absl::StrCat("term ", state.term.value(), " and vote ", state.vote.value());
}

}  // namespace

DurabilityLedger::Found DurabilityLedger::OnRecovered(NodeId node, GroupId group,
                                                      const RecoveredState& state) {
  const Key key{node, group};
  if (const auto known = mirrors_.find(key); known != mirrors_.end()) {
    if (Found found = CompareLogs(key, known->second, state)) return found;
  }
  Mirror fresh;
  if (state.hard_state.abstains) fresh.vouched = Vouched(mirrors_[key]);
  fresh.hard_state = state.hard_state;
  TakeSnapshot(state.snapshot, fresh);
  TakeEntries(state.entries, fresh);
  mirrors_[key] = std::move(fresh);
  return std::nullopt;
}

void DurabilityLedger::OnDurable(NodeId node, GroupId group, const raft::Persist& persist) {
  Mirror& mirror = mirrors_[{node, group}];
  if (persist.snapshot) TakeSnapshot(*persist.snapshot, mirror);
  TakeEntries(persist.entries, mirror);
  if (persist.hard_state) mirror.hard_state = *persist.hard_state;
  if (!mirror.hard_state.abstains) mirror.vouched.clear();
}

std::map<Index, DurabilityLedger::Fact> DurabilityLedger::Vouched(const Mirror& mirror) {
  std::map<Index, Fact> vouched = mirror.vouched;
  for (size_t i = 0; i < mirror.facts.size(); ++i) {
    vouched[mirror.base + 1 + i] = mirror.facts[i];
  }
  return vouched;
}

void DurabilityLedger::TakeSnapshot(const raft::SnapshotMeta& snapshot, Mirror& mirror) {
  mirror.base = snapshot.index;
  mirror.base_term = snapshot.term;
  mirror.facts.clear();
}

void DurabilityLedger::TakeEntries(const std::vector<raft::Entry>& entries, Mirror& mirror) {
  if (entries.empty()) return;
  CHECK_GT(entries.front().index, mirror.base);
  CHECK_LE(entries.front().index, mirror.last() + 1) << "a write leaves a hole in the log";
  mirror.facts.resize(entries.front().index - mirror.base - 1);
  for (const raft::Entry& entry : entries) {
    CHECK_EQ(entry.index, mirror.last() + 1);
    mirror.facts.push_back({entry.term, HashEntry(entry)});
  }
}

DurabilityLedger::Found DurabilityLedger::OnSent(GroupId group, const raft::Message& message) {
  const Key key{message.from, group};
  Mirror& mirror = mirrors_[key];
  Found found;
  bool promise = true;
  if (const auto* reply = std::get_if<raft::VoteReply>(&message.body)) {
    promise = reply->granted && !reply->pre_vote;
    if (promise) found = CheckVote(key, mirror, message.term, message.to);
  } else if (const auto* request = std::get_if<raft::VoteRequest>(&message.body)) {
    promise = !request->pre_vote;
    if (promise) found = CheckVote(key, mirror, message.term, message.from);
  } else if (const auto* append = std::get_if<raft::AppendReply>(&message.body)) {
    promise = !append->rejected;
    if (promise) found = CheckAppend(key, mirror, message.term, append->index);
  } else {
    promise = false;
  }
  if (found || !promise || full_read_period_ == 0) return found;
  return ++mirror.promises % full_read_period_ == 0 ? CheckImage(key, mirror) : std::nullopt;
}

DurabilityLedger::Found DurabilityLedger::CheckVote(Key key, const Mirror& mirror, Term term,
                                                    NodeId candidate) const {
  const raft::HardState& durable = mirror.hard_state;
  // A later term supersedes the vote: it can no longer be given to anybody else.
  if (durable.term > term) return std::nullopt;
  if (durable.term == term && durable.vote == candidate) return std::nullopt;
  return Make(key, absl::StrCat("voted for node ", candidate.value(), " in term ", term.value(),
                                "; durable is only ", Describe(durable)));
}

DurabilityLedger::Found DurabilityLedger::CheckAppend(Key key, const Mirror& mirror, Term term,
                                                      Index index) const {
  if (mirror.hard_state.term < term) {
    return Make(key, absl::StrCat("accepted entries up to ", index.value(), " in term ",
                                  term.value(), "; durable is only ", Describe(mirror.hard_state)));
  }
  if (mirror.last() >= index) return std::nullopt;
  return Make(key, absl::StrCat("accepted entries up to ", index.value(), " in term ", term.value(),
                                "; its durable log ends at ", mirror.last().value()));
}

DurabilityLedger::Found DurabilityLedger::OnPowerLost(NodeId node, GroupId group) {
  const Key key{node, group};
  const auto at = mirrors_.find(key);
  return at == mirrors_.end() ? std::nullopt : CheckImage(key, at->second);
}

DurabilityLedger::Found DurabilityLedger::CheckImage(Key key, const Mirror& mirror) {
  const std::optional<RecoveredState> image = image_.Read(key.first, key.second);
  if (!image) return Make(key, "has a durable image that cannot be read");
  return CompareLogs(key, mirror, *image);
}

// The image may be ahead of what was reported, by writes whose completion is on its way. It may not
// be behind, and where it differs a newer term must have replaced the entry.
DurabilityLedger::Found DurabilityLedger::CompareLogs(Key key, const Mirror& mirror,
                                                      const RecoveredState& image) const {
  const raft::HardState& reported = mirror.hard_state;
  const raft::HardState& found = image.hard_state;
  const bool vote_kept = reported.vote == NodeId() || reported.vote == found.vote;
  if (found.term < reported.term || (found.term == reported.term && !vote_kept)) {
    return Make(key, absl::StrCat("reported ", Describe(reported), " durable; the disk holds ",
                                  Describe(found)));
  }
  if (found.abstains) return std::nullopt;
  const Index end = image.snapshot.index + image.entries.size();
  for (Index index = std::max(mirror.base, image.snapshot.index) + 1; index <= mirror.last();
       ++index) {
    const Fact& fact = mirror.facts[index - mirror.base - 1];
    if (index > end) {
      return Make(key,
                  absl::StrCat("reported entry ", index.value(), " of term ", fact.term.value(),
                               " durable; the log on disk ends at ", end.value()));
    }
    const raft::Entry& entry = image.entries[index - image.snapshot.index - 1];
    if (entry.term == fact.term && HashEntry(entry) == fact.hash) continue;
    if (entry.term > fact.term && entry.term <= found.term) return std::nullopt;
    return Make(key,
                absl::StrCat("reported entry ", index.value(), " of term ", fact.term.value(),
                             " durable; the disk holds another one, of term ", entry.term.value()));
  }
  if (end < mirror.base) {
    return Make(key, absl::StrCat("reported a snapshot of index ", mirror.base.value(),
                                  " durable; the log on disk ends at ", end.value()));
  }
  return std::nullopt;
}

bool DurabilityLedger::Holds(NodeId node, GroupId group, Index index, Term term) const {
  const auto at = mirrors_.find({node, group});
  if (at == mirrors_.end()) return false;
  const Mirror& mirror = at->second;
  const auto vouched = mirror.vouched.find(index);
  if (vouched != mirror.vouched.end() && vouched->second.term == term) return true;
  if (index <= mirror.base) return mirror.base_term >= term;
  return index <= mirror.last() && mirror.facts[index - mirror.base - 1].term == term;
}

DurabilityLedger::Found DurabilityLedger::OnCommitted(GroupId group,
                                                      const raft::Configuration& configuration,
                                                      Index index, Term term) const {
  for (const std::vector<NodeId>* voters : {&configuration.voters, &configuration.outgoing}) {
    size_t holding = 0;
    for (const NodeId node : *voters) holding += Holds(node, group, index, term) ? 1 : 0;
    if (voters->empty() || holding * 2 > voters->size()) continue;
    return Violation{"durability ledger",
                     absl::StrCat("entry ", index.value(), " of term ", term.value(),
                                  " was committed while it was durable at ", holding, " of ",
                                  voters->size(), " voters"),
                     absl::StrCat("group ", group.value())};
  }
  return std::nullopt;
}

}  // namespace lockstep::checkers
