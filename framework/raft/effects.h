// What one step of the core asks its driver to do.
#ifndef LOCKSTEP_FRAMEWORK_RAFT_EFFECTS_H_
#define LOCKSTEP_FRAMEWORK_RAFT_EFFECTS_H_

#include <optional>
#include <variant>
#include <vector>

#include "framework/raft/message.h"

namespace lockstep::raft {

// One write to the log, to be carried out in order of `id`. When it (and with it every earlier
// one) is durable, the driver calls Persisted(id). Content, in this order:
//   snapshot: the log now starts after snapshot->index; everything before or beside it is gone;
//   entries: contiguous; whatever the log holds from entries.front().index on is replaced;
//   hard_state: if present, the newest.
struct Persist final {
  WriteId id;
  std::optional<SnapshotMeta> snapshot;
  std::vector<Entry> entries;
  std::optional<HardState> hard_state;
};

// A message that must not leave before write `after` is durable (0: nothing to wait for).
struct MessageAfter final {
  WriteId after;
  Message message;
};

// The read `id` may be answered once the state machine has applied `index`.
struct ReadReady final {
  ReadId id;
  Index index;
};

struct RoleChanged final {
  Role role;
  Term term;
};
struct LeaderChanged final {
  NodeId leader;  // 0: unknown
  Term term;
};
struct ConfigurationChanged final {
  Configuration configuration;
  Index index;
};
// This leader leaves because its disk does not keep up while the others' do.
struct DiskStalled final {
  Term term;
};
using Event = std::variant<RoleChanged, LeaderChanged, ConfigurationChanged, DiskStalled>;

// Why a proposal was not appended.
enum class ProposeRefusal {
  kNone,
  kNotLeader,
  kTransferring,          // leadership is being handed over
  kTooMuchUncommitted,    // byte limit of uncommitted entries
  kConfigurationPending,  // another configuration change is not applied yet
  kBadConfiguration,      // no voters left, learner equals voter, ...
};

struct ProposeOutcome final {
  ProposeRefusal refusal = ProposeRefusal::kNone;
  // The first of the consecutive indices that the proposals got, and their term.
  Index first_index;
  Term term;
};

// The driver's order (framework/replica/effect_runner.cc): start `persist` and send `send_now`;
// once durable, send what waited for it; apply `committed`; release `reads`.
struct Effects final {
  std::vector<Message> send_now;
  std::vector<MessageAfter> send_after_persist;
  std::optional<Persist> persist;
  // Next entries for the state machine: contiguous, each exactly once, all committed and durable
  // here, so that a state machine never gets ahead of the log that it restarts with. (After a
  // restart they start behind the applied index that the core was made with.)
  std::vector<Entry> committed;
  // A snapshot replaces the state machine before any later entry is applied. Its data is already
  // durable here. Comes together with persist->snapshot; install only after that is durable.
  std::optional<SnapshotMeta> install_snapshot;
  std::vector<ReadReady> reads;
  std::vector<ReadId> reads_failed;  // leadership lost or no quorum: ask again
  // Followers that need a snapshot: stream one, then call SnapshotSent.
  std::vector<NodeId> send_snapshot_to;
  std::vector<Event> events;
  ProposeOutcome proposed;  // of Propose and ProposeConfiguration

  bool empty() const {
    return send_now.empty() && send_after_persist.empty() && !persist && committed.empty() &&
           !install_snapshot && reads.empty() && reads_failed.empty() && send_snapshot_to.empty() &&
           events.empty();
  }
};

}  // namespace lockstep::raft

#endif  // LOCKSTEP_FRAMEWORK_RAFT_EFFECTS_H_
