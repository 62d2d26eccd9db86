// Revision: the name of one change. `main` counts the requests that changed something, `sub` the
// changes inside one of them, from 0.
#ifndef LOCKSTEP_KV_REVISION_H_
#define LOCKSTEP_KV_REVISION_H_

#include <compare>
#include <cstdint>
#include <limits>

namespace lockstep::kv {

struct Revision final {
  int64_t main = 0;
  int64_t sub = 0;

  auto operator<=>(const Revision&) const = default;
};

// The revision of a store that was never written to; the first change is the next one.
inline constexpr int64_t kFirstRevision = 1;
// The compacted revision of a store that was never compacted: Compact(0) is still news to it.
inline constexpr int64_t kNeverCompacted = -1;
// Changes inside one revision are numbered in 32 bits.
inline constexpr int64_t kSubRevisionMax = std::numeric_limits<uint32_t>::max();

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_REVISION_H_
