// Convergence: replicas that have applied the same entries have the same state.
//
// Fed with (applied index, digest of the state) of each replica of one group, during the run as
// often as digests are computed, and once at the end, when everything has come to rest.
#ifndef LOCKSTEP_CHECKERS_CONVERGENCE_H_
#define LOCKSTEP_CHECKERS_CONVERGENCE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "checkers/violation.h"
#include "framework/base/ids.h"
#include "framework/raft/types.h"

namespace lockstep::checkers {

struct ReplicaDigest final {
  NodeId node;
  raft::Index applied;
  uint64_t digest = 0;
};

class Convergence final {
 public:
  // Remembers the digests of this many indices, the highest ones.
  explicit Convergence(size_t remembered_max = 65536) : remembered_max_(remembered_max) {}

  std::optional<Violation> Observe(const ReplicaDigest& seen);

  // After quiescence: all at one index with one digest. `applied_min` is what must have been
  // applied by then: nothing that was acknowledged may be missing everywhere.
  std::optional<Violation> CheckQuiescent(const std::vector<ReplicaDigest>& replicas,
                                          raft::Index applied_min);

 private:
  const size_t remembered_max_;
  std::map<raft::Index, ReplicaDigest> first_seen_;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_CONVERGENCE_H_
