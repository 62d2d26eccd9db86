#include "framework/raft/read_index.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "framework/base/check.h"

namespace lockstep::raft {

void ReadIndexQueue::StartRound(Index commit, NodeId self) {
  CHECK(has_waiting());
  CHECK(!in_flight());
  ++round_;
  in_flight_.index = commit;
  in_flight_.reads = std::exchange(waiting_, {});
  confirmed_.assign(1, self);
}

void ReadIndexQueue::Confirm(NodeId from, uint64_t round) {
  if (!in_flight() || round != round_) return;
  const auto at = std::lower_bound(confirmed_.begin(), confirmed_.end(), from);
  if (at == confirmed_.end() || *at != from) confirmed_.insert(at, from);
}

bool ReadIndexQueue::Confirmed(const Configuration& configuration) const {
  CHECK(in_flight());
  const VoteOutcome outcome = Outcome(configuration, [this](NodeId voter) -> std::optional<bool> {
    if (std::binary_search(confirmed_.begin(), confirmed_.end(), voter)) return true;
    return std::nullopt;
  });
  return outcome == VoteOutcome::kWon;
}

ReadIndexQueue::Round ReadIndexQueue::FinishRound() {
  CHECK(in_flight());
  CHECK(!confirmed_.empty());
  confirmed_.clear();
  return std::exchange(in_flight_, {});
}

std::vector<ReadIndexQueue::Read> ReadIndexQueue::TakeAll() {
  std::vector<Read> reads = std::exchange(in_flight_, {}).reads;
  reads.insert(reads.end(), waiting_.begin(), waiting_.end());
  waiting_.clear();
  confirmed_.clear();
  return reads;
}

void ReadIndexQueue::CheckInvariants() const {
  CHECK(std::is_sorted(confirmed_.begin(), confirmed_.end()));
  CHECK_EQ(in_flight(), !confirmed_.empty());
}

}  // namespace lockstep::raft
