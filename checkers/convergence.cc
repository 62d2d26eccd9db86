#include "checkers/convergence.h"

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::checkers {
namespace {

std::string Describe(const ReplicaDigest& replica) {
  return absl::StrCat("node ", replica.node.value(), " has digest ", absl::Hex(replica.digest),
                      " at index ", replica.applied.value());
}

}  // namespace

std::optional<Violation> Convergence::Observe(const ReplicaDigest& seen) {
  const auto [at, is_new] = first_seen_.try_emplace(seen.applied, seen);
  if (!is_new && at->second.digest != seen.digest) {
    return Violation{"convergence", Describe(at->second) + " and " + Describe(seen),
                     absl::StrCat("index ", seen.applied.value())};
  }
  if (first_seen_.size() > remembered_max_) first_seen_.erase(first_seen_.begin());
  return std::nullopt;
}

std::optional<Violation> Convergence::CheckQuiescent(const std::vector<ReplicaDigest>& replicas,
                                                     raft::Index applied_min) {
  CHECK(!replicas.empty());
  for (const ReplicaDigest& replica : replicas) {
    if (replica.applied < applied_min) {
      return Violation{"convergence",
                       absl::StrCat(Describe(replica), " after quiescence, and index ",
                                    applied_min.value(), " was acknowledged"),
                       absl::StrCat("node ", replica.node.value())};
    }
    if (replica.applied != replicas[0].applied) {
      return Violation{
          "convergence",
          absl::StrCat(Describe(replicas[0]), " and ", Describe(replica), " after quiescence"),
          absl::StrCat("node ", replica.node.value())};
    }
    if (std::optional<Violation> found = Observe(replica)) return found;
  }
  return std::nullopt;
}

}  // namespace lockstep::checkers
