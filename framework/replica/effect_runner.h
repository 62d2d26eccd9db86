// EffectRunner: the only code that orders what a step of the core asks for.
//
//   1. start persisting, 2. send what need not wait, 3. once durable: send what waited for it,
//   4. apply what is committed and durable here, 5. release reads and report events.
//
// Invariants:
//   1. A message bound to write w leaves only after the log reported w (or a later write) durable.
//   2. Nothing is applied before this node's own log holds it durably (the core hands over no other
//      entries; snapshots wait here): the state, once flushed, never runs ahead of the log.
//   3. Messages, entries and snapshots keep the order in which the core produced them.
// Owned by the Replica; nothing here suspends.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_EFFECT_RUNNER_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_EFFECT_RUNNER_H_

#include <deque>
#include <optional>
#include <vector>

#include "framework/raft/raft.h"
#include "framework/replica/applier.h"
#include "framework/replica/log.h"
#include "framework/replica/observer.h"

namespace lockstep::replica {

// Where a replica's messages go. Never suspends; may drop, as a network does.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  virtual void Send(GroupId group, raft::Message message) = 0;
};

// What the replica makes of effects that concern nobody else. Nothing suspends.
class EffectListener {
 public:
  virtual ~EffectListener() = default;
  virtual void OnReads(std::vector<raft::ReadReady> ready, std::vector<raft::ReadId> failed) = 0;
  virtual void OnSnapshotWanted(NodeId follower) = 0;
  virtual void OnEvent(const raft::Event& event) = 0;
};

class EffectRunner final : public LogClient {
 public:
  struct Parts {
    GroupId group;
    raft::Raft& raft;
    Log& log;
    MessageSink& messages;
    Applier& applier;
    EffectListener& listener;
    ReplicaObserver* observer;  // may be null
  };

  explicit EffectRunner(const Parts& parts) : parts_(parts) {}

  // Carries out the effects of one step. Whoever steps the core calls this with what it returned,
  // before it steps the core again.
  void Run(raft::Effects effects);

  // LogClient
  void OnDurable(raft::WriteId id) override;
  std::optional<raft::Persist> WholeLog() override;

 private:
  // Something for the applier, once write `after` is durable.
  struct Apply {
    raft::WriteId after;
    std::optional<raft::SnapshotMeta> install;
    std::vector<raft::Entry> entries;
  };

  void StartPersist(raft::Persist persist);
  void Send(raft::Message message);
  void ReleaseWaiting();

  Parts parts_;
  raft::WriteId durable_;
  raft::WriteId issued_;
  std::deque<raft::MessageAfter> waiting_messages_;
  std::deque<Apply> waiting_applies_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_EFFECT_RUNNER_H_
