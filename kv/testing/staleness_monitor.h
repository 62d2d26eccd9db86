// StalenessMonitor: no answer is older than its client allowed.
#ifndef LOCKSTEP_KV_TESTING_STALENESS_MONITOR_H_
#define LOCKSTEP_KV_TESTING_STALENESS_MONITOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkers/violation.h"
#include "framework/base/time.h"

namespace lockstep::kv {

// Whatever revision anybody was told before the allowed age before the call, the answer has to
// reflect. Ages are measured in true time; a node measures on its own clock, which may be slow.
//
// Invariants: known_ rises in time and revision. A value; nothing here suspends.
class StalenessMonitor final {
 public:
  // An answer from that revision came.
  void OnKnown(int64_t now_ns, int64_t revision);
  // A read that was called then and allowed that age was answered from `revision`.
  std::optional<checkers::Violation> Check(int64_t called_ns, Duration allowed, int64_t drift_ppm,
                                           int64_t revision, const std::string& what) const;

 private:
  struct Known {
    int64_t at_ns;
    int64_t revision;
  };
  std::vector<Known> known_;
};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_TESTING_STALENESS_MONITOR_H_
