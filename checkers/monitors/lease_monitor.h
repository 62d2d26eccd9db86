// LeaseMonitor and HoldMonitor: who may rely on what for how long, in true time.
//
// Times are of one observer that sees everything (a simulation); clocks of nodes may be off by
// `drift` per cent, and whoever extends a lease may take `slack`.
#ifndef LOCKSTEP_CHECKERS_MONITORS_LEASE_MONITOR_H_
#define LOCKSTEP_CHECKERS_MONITORS_LEASE_MONITOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "checkers/violation.h"

namespace lockstep::checkers {

struct LeaseBounds final {
  int64_t drift_percent = 0;  // how much faster or slower than true time a clock may run
  int64_t slack = 0;          // how late an expiry may come: an election, a round of the loop
};

//   not early   a lease ends no earlier than its time to live after the call of the last grant or
//               keep-alive that was answered;
//   not late    it ends at the latest after that time from the last keep-alive that was sent, and
//               slack;
//   together    all its keys end in one revision;
//   dead        after its end it is not kept alive again, and its number is not granted again.
class LeaseMonitor final {
 public:
  explicit LeaseMonitor(const LeaseBounds& bounds) : bounds_(bounds) {}

  // A grant was answered.
  std::optional<Violation> OnGranted(int64_t lease, int64_t time_to_live, int64_t called,
                                     int64_t returned);
  // A keep-alive was sent; and: answered with success.
  void OnKeepAliveSent(int64_t lease, int64_t now);
  std::optional<Violation> OnKeptAlive(int64_t lease, int64_t called, int64_t returned);
  void OnRevokeSent(int64_t lease) { leases_[lease].revoke_sent = true; }
  void OnAttached(int64_t lease, const std::string& key) { leases_[lease].keys.insert(key); }
  void OnDetached(int64_t lease, const std::string& key) { leases_[lease].keys.erase(key); }
  // The store deleted `keys` in one revision because the lease ended.
  std::optional<Violation> OnEnded(int64_t lease, const std::vector<std::string>& keys,
                                   int64_t now);
  // Time has come so far: what should have ended by now?
  std::optional<Violation> OnTime(int64_t now);

 private:
  struct Lease {
    int64_t time_to_live = 0;
    int64_t extended = INT64_MIN;  // the call of the last answered grant or keep-alive
    int64_t latest = INT64_MIN;    // when the holder last could have extended it
    bool revoke_sent = false;
    std::optional<int64_t> ended;
    absl::btree_set<std::string> keys;
  };

  const LeaseBounds bounds_;
  absl::btree_map<int64_t, Lease> leases_;
};

//   exclusive   from the answer of its acquire until it calls release, or until its lease may have
//               ended, nobody else holds the lock;
//   fenced      tokens grow from holder to holder, and nothing is written under an older token
//   after
//               a newer one was used.
class HoldMonitor final {
 public:
  // `expires`: the earliest time at which the hold may end by itself.
  std::optional<Violation> OnAcquired(uint64_t client, int64_t token, int64_t now,
                                      int64_t expires = INT64_MAX);
  void OnExtended(uint64_t client, int64_t expires);
  void OnReleaseSent(uint64_t client);
  // A write that the lock protects took effect under `token`.
  std::optional<Violation> OnProtectedWrite(uint64_t client, int64_t token);

 private:
  struct Hold {
    uint64_t client;
    int64_t token;
    int64_t expires;
  };
  std::optional<Hold> hold_;
  int64_t newest_token_ = INT64_MIN;
  int64_t newest_used_ = INT64_MIN;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_MONITORS_LEASE_MONITOR_H_
