#include "tests/framework/raft/support.h"

#include <algorithm>
#include <utility>

#include "framework/base/check.h"

namespace lockstep::raft::testing {

std::vector<NodeId> Nodes(const std::vector<uint64_t>& ids) {
  std::vector<NodeId> nodes;
  for (uint64_t id : ids) nodes.push_back(N(id));
  return nodes;
}

Configuration Voters(const std::vector<uint64_t>& ids) {
  Configuration configuration;
  configuration.voters = Nodes(ids);
  return configuration;
}

Entry MakeEntry(uint64_t term, uint64_t index, const std::string& payload) {
  Entry entry;
  entry.term = Term(term);
  entry.index = Index(index);
  entry.kind = EntryKind::kCommand;
  entry.payload = std::make_shared<const std::string>(payload);
  return entry;
}

Proposal MakeProposal(const std::string& payload, int64_t timestamp_ns) {
  return Proposal{std::make_shared<const std::string>(payload), timestamp_ns};
}

std::vector<Entry> LogOfTerms(const std::vector<uint64_t>& terms) {
  std::vector<Entry> entries;
  for (uint64_t term : terms) entries.push_back(MakeEntry(term, entries.size() + 1));
  return entries;
}

std::vector<uint64_t> TermsOf(const Raft& raft) {
  std::vector<uint64_t> terms;
  for (Index i = raft.first_index(); i <= raft.last_index(); ++i) {
    terms.push_back(raft.TermAt(i).value());
  }
  return terms;
}

Message MakeMessage(uint64_t from, uint64_t to, uint64_t term, MessageBody body) {
  return Message{N(from), N(to), Term(term), std::move(body)};
}

void Disk::Write(const Persist& persist) {
  if (persist.snapshot.has_value()) {
    snapshot = *persist.snapshot;
    entries.clear();
  }
  if (!persist.entries.empty()) {
    const Index first = persist.entries.front().index;
    CHECK_GT(first, snapshot.index);
    CHECK_LE(first, snapshot.index + entries.size() + 1);
    entries.resize(first - snapshot.index - 1);
    entries.insert(entries.end(), persist.entries.begin(), persist.entries.end());
  }
  if (persist.hard_state.has_value()) hard_state = *persist.hard_state;
}

void Machine::Apply(const Entry& entry) {
  CHECK_EQ(entry.index, applied + 1);
  CHECK_GE(entry.term, applied_term);
  CHECK_GE(entry.timestamp_ns, timestamp_ns);
  items.push_back(Item{entry.index, entry.term, entry.payload ? *entry.payload : ""});
  applied = entry.index;
  applied_term = entry.term;
  timestamp_ns = entry.timestamp_ns;
  if (entry.kind == EntryKind::kConfiguration) configuration = *entry.configuration;
}

SnapshotMeta Machine::Describe() const {
  return SnapshotMeta{applied, applied_term, configuration, timestamp_ns};
}

Cluster::Cluster(uint64_t voters, uint64_t seed, const std::function<void(Options&)>& adjust)
    : seed_(seed), adjust_(adjust) {
  std::vector<uint64_t> ids;
  for (uint64_t id = 1; id <= voters; ++id) ids.push_back(id);
  bootstrap_ = Voters(ids);
  for (uint64_t id : ids) AddNode(id);
  for (uint64_t id : ids) {
    node(id).machine.configuration = bootstrap_;
    node(id).flushed.configuration = bootstrap_;
    Start(node(id));
  }
}

void Cluster::AddNode(uint64_t id) {
  Node& node = nodes_[N(id)];
  node.options.self = N(id);
  node.options.random_seed = seed_ * 1000 + id;
  if (adjust_) adjust_(node.options);
  Start(node);
}

void Cluster::Recreate(uint64_t id, HardState hard_state, std::vector<Entry> entries,
                       Index applied) {
  Node& node = nodes_.at(N(id));
  node.disk.hard_state = hard_state;
  node.disk.entries = std::move(entries);
  for (const Entry& entry : node.disk.entries) {
    if (entry.index <= applied) node.machine.Apply(entry);
  }
  node.flushed = node.machine;
  Start(node);
}

void Cluster::Start(Node& node) {
  InitialState initial;
  initial.hard_state = node.disk.hard_state;
  initial.snapshot = node.disk.snapshot;
  initial.entries = node.disk.entries;
  initial.applied = node.machine.applied;
  initial.configuration = node.machine.configuration;
  if (clock_) initial.now_ns = clock_(node.options.self.value());
  node.options.random_seed += 7777;
  node.persisted = WriteId(0);
  node.raft = std::make_unique<Raft>(node.options, std::move(initial));
  node.raft->CheckInvariants();
}

Raft& Cluster::Timed(uint64_t id) {
  if (clock_) raft(id).SetTime(clock_(id));
  return raft(id);
}

std::vector<uint64_t> Cluster::ids() const {
  std::vector<uint64_t> ids;
  for (const auto& [id, node] : nodes_) ids.push_back(id.value());
  return ids;
}

void Cluster::Handle(uint64_t id, Effects effects) {
  Node& node = nodes_.at(N(id));
  for (Message& message : effects.send_now) network_.push_back(std::move(message));
  for (MessageAfter& message : effects.send_after_persist) {
    if (message.after <= node.persisted) {
      network_.push_back(std::move(message.message));
    } else {
      node.waiting.push_back(std::move(message));
    }
  }
  if (effects.install_snapshot.has_value()) {
    CHECK(effects.persist.has_value());
    CHECK(effects.persist->snapshot == effects.install_snapshot);
    node.to_install[effects.persist->id] =
        snapshots_.at({node.options.self, effects.install_snapshot->index});
    node.to_apply.clear();
  }
  if (effects.persist.has_value()) node.writes.push_back(*std::move(effects.persist));
  for (Entry& entry : effects.committed) node.to_apply.push_back(std::move(entry));
  node.reads.insert(node.reads.end(), effects.reads.begin(), effects.reads.end());
  node.reads_failed.insert(node.reads_failed.end(), effects.reads_failed.begin(),
                           effects.reads_failed.end());
  node.send_snapshot_to.insert(node.send_snapshot_to.end(), effects.send_snapshot_to.begin(),
                               effects.send_snapshot_to.end());
  node.events.insert(node.events.end(), effects.events.begin(), effects.events.end());
  node.proposed = effects.proposed;
  node.raft->CheckInvariants();
  if (observer_) observer_(*this, id);
}

bool Cluster::PersistOne(uint64_t id) {
  Node& node = nodes_.at(N(id));
  if (node.raft == nullptr || node.writes.empty()) return false;
  const Persist persist = std::move(node.writes.front());
  node.writes.pop_front();
  node.disk.Write(persist);
  CHECK_GT(persist.id, node.persisted);
  node.persisted = persist.id;
  while (!node.waiting.empty() && node.waiting.front().after <= persist.id) {
    network_.push_back(std::move(node.waiting.front().message));
    node.waiting.pop_front();
  }
  const auto install = node.to_install.find(persist.id);
  if (install != node.to_install.end()) {
    node.machine = install->second;
    node.flushed = node.machine;
    node.to_install.erase(install);
    Handle(id, node.raft->Applied(node.machine.applied));
  }
  Handle(id, node.raft->Persisted(persist.id));
  return true;
}

bool Cluster::ApplyAll(uint64_t id) {
  Node& node = nodes_.at(N(id));
  if (node.raft == nullptr || node.to_apply.empty() || !node.to_install.empty()) return false;
  while (!node.to_apply.empty()) {
    node.machine.Apply(node.to_apply.front());
    node.to_apply.pop_front();
  }
  Handle(id, node.raft->Applied(node.machine.applied));
  return true;
}

bool Cluster::SendSnapshots(uint64_t id) {
  Node& node = nodes_.at(N(id));
  if (node.raft == nullptr || node.send_snapshot_to.empty()) return false;
  for (NodeId to : std::exchange(node.send_snapshot_to, {})) {
    if (node.raft->role() != Role::kLeader) break;  // no leader's message any more
    const SnapshotMeta meta = node.machine.Describe();
    snapshots_[{to, meta.index}] = node.machine;
    network_.push_back(Message{N(id), to, node.raft->term(), InstallSnapshot{meta}});
    Handle(id, node.raft->SnapshotSent(to, meta.index, true));
  }
  return true;
}

void Cluster::Deliver(size_t i) {
  CHECK_LT(i, network_.size());
  Message message = std::move(network_[i]);
  network_.erase(network_.begin() + static_cast<ptrdiff_t>(i));
  const auto to = nodes_.find(message.to);
  if (to == nodes_.end() || to->second.raft == nullptr) return;
  const uint64_t id = message.to.value();
  Handle(id, Timed(id).Step(std::move(message)));
}

void Cluster::Settle() {
  bool busy = true;
  for (int rounds = 0; busy; ++rounds) {
    CHECK_LT(rounds, 10000) << "the cluster talks without end";
    busy = false;
    for (uint64_t id : ids()) {
      while (PersistOne(id)) busy = true;
      if (ApplyAll(id)) busy = true;
      if (SendSnapshots(id)) busy = true;
    }
    for (size_t n = network_.size(); n > 0; --n) {
      busy = true;
      if (drop_ && drop_(network_.front())) {
        network_.erase(network_.begin());
      } else {
        Deliver(0);
      }
    }
  }
}

void Cluster::Tick(uint64_t id, uint64_t ticks) {
  for (uint64_t i = 0; i < ticks; ++i) Handle(id, Timed(id).Tick());
}

void Cluster::RunTicks(uint64_t ticks) {
  for (uint64_t i = 0; i < ticks; ++i) {
    for (uint64_t id : ids()) {
      if (is_up(id)) Tick(id);
    }
    Settle();
  }
}

uint64_t Cluster::leader() const {
  uint64_t leader = 0;
  Term term;
  for (const auto& [id, node] : nodes_) {
    if (node.raft == nullptr || node.raft->role() != Role::kLeader) continue;
    if (node.raft->term() <= term) continue;
    leader = id.value();
    term = node.raft->term();
  }
  return leader;
}

uint64_t Cluster::RunUntilLeader(uint64_t ticks_max) {
  for (uint64_t i = 0; i < ticks_max; ++i) {
    Settle();
    if (leader() != 0) return leader();
    RunTicks(1);
  }
  CHECK(false) << "no leader";
  return 0;
}

void Cluster::Campaign(uint64_t id) { Handle(id, raft(id).Campaign()); }

ProposeOutcome Cluster::Propose(uint64_t id, const std::string& payload, int64_t timestamp_ns) {
  std::vector<Proposal> proposals;
  proposals.push_back(MakeProposal(payload, timestamp_ns));
  Handle(id, raft(id).Propose(std::move(proposals)));
  return node(id).proposed;
}

ProposeOutcome Cluster::ProposeConfiguration(uint64_t id, const Configuration& target) {
  Handle(id, raft(id).ProposeConfiguration(target, 0));
  return node(id).proposed;
}

void Cluster::Read(uint64_t id, uint64_t read) { Handle(id, Timed(id).Read(ReadId(read))); }

void Cluster::Compact(uint64_t id) {
  Node& node = nodes_.at(N(id));
  const SnapshotMeta meta = node.machine.Describe();
  CHECK_LE(meta.index, node.raft->applied());
  node.flushed = node.machine;
  node.raft->Compact(meta);
  // The disk follows: what is durable up to the snapshot is dropped there too.
  if (meta.index > node.disk.snapshot.index) {
    const size_t dropped =
        std::min<size_t>(meta.index - node.disk.snapshot.index, node.disk.entries.size());
    node.disk.entries.erase(node.disk.entries.begin(),
                            node.disk.entries.begin() + static_cast<ptrdiff_t>(dropped));
    node.disk.snapshot = meta;
  }
  node.raft->CheckInvariants();
}

void Cluster::Isolate(uint64_t id) {
  set_drop([id](const Message& m) { return m.from == N(id) || m.to == N(id); });
}

void Cluster::Crash(uint64_t id) {
  Node& node = nodes_.at(N(id));
  node.raft.reset();
  node.writes.clear();
  node.waiting.clear();
  node.to_apply.clear();
  node.to_install.clear();
  node.reads.clear();
  node.reads_failed.clear();
  node.send_snapshot_to.clear();
  node.machine = node.flushed;
}

void Cluster::Restart(uint64_t id) {
  Node& node = nodes_.at(N(id));
  CHECK(node.raft == nullptr);
  Start(node);
}

}  // namespace lockstep::raft::testing
