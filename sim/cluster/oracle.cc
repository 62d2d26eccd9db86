#include "sim/cluster/oracle.h"

#include "absl/strings/str_cat.h"
#include "framework/base/checksum.h"
#include "framework/base/random.h"

namespace lockstep::sim {
namespace {

uint64_t HashEntry(const raft::Entry& entry) {
  uint64_t hash = base::Mix64(static_cast<uint64_t>(entry.kind) + 1);
  hash = base::Mix64(hash ^ static_cast<uint64_t>(entry.timestamp_ns));
  for (const auto* members : {&entry.configuration.voters, &entry.configuration.outgoing,
                              &entry.configuration.learners}) {
    for (const NodeId id : *members) hash = base::Mix64(hash ^ id.value());
    hash = base::Mix64(hash + 1);
  }
  return entry.payload ? base::Checksum64(*entry.payload, hash) : hash;
}

}  // namespace

class Oracle::NodeObserver final : public replica::ReplicaObserver {
 public:
  NodeObserver(Oracle& oracle, NodeId node) : oracle_(oracle), node_(node) {}

  void OnStep(GroupId group, const raft::Raft& raft, const raft::Effects& effects) override {
    raft.CheckInvariants();
    for (Listener* one : oracle_.listeners_) Pass(one->OnStep(node_, group, raft, effects));
  }
  void OnDurable(GroupId, raft::WriteId) override {}
  void OnSend(GroupId group, const raft::Message& message) override {
    for (Listener* one : oracle_.listeners_) Pass(one->OnSend(node_, group, message));
  }
  void OnApplied(GroupId group, const raft::Entry& entry, std::string_view result) override {
    ++oracle_.applied_count_;
    oracle_.CheckApplied(node_, group, entry, result);
    for (Listener* one : oracle_.listeners_) Pass(one->OnApplied(node_, group, entry));
  }
  void OnInstalled(GroupId, const raft::SnapshotMeta&) override {}

 private:
  void Pass(std::optional<checkers::Violation> violation) {
    if (violation) oracle_.Report(*std::move(violation));
  }

  Oracle& oracle_;
  NodeId node_;
};

Oracle::Oracle() = default;
Oracle::~Oracle() = default;

replica::ReplicaObserver& Oracle::ObserverOf(NodeId node) {
  std::unique_ptr<NodeObserver>& observer = observers_[node];
  if (!observer) observer = std::make_unique<NodeObserver>(*this, node);
  return *observer;
}

void Oracle::Report(checkers::Violation violation) {
  if (!violation_) violation_ = std::move(violation);
}

void Oracle::CheckApplied(NodeId node, GroupId group, const raft::Entry& entry,
                          std::string_view result) {
  const AppliedFact fact{entry.term, HashEntry(entry), base::Checksum64(result), node};
  const auto [it, is_first] = applied_.try_emplace({group, entry.index}, fact);
  if (is_first) return;
  const AppliedFact& known = it->second;
  const std::string where =
      absl::StrCat("group ", group.value(), ", index ", entry.index.value());
  if (known.term != fact.term || known.entry_hash != fact.entry_hash) {
    return Report({"state machine safety",
                   absl::StrCat("node ", node.value(), " applied an entry of term ",
                                entry.term.value(), " where node ", known.first.value(),
                                " applied another, of term ", known.term.value()),
                   where});
  }
  if (known.result_hash != fact.result_hash) {
    Report({"deterministic apply",
            absl::StrCat("node ", node.value(), " and node ", known.first.value(),
                         " applied the same entry with different results"),
            where});
  }
}

}  // namespace lockstep::sim
