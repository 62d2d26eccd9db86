// Reads: linearizable reads of one group, many to a round.
//
// Reads that arrive while a round is under way wait for the next; so one round at a time is in the
// core, whatever the rate [thesis 6.4].
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_READS_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_READS_H_

#include <memory>
#include <optional>

#include "framework/fiber/sync.h"
#include "framework/raft/raft.h"

namespace lockstep::replica {

// Owned by the Replica.
class Reads final {
 public:
  // Suspends until an index is known at which a read is linearizable, or the deadline (nothing).
  std::optional<raft::Index> Await(Fiber& fiber, MonoTime deadline);

  // An index at which a read reflects everything that was acknowledged `age` before `now`, if a
  // round that began then or later has told. Asks for another round in good time.
  std::optional<raft::Index> ConfirmedWithin(MonoTime now, Duration age);
  // Planted bug M143.
  void Pretend(MonoTime now, raft::Index index) { newest_ = {now, index}; }

  // The id of a round to start now, if reads wait and none is under way.
  std::optional<raft::ReadId> StartRound(MonoTime now);
  // Woken when reads wait and none is under way.
  fiber::WaitQueue& work() { return work_; }
  bool has_work() const { return !running_ && waiting_; }

  // Whether the last round ended without an index: pause before the next.
  bool last_failed() const { return last_failed_; }

  // What the core said of a round. Others than the one under way are stale.
  void OnReady(const raft::ReadReady& ready);
  // The reads of the round go into the next one.
  void OnFailed(raft::ReadId id);

 private:
  struct Round {
    fiber::Event done;
    bool failed = false;
    raft::Index index;
  };

  // What a round told: at `asked`, before it began, nothing behind `index` had been acknowledged.
  struct Confirmed {
    MonoTime asked;
    raft::Index index;
  };

  std::shared_ptr<Round> waiting_;  // the next round's readers; shared with their fibers
  std::shared_ptr<Round> running_;
  raft::ReadId running_id_;
  MonoTime running_asked_;
  std::optional<Confirmed> newest_;
  raft::ReadId next_id_{1};
  bool last_failed_ = false;
  fiber::WaitQueue work_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_READS_H_
