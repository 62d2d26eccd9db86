// Changing who takes part [Raft 6, thesis 4]. A configuration is in force once it is applied.
#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "framework/base/check.h"
#include "framework/raft/configuration.h"
#include "framework/raft/core.h"
#include "framework/raft/mutants.h"

namespace lockstep::raft {

ProposeRefusal Raft::Core::RefusalToChange(const Leader& leader) const {
  // One at a time, until it is applied and, if joint, left: two changes under way could use
  // majorities that do not meet.
  const bool pending = log_.applied() < leader.pending_configuration || configuration_.joint();
  return pending ? ProposeRefusal::kConfigurationPending : ProposeRefusal::kNone;
}

void Raft::Core::ProposeConfiguration(const Configuration& target, int64_t timestamp_ns) {
  Wake();
  ProposeOutcome& outcome = effects_.proposed;
  outcome.refusal = RefusalToPropose(0);
  if (outcome.refusal != ProposeRefusal::kNone) return;
  auto& leader = std::get<Leader>(role_);
  outcome.refusal = RefusalToChange(leader);
  if (outcome.refusal != ProposeRefusal::kNone) return;
  std::optional<Configuration> next = NextConfiguration(configuration_, target);
  if (!next.has_value()) {
    outcome.refusal = ProposeRefusal::kBadConfiguration;
    return;
  }
  outcome.first_index = log_.last_index() + 1;
  outcome.term = hard_.term;
  AppendConfiguration(leader, *std::move(next), timestamp_ns);
}

void Raft::Core::AppendConfiguration(Leader& leader, Configuration configuration,
                                     int64_t timestamp_ns) {
  CheckConfiguration(configuration);
  std::vector<Entry> entries(1);
  entries[0].kind = EntryKind::kConfiguration;
  entries[0].timestamp_ns = timestamp_ns;
  entries[0].configuration = std::make_shared<const Configuration>(std::move(configuration));
  AppendAsLeader(leader, std::move(entries));
  if (!mutant::Enabled(mutant::kM33PendingChangeIgnored)) {
    leader.pending_configuration = log_.last_index();
  }
  if (mutant::Enabled(mutant::kM90ConfigurationAtOnce)) {
    const Configuration early = *log_.At(log_.last_index()).configuration;
    if (IsVoter(early, options_.self)) {
      configuration_ = early;
      UpdatePeers(leader);
    }
  }
  SendAppendsToAll(leader);
}

void Raft::Core::ApplyConfiguration(const Configuration& configuration, Index index) {
  CheckConfiguration(configuration);
  CHECK_LE(index, log_.applied());
  configuration_ = configuration;
  effects_.events.emplace_back(ConfigurationChanged{configuration, index});
  // A restart that knew less would go by the old one, whose voters may be gone by then.
  must_save_commit_ = true;
  auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) return;
  UpdatePeers(*leader);
  if (!IsVoter(configuration_, options_.self)) {
    StepDown(*leader);
    return;
  }
  // Fewer voters may need fewer acknowledgements.
  AdvanceCommitAndTell(*leader);
  AdvanceReads(*leader);
  SendAppendsToAll(*leader);
}

void Raft::Core::UpdatePeers(Leader& leader) {
  const std::vector<NodeId> members = Members(configuration_);
  for (auto it = leader.peers.begin(); it != leader.peers.end();) {
    const bool stays = std::binary_search(members.begin(), members.end(), it->first);
    it = stays ? std::next(it) : leader.peers.erase(it);
  }
  const FlowLimits limits{options_.inflight_messages_max, options_.inflight_bytes_max};
  for (NodeId member : members) {
    if (member == options_.self || leader.peers.contains(member)) continue;
    const auto [it, added] =
        leader.peers.try_emplace(member, Progress(log_.last_index() + 1, limits));
    CHECK(added);
    it->second.set_recently_active(true);  // gets an election timeout to show itself
  }
  if (!IsVoter(configuration_, leader.transfer_target)) leader.transfer_target = NodeId(0);
}

void Raft::Core::LeaveJointIfDue(Leader& leader) {
  if (!configuration_.joint() || log_.applied() < leader.pending_configuration) return;
  AppendConfiguration(leader, LeaveJoint(configuration_), log_.last_timestamp_ns());
}

}  // namespace lockstep::raft
