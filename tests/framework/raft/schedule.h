// Random schedules: what may happen to a cluster, one word per event.
#ifndef LOCKSTEP_TESTS_FRAMEWORK_RAFT_SCHEDULE_H_
#define LOCKSTEP_TESTS_FRAMEWORK_RAFT_SCHEDULE_H_

#include <cstdint>
#include <vector>

#include "framework/base/random.h"
#include "tests/framework/raft/safety.h"
#include "tests/framework/raft/support.h"

namespace lockstep::raft::testing {

// A cluster under a schedule: messages are lost, repeated and reordered, writes delayed, nodes
// crash and restart from what is durable, leadership moves, members change, groups fall silent.
// Every other seed has leases, and clocks that differ within what is declared.
class Schedule final {
 public:
  enum class Members { kFixed, kChanging };

  Schedule(uint64_t voters, uint64_t seed, Members members);

  // Plays one event; equal words mean the same kind of event.
  void Play(uint32_t word);
  // Heals everything and asks for progress. False if a command does not reach all members in time.
  bool Recovers();

  Safety& safety() { return safety_; }
  Cluster& cluster() { return cluster_; }

 private:
  void PlayNetwork(base::SequentialRandom& random);
  void PlayNode(uint64_t id, base::SequentialRandom& random);
  void PlayLeader(base::SequentialRandom& random);
  void PlayCrash(uint64_t id);
  void ChangeMembers(uint64_t leader, base::SequentialRandom& random);

  Cluster cluster_;
  Safety safety_;
  Members members_;
  int64_t now_ns_ = 0;  // true time
  uint64_t reads_ = 0;
  uint64_t commands_ = 0;
};

}  // namespace lockstep::raft::testing

#endif  // LOCKSTEP_TESTS_FRAMEWORK_RAFT_SCHEDULE_H_
