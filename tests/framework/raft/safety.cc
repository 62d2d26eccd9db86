#include "tests/framework/raft/safety.h"

#include <algorithm>
#include <sstream>

namespace lockstep::raft::testing {

Safety::Safety(Cluster& cluster) {
  cluster.set_observer([this](Cluster& c, uint64_t id) { Observe(c, id); });
}

void Safety::Fail(const std::string& what, uint64_t id, Index index) {
  if (!violation_.empty()) return;
  std::ostringstream out;
  out << what << " at node " << id << ", index " << index;
  violation_ = out.str();
}

void Safety::ReadStarted(uint64_t, uint64_t read) {
  reads_[ReadId(read)] = committed_.empty() ? Index(0) : committed_.rbegin()->first;
}

void Safety::Observe(Cluster& cluster, uint64_t id) {
  Node& node = cluster.node(id);
  CheckElectionSafety(*node.raft, id);
  CheckCommitted(*node.raft, id);
  CheckLeaderCompleteness(*node.raft, id);
  CheckLogMatching(cluster, id);
  CheckStateMachine(node, id);
  CheckReads(node, id);
}

void Safety::CheckElectionSafety(const Raft& raft, uint64_t id) {
  if (raft.role() != Role::kLeader) return;
  const auto [it, first] = leaders_.try_emplace(raft.term(), id);
  if (!first && it->second != id) Fail("election safety: a second leader", id, Index(0));
}

void Safety::CheckCommitted(const Raft& raft, uint64_t id) {
  for (Index i = raft.first_index(); i <= raft.commit(); ++i) {
    const Entry& entry = raft.EntryAt(i);
    const std::string payload = entry.payload ? *entry.payload : "";
    const auto [it, first] = committed_.try_emplace(i, Committed{entry.term, raft.term(), payload});
    if (!first && (it->second.term != entry.term || it->second.payload != payload)) {
      Fail("state machine safety: another entry is committed", id, i);
    }
  }
}

void Safety::CheckLeaderCompleteness(const Raft& raft, uint64_t id) {
  if (raft.role() != Role::kLeader) return;
  for (const auto& [index, committed] : committed_) {
    if (committed.seen_in >= raft.term() || index < raft.first_index()) continue;
    if (index > raft.last_index() || raft.TermAt(index) != committed.term) {
      Fail("leader completeness: a committed entry is missing", id, index);
    }
  }
}

void Safety::CheckLogMatching(Cluster& cluster, uint64_t id) {
  const Raft& mine = cluster.raft(id);
  for (uint64_t other : cluster.ids()) {
    if (other == id || !cluster.is_up(other)) continue;
    const Raft& theirs = cluster.raft(other);
    bool agree = false;
    const Index first = std::max(mine.first_index(), theirs.first_index());
    for (Index i = std::min(mine.last_index(), theirs.last_index()); i >= first; --i) {
      const bool same = mine.TermAt(i) == theirs.TermAt(i);
      if (agree && !same) Fail("log matching: logs differ before an entry in common", id, i);
      agree = agree || same;
    }
  }
}

void Safety::CheckStateMachine(const Node& node, uint64_t id) {
  if (node.machine.items.size() != node.machine.applied.value()) {
    Fail("state machine: entries skipped or repeated", id, node.machine.applied);
    return;
  }
  // Earlier items were compared when they were the last ones.
  const size_t size = node.machine.items.size();
  for (size_t i = size > 64 ? size - 64 : 0; i < size; ++i) {
    const Machine::Item& item = node.machine.items[i];
    const auto committed = committed_.find(item.index);
    if (committed == committed_.end() || committed->second.term != item.term ||
        committed->second.payload != item.payload) {
      Fail("state machine safety: applied what is not committed", id, item.index);
    }
  }
}

void Safety::CheckReads(Node& node, uint64_t id) {
  for (const ReadReady& read : node.reads) {
    const auto started = reads_.find(read.id);
    if (started == reads_.end()) continue;
    if (read.index < started->second) Fail("linearizable read: stale index", id, read.index);
    reads_.erase(started);
  }
}

}  // namespace lockstep::raft::testing
