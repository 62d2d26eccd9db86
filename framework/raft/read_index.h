// ReadIndexQueue: linearizable reads on their way through a leader [Raft 8, thesis 6.4].
#ifndef LOCKSTEP_FRAMEWORK_RAFT_READ_INDEX_H_
#define LOCKSTEP_FRAMEWORK_RAFT_READ_INDEX_H_

#include <cstdint>
#include <vector>

#include "framework/raft/quorum.h"
#include "framework/raft/types.h"

namespace lockstep::raft {

// Reads wait, then share a round: the leader notes its commit index and asks everybody by heartbeat
// whether it still leads. At most one round is in flight; reads that arrive meanwhile wait for the
// next, because a follower may have answered this one before they came.
//
// Invariants:
//   1. No round in flight: in_flight_ and confirmed_ are empty.
//   2. confirmed_ is sorted and holds only who answered the round in flight.
// A value; owned by the leader role, so that a round never outlives its term.
class ReadIndexQueue final {
 public:
  struct Read final {
    ReadId id;
    NodeId from;  // who asked: this node or a follower
  };
  struct Round final {
    Index index;
    std::vector<Read> reads;
  };

  void Add(Read read) { waiting_.push_back(read); }
  bool has_waiting() const { return !waiting_.empty(); }
  bool in_flight() const { return !in_flight_.reads.empty(); }
  // The round in flight, 0 if none: to be told with each heartbeat.
  uint64_t round() const { return in_flight() ? round_ : 0; }

  // All waiting reads enter a new round at `commit`, which this node itself confirms.
  // REQUIRES: has_waiting, no round in flight.
  void StartRound(Index commit, NodeId self);
  // Answers to other rounds are dropped.
  void Confirm(NodeId from, uint64_t round);
  // REQUIRES: in_flight.
  bool Confirmed(const Configuration& configuration) const;
  Round FinishRound();

  // Everything that has not been answered, when leadership ends.
  std::vector<Read> TakeAll();

  void CheckInvariants() const;

 private:
  std::vector<Read> waiting_;
  Round in_flight_;
  std::vector<NodeId> confirmed_;
  uint64_t round_ = 0;
};

}  // namespace lockstep::raft

#endif  // LOCKSTEP_FRAMEWORK_RAFT_READ_INDEX_H_
