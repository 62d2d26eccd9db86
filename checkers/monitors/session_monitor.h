// SessionMonitor: what one client may rely on from its own operations, also where it reads stale
// data on purpose [Terry et al., "Session guarantees", 1994]. One step per finished operation.
#ifndef LOCKSTEP_CHECKERS_MONITORS_SESSION_MONITOR_H_
#define LOCKSTEP_CHECKERS_MONITORS_SESSION_MONITOR_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/btree_map.h"
#include "checkers/violation.h"

namespace lockstep::checkers {

// In each session, in the order of its operations:
//   read your writes      a read is as of the session's last write, or later;
//   monotonic reads       as of the last read, or later;
//   monotonic writes      a write is behind the last write;
//   writes follow reads   and behind everything that was read.
// Memory: two revisions per session.
class SessionMonitor final {
 public:
  // The answer shows the store as of `revision`.
  std::optional<Violation> OnRead(uint64_t session, int64_t revision);
  // The write got `revision`.
  std::optional<Violation> OnWrite(uint64_t session, int64_t revision);

 private:
  struct Session {
    int64_t read = 0;
    int64_t written = 0;
  };
  absl::btree_map<uint64_t, Session> sessions_;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_MONITORS_SESSION_MONITOR_H_
