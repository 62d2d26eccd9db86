// Leases: reads without a round while nobody else can have been elected [thesis 6.4.1].
//
// Whoever answers a heartbeat promises, for a time by his own clock that begins when the heartbeat
// came, to help nobody else to be elected, himself included. The leader counts the promise from
// before it sent the heartbeat, by its own clock, shortened by what two clocks may differ in speed;
// so its end comes first at the leader, however long messages took. Every quorum that could elect
// somebody has a voter of the quorum that promised.
//
// Promises are kept whatever else this node hears meanwhile, a higher term for one. Only the leader
// itself lifts them: who is asked to campaign by it is voted for. It holds no lease from then on.
#include <algorithm>
#include <optional>
#include <variant>

#include "framework/raft/core.h"
#include "framework/raft/marks.h"
#include "framework/raft/mutants.h"

namespace lockstep::raft {
namespace {

// Nobody's election timeout is longer; keeps the arithmetic within its bounds.
constexpr int64_t kPromiseNsMax = int64_t{3600} * 1'000'000'000;
constexpr int64_t kMillion = 1'000'000;

}  // namespace

void Raft::Core::Promise(const Heartbeat& heartbeat, HeartbeatReply& reply) {
  if (options_.lease_ns <= 0 || heartbeat.stamp_ns <= 0) return;
  vitals_.promised_until_ns =
      std::max(vitals_.promised_until_ns, vitals_.now_ns + options_.lease_ns);
  reply.stamp_ns = heartbeat.stamp_ns;
  reply.promise_ns = options_.lease_ns;
}

void Raft::Core::NotePromise(Progress& progress, const HeartbeatReply& reply) const {
  const bool is_good = reply.promise_ns > 0 && reply.promise_ns <= kPromiseNsMax &&
                       reply.stamp_ns > 0 && reply.stamp_ns <= vitals_.now_ns;
  if (!is_good) return;
  // Planted bugs: M140 counts from the answer, M142 trusts the clocks.
  const bool from_answer = mutant::Enabled(mutant::kM140LeaseFromReceipt);
  const bool trusts = mutant::Enabled(mutant::kM142LeaseIgnoresDrift);
  const int64_t begin = from_answer ? vitals_.now_ns : reply.stamp_ns;
  const int64_t slow = trusts ? 0 : std::min<int64_t>(options_.lease_drift_ppm, kMillion);
  progress.PromisedUntil(begin + reply.promise_ns * (kMillion - slow) / kMillion);
}

bool Raft::Core::LeaseHolds(const Leader& leader) const {
  if (options_.lease_ns <= 0 || leader.lease_given_up || log_.commit() < leader.noop) return false;
  const auto promised = [&](NodeId voter) -> std::optional<bool> {
    if (voter == options_.self) return true;
    const auto peer = leader.peers.find(voter);
    return peer != leader.peers.end() && vitals_.now_ns < peer->second.promised_until_ns();
  };
  return Outcome(configuration_, promised) == VoteOutcome::kWon;
}

bool Raft::Core::has_lease() const {
  const auto* leader = std::get_if<Leader>(&role_);
  return leader != nullptr && LeaseHolds(*leader);
}

}  // namespace lockstep::raft
