#include "checkers/raft_safety.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "checkers/entry_hash.h"
#include "framework/base/check.h"

namespace lockstep::checkers {
namespace {

using raft::Index;
using raft::Term;

std::string Node(NodeId node) { return absl::StrCat("node ", node.value()); }
std::string At(Index index) { return absl::StrCat("index ", index.value()); }
std::string InTerm(Term term) { return absl::StrCat("term ", term.value()); }
std::string Hex(uint64_t hash) { return absl::StrCat(absl::Hex(hash)); }

}  // namespace

RaftSafety::Found RaftSafety::Started(NodeId node, const RaftView& view, Index applied) {
  Mirror fresh;
  fresh.life = mirrors_[node].life + 1;
  fresh.applied = applied;
  mirrors_[node] = std::move(fresh);
  return Look(node, view);
}

RaftSafety::Found RaftSafety::Stepped(NodeId node, const RaftView& view) {
  CHECK(mirrors_.contains(node)) << node << " was not started";
  return Look(node, view);
}

RaftSafety::Found RaftSafety::Look(NodeId node, const RaftView& view) {
  Mirror& mirror = mirrors_[node];
  ++mirror.looks;
  if (Found found = CheckMonotony(node, view, mirror)) return found;
  if (Found found = FollowLog(node, view, mirror)) return found;
  if (Found found = CheckLeader(node, view, mirror)) return found;
  if (Found found = FollowCommit(node, view, mirror)) return found;
  mirror.term = view.term();
  mirror.vote = view.vote();
  mirror.role = view.role();
  return std::nullopt;
}

RaftSafety::Found RaftSafety::CheckMonotony(NodeId node, const RaftView& view,
                                            const Mirror& mirror) const {
  const auto make = [&](std::string verdict) {
    return Violation{"monotony", Node(node) + " " + std::move(verdict), Node(node)};
  };
  if (view.term() < mirror.term) {
    return make(absl::StrCat("went back from term ", mirror.term.value(), " to ",
                             view.term().value(), " without a restart"));
  }
  if (view.commit() < mirror.commit) {
    return make(absl::StrCat("took its commit index back from ", mirror.commit.value(), " to ",
                             view.commit().value()));
  }
  if (view.commit() > view.last_index()) {
    return make(absl::StrCat("has committed up to ", view.commit().value(), " and its log ends at ",
                             view.last_index().value()));
  }
  if (view.applied() > view.commit()) {
    return make(absl::StrCat("has applied up to ", view.applied().value(),
                             " and committed only up to ", view.commit().value()));
  }
  if (view.term() == mirror.term && mirror.vote != NodeId() && view.vote() != mirror.vote) {
    return Violation{
        "vote once",
        absl::StrCat("node ", node.value(), " changed its vote of term ", view.term().value(),
                     " from node ", mirror.vote.value(), " to node ", view.vote().value()),
        Node(node)};
  }
  return std::nullopt;
}

// The log's start moved: entries went into a snapshot.
void RaftSafety::FollowBase(const RaftView& view, Mirror& mirror) {
  CHECK_GE(view.first_index(), Index(1));
  const Index base = view.first_index() - 1;
  if (base == mirror.base) return;
  if (base > mirror.base && base <= mirror.last() &&
      LinkAt(mirror, base)->term == view.snapshot().term) {
    const auto gone = static_cast<std::ptrdiff_t>(base - mirror.base);
    mirror.base_link = *LinkAt(mirror, base);
    mirror.links.erase(mirror.links.begin(), mirror.links.begin() + gone);
    mirror.payloads.erase(mirror.payloads.begin(), mirror.payloads.begin() + gone);
  } else {
    // A log that begins here for us. If nobody ever had this entry, the universe began with it.
    Link begin{view.snapshot().term, 0, CombineHash(base.value(), view.snapshot().term.value())};
    const auto at = entries_.find({base, begin.term});
    mirror.base_link = at == entries_.end() ? begin : at->second.link;
    mirror.links.clear();
    mirror.payloads.clear();
  }
  mirror.base = base;
}

const RaftSafety::Link* RaftSafety::LinkAt(const Mirror& mirror, Index index) const {
  if (index == mirror.base) return &mirror.base_link;
  if (index < mirror.base || index > mirror.last()) return nullptr;
  return &mirror.links[index - mirror.base - 1];
}

// The highest index up to which the log is what the mirror has. Usually one comparison: a log whose
// last entry is the same has not changed before it, or the next full scan will tell.
Index RaftSafety::Unchanged(const RaftView& view, const Mirror& mirror) const {
  const auto same = [&](Index index) {
    const raft::Entry& entry = view.EntryAt(index);
    const size_t i = index - mirror.base - 1;
    return entry.term == mirror.links[i].term && entry.payload == mirror.payloads[i];
  };
  Index high = std::min(view.last_index(), mirror.last());
  while (high > mirror.base && !same(high)) --high;
  if (full_scan_period_ == 0 || mirror.looks % full_scan_period_ != 0) return high;
  for (Index index = mirror.base + 1; index <= high; ++index) {
    if (!same(index)) return index - 1;
  }
  return high;
}

RaftSafety::Found RaftSafety::FollowLog(NodeId node, const RaftView& view, Mirror& mirror) {
  FollowBase(view, mirror);
  const Index unchanged = Unchanged(view, mirror);
  const size_t kept = unchanged - mirror.base;
  const std::vector<Link> replaced(mirror.links.begin() + static_cast<std::ptrdiff_t>(kept),
                                   mirror.links.end());
  mirror.links.resize(kept);
  mirror.payloads.resize(kept);
  for (Index index = unchanged + 1; index <= view.last_index(); ++index) {
    if (Found found = Append(node, view.EntryAt(index), mirror)) return found;
  }
  return CheckReplaced(node, view, mirror, unchanged, replaced);
}

// [Raft fig. 2] A leader never drops or changes an entry of its log. A follower drops entries only
// for one of another term in the place of the first of them: what an old append does not mention
// is not wrong for that.
RaftSafety::Found RaftSafety::CheckReplaced(NodeId node, const RaftView& view, const Mirror& mirror,
                                            Index unchanged,
                                            const std::vector<Link>& replaced) const {
  const bool leads_on = mirror.role == raft::Role::kLeader && view.role() == raft::Role::kLeader &&
                        mirror.term == view.term();
  for (size_t i = 0; i < replaced.size(); ++i) {
    const Index index = unchanged + 1 + i;
    const Link* now = LinkAt(mirror, index);
    if (now != nullptr && now->entry == replaced[i].entry) continue;
    if (leads_on) {
      return Violation{"leader append-only",
                       absl::StrCat("node ", node.value(), ", leader of term ", view.term().value(),
                                    ", ", now ? "changed" : "dropped", " its entry ", index.value(),
                                    " of term ", replaced[i].term.value()),
                       At(index)};
    }
    if (now != nullptr) return std::nullopt;
    return Violation{
        "truncation",
        absl::StrCat("node ", node.value(), " dropped its entry ", index.value(), " of term ",
                     replaced[i].term.value(), ", and no entry of another term took its place"),
        At(index)};
  }
  return std::nullopt;
}

RaftSafety::Found RaftSafety::Append(NodeId node, const raft::Entry& entry, Mirror& mirror) {
  const Link& previous = *LinkAt(mirror, mirror.last());
  const Index index = mirror.last() + 1;
  Link link{entry.term, HashEntry(entry), 0};
  link.chain = CombineHash(previous.chain, link.entry);
  if (entry.index != index || entry.term < previous.term || entry.term == Term()) {
    return Violation{
        "log matching",
        absl::StrCat("node ", node.value(), " holds an entry of index ", entry.index.value(),
                     " and term ", entry.term.value(), " behind one of term ",
                     previous.term.value(), " at its place ", index.value()),
        At(index)};
  }
  mirror.links.push_back(link);
  mirror.payloads.push_back(entry.payload);
  const auto [at, is_new] = entries_.try_emplace({index, entry.term}, Seen{link, node});
  if (!is_new && at->second.link.chain != link.chain) {
    const bool content = at->second.link.entry != link.entry;
    return Violation{
        "log matching",
        absl::StrCat("nodes ", at->second.by.value(), " and ", node.value(),
                     " hold an entry of index ", index.value(), " and term ", entry.term.value(),
                     " with different ", content ? "contents" : "entries before it"),
        At(index)};
  }
  const bool was_committed = index <= mirror.commit && index <= committed();
  if (was_committed && committed_[index.value() - 1].link.chain != link.chain) {
    return Violation{"state machine safety",
                     absl::StrCat("node ", node.value(), " replaced entry ", index.value(),
                                  ", which it had committed, by one of term ", entry.term.value()),
                     At(index)};
  }
  return std::nullopt;
}

RaftSafety::Found RaftSafety::CheckLeader(NodeId node, const RaftView& view, Mirror& mirror) {
  if (view.role() != raft::Role::kLeader) return std::nullopt;
  const auto [at, is_new] = leaders_.try_emplace(view.term(), node, mirror.life);
  if (!is_new && at->second != std::pair(node, mirror.life)) {
    const bool restarted = at->second.first == node;
    return Violation{
        "election safety",
        absl::StrCat("node ", node.value(), " leads term ", view.term().value(),
                     restarted ? ", which it led before a restart"
                               : absl::StrCat(", which node ", at->second.first.value(), " led")),
        InTerm(view.term())};
  }
  return is_new ? CheckComplete(node, view.term(), mirror) : std::nullopt;
}

// Everything that was committed before, by anybody in an earlier term. The chain covers the prefix.
RaftSafety::Found RaftSafety::CheckComplete(NodeId leader, Term term, const Mirror& mirror) const {
  size_t count = committed_.size();
  while (count > 0 && committed_[count - 1].in_term >= term) --count;
  if (count == 0 || Index(count) <= mirror.base) return std::nullopt;
  const Committed& last = committed_[count - 1];
  const Link* link = LinkAt(mirror, Index(count));
  if (link != nullptr && link->chain == last.link.chain) return std::nullopt;
  return Violation{
      "leader completeness",
      absl::StrCat("node ", leader.value(), " leads term ", term.value(), " ",
                   link ? "with another entry at" : "without", " index ", count, ", which node ",
                   last.by.value(), " had committed in term ", last.in_term.value()),
      At(Index(count))};
}

RaftSafety::Found RaftSafety::FollowCommit(NodeId node, const RaftView& view, Mirror& mirror) {
  if (mirror.base > committed() && mirror.looks > 1) {
    return Violation{
        "state machine safety",
        absl::StrCat("node ", node.value(), " took over a snapshot of index ", mirror.base.value(),
                     ", and nobody has committed more than ", committed().value()),
        At(mirror.base)};
  }
  while (committed_.size() < mirror.base.value()) {
    committed_.push_back({Link{}, view.term(), node});  // before the universe began
    if (committed() == mirror.base) committed_.back().link = mirror.base_link;
  }
  if (Found found = CheckCommitRule(node, view, mirror)) return found;
  const Index from = std::max(mirror.commit + 1, std::max(mirror.base, Index(1)));
  for (Index index = from; index <= view.commit(); ++index) {
    if (Found found = Commit(node, index, *LinkAt(mirror, index), view.term())) return found;
  }
  mirror.commit = view.commit();
  return std::nullopt;
}

// [Raft 5.4.2] What a majority holds of an earlier term may still be replaced, so a leader counts
// only entries of its own term.
RaftSafety::Found RaftSafety::CheckCommitRule(NodeId node, const RaftView& view,
                                              const Mirror& mirror) const {
  const bool leads_on = mirror.role == raft::Role::kLeader && view.role() == raft::Role::kLeader &&
                        mirror.term == view.term();
  if (!leads_on || view.commit() <= std::max(mirror.commit, mirror.base)) return std::nullopt;
  const Term term = LinkAt(mirror, view.commit())->term;
  if (term == view.term()) return std::nullopt;
  return Violation{"commit rule",
                   absl::StrCat("node ", node.value(), ", leader of term ", view.term().value(),
                                ", took its commit index to ", view.commit().value(),
                                ", an entry of term ", term.value()),
                   At(view.commit())};
}

RaftSafety::Found RaftSafety::Commit(NodeId node, Index index, const Link& link, Term term) {
  if (index <= committed()) {
    const Committed& known = committed_[index.value() - 1];
    if (known.link.term == Term() || known.link.chain == link.chain) return std::nullopt;
    return Violation{"state machine safety",
                     absl::StrCat("node ", node.value(), " committed an entry of term ",
                                  link.term.value(), " at index ", index.value(), " and node ",
                                  known.by.value(), " one of term ", known.link.term.value(),
                                  ", hashes ", Hex(link.chain), " and ", Hex(known.link.chain)),
                     At(index)};
  }
  CHECK_EQ(index, committed() + 1);
  committed_.push_back({link, term, node});
  // Somebody elected meanwhile in a later term must have it too.
  for (const auto& [other, mirror] : mirrors_) {
    if (mirror.role != raft::Role::kLeader || mirror.term <= term) continue;
    if (Found found = CheckComplete(other, mirror.term, mirror)) return found;
  }
  return std::nullopt;
}

RaftSafety::Found RaftSafety::Sent(const raft::Message& message) {
  NodeId candidate;
  if (const auto* reply = std::get_if<raft::VoteReply>(&message.body)) {
    if (reply->granted && !reply->pre_vote) candidate = message.to;
  } else if (const auto* request = std::get_if<raft::VoteRequest>(&message.body)) {
    if (!request->pre_vote) candidate = message.from;  // it votes for itself
  }
  if (candidate == NodeId()) return std::nullopt;
  const auto [at, is_new] = votes_.try_emplace({message.from, message.term}, candidate);
  if (is_new || at->second == candidate) return std::nullopt;
  return Violation{"vote once",
                   absl::StrCat("node ", message.from.value(), " voted for node ",
                                candidate.value(), " in term ", message.term.value(),
                                ", in which it had voted for node ", at->second.value()),
                   Node(message.from)};
}

RaftSafety::Found RaftSafety::Applied(NodeId node, const raft::Entry& entry) {
  Mirror& mirror = mirrors_.at(node);
  const auto make = [&](std::string verdict) {
    return Violation{"state machine safety",
                     absl::StrCat("node ", node.value(), " applied ", std::move(verdict)),
                     At(entry.index)};
  };
  if (entry.index != mirror.applied + 1) {
    return make(absl::StrCat("index ", entry.index.value(), " after ", mirror.applied.value()));
  }
  if (entry.index > committed()) {
    return make(absl::StrCat("index ", entry.index.value(), ", which nobody has committed"));
  }
  const Committed& known = committed_[entry.index.value() - 1];
  if (known.link.term != Term() && known.link.entry != 0 && known.link.entry != HashEntry(entry)) {
    return make(absl::StrCat("an entry of term ", entry.term.value(), " at index ",
                             entry.index.value(), "; committed is one of term ",
                             known.link.term.value(), " with another content"));
  }
  mirror.applied = entry.index;
  return std::nullopt;
}

RaftSafety::Found RaftSafety::Installed(NodeId node, const raft::SnapshotMeta& meta) {
  Mirror& mirror = mirrors_.at(node);
  const auto make = [&](std::string verdict) {
    return Violation{
        "state machine safety",
        absl::StrCat("node ", node.value(), " installed a snapshot of index ", meta.index.value(),
                     " and term ", meta.term.value(), ", ", std::move(verdict)),
        At(meta.index)};
  };
  if (meta.index > committed()) return make("which nobody has committed");
  if (meta.index < mirror.applied) {
    return make(absl::StrCat("having applied ", mirror.applied.value()));
  }
  const Term term = committed_[meta.index.value() - 1].link.term;
  if (term != Term() && term != meta.term) {
    return make(absl::StrCat("where the committed entry is of term ", term.value()));
  }
  mirror.applied = meta.index;
  return std::nullopt;
}

}  // namespace lockstep::checkers
