// ClientTurns: when a client acts, as decisions on the tape.
#ifndef LOCKSTEP_SIM_CLUSTER_CLIENT_TURNS_H_
#define LOCKSTEP_SIM_CLUSTER_CLIENT_TURNS_H_

#include <cstdint>
#include <functional>

#include "framework/base/random.h"
#include "framework/base/time.h"
#include "framework/fiber/scheduler.h"
#include "sim/world.h"

namespace lockstep::sim {

// A turn is one operation of one client. Its number and its instant are one entry of the tape, and
// what it draws depends on its number alone; so a replay may leave turns out and the others stay as
// they were.
// Owned by the Cluster, one per client. Only Await suspends.
class ClientTurns final {
 public:
  ClientTurns(World& world, uint32_t client, std::function<bool()> go_on)
      : world_(world), client_(client), go_on_(std::move(go_on)) {}

  // Waits for as long as the client would like to think, or until the instant of the next turn on
  // the replayed tape. False: there are no more turns.
  bool Await(Fiber& fiber, Duration think);
  // Of the turn that Await returned for; 0, 1, ...
  uint64_t number() const { return next_ - 1; }
  // Randomness of this turn: what to ask, whom, and how long to think afterwards.
  base::SequentialRandom Random() const;

 private:
  World& world_;
  uint32_t client_;
  std::function<bool()> go_on_;
  uint64_t next_ = 0;
  bool started_ = false;
  MonoTime start_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_CLIENT_TURNS_H_
