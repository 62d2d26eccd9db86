// Whether nodes hold no more than they may.
#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "framework/base/limits.h"
#include "sim/cluster/cluster.h"

namespace lockstep::sim {
namespace {

// The largest request of the workloads, as an entry; and what that adds to it.
constexpr uint64_t kRequestBytes = 4096;
constexpr uint64_t kEnvelopeBytes = 64;

std::string Beyond(const char* what, uint64_t held, uint64_t bound) {
  return held <= bound ? "" : absl::StrCat(held, " ", what, ", the bound is ", bound);
}

}  // namespace

void Cluster::CheckBounds() {
  for (auto& node : nodes_) {
    replica::Replica* replica = ReplicaOf(*node, kGroup);
    if (replica == nullptr) continue;
    const replica::HeldBytes held = replica->held();
    // What is taken at once may be more than there is room for: an append, a forward.
    const uint64_t at_once =
        std::max<uint64_t>(world_.rates().append_bytes_max, held.pending_max) + kRequestBytes;
    std::string beyond = Beyond("bytes of log in memory", held.log, held.log_max + at_once);
    if (beyond.empty()) {
      // A single one may be larger than the bound.
      const bool is_one = held.pending_count <= 1;
      const uint64_t more = is_one ? kRequestBytes : kEnvelopeBytes;
      beyond = Beyond("bytes of requests", held.pending, held.pending_max + more);
    }
    if (beyond.empty()) {
      beyond = Beyond("requests", held.pending_count, held.pending_count_max);
    }
    if (beyond.empty()) continue;
    oracle_.Report(checkers::Violation{
        "memory", absl::StrCat("node ", node->id().value(), " holds ", beyond), "cluster"});
    return;
  }
}

}  // namespace lockstep::sim
