#include "checkers/monitors/lease_monitor.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace lockstep::checkers {
namespace {

Violation Broken(const char* promise, int64_t lease, const std::string& text) {
  return {absl::StrCat("lease: ", promise), text, absl::StrCat("lease ", lease)};
}

}  // namespace

std::optional<Violation> LeaseMonitor::OnGranted(int64_t id, int64_t time_to_live, int64_t called,
                                                 int64_t returned) {
  const auto [at, is_new] = leases_.try_emplace(id);
  Lease& lease = at->second;
  if (!is_new && lease.time_to_live != 0) {
    return Broken("dead", id, absl::StrCat("it was granted at ", returned, " a second time"));
  }
  lease.time_to_live = time_to_live;
  lease.extended = called;
  lease.latest = std::max(lease.latest, returned);
  return std::nullopt;
}

void LeaseMonitor::OnKeepAliveSent(int64_t id, int64_t now) {
  // It may arrive at any time until it is answered or given up.
  leases_[id].latest = std::max(leases_[id].latest, now);
}

std::optional<Violation> LeaseMonitor::OnKeptAlive(int64_t id, int64_t called, int64_t returned) {
  Lease& lease = leases_[id];
  if (lease.ended && *lease.ended < called) {
    return Broken(
        "dead", id,
        absl::StrCat("it ended at ", *lease.ended, " and was kept alive by a call at ", called));
  }
  lease.extended = std::max(lease.extended, called);
  lease.latest = std::max(lease.latest, returned);
  return std::nullopt;
}

std::optional<Violation> LeaseMonitor::OnEnded(int64_t id, const std::vector<std::string>& keys,
                                               int64_t now) {
  Lease& lease = leases_[id];
  if (lease.ended) return Broken("dead", id, absl::StrCat("it ended twice, at ", now));
  lease.ended = now;
  const int64_t earliest =
      lease.extended + lease.time_to_live * (100 - bounds_.drift_percent) / 100;
  if (!lease.revoke_sent && now < earliest) {
    return Broken(
        "not early", id,
        absl::StrCat("it ended at ", now, ", before ", earliest, ": it was extended by a call at ",
                     lease.extended, " for ", lease.time_to_live));
  }
  const absl::btree_set<std::string> gone(keys.begin(), keys.end());
  for (const std::string& key : lease.keys) {
    if (gone.contains(key)) continue;
    return Broken("together", id,
                  absl::StrCat("it ended at ", now, " and its key ", key, " stayed"));
  }
  for (const std::string& key : gone) {
    if (lease.keys.contains(key)) continue;
    return Broken("together", id,
                  absl::StrCat("it ended at ", now, " and took ", key, ", which was not its"));
  }
  return std::nullopt;
}

std::optional<Violation> LeaseMonitor::OnTime(int64_t now) {
  for (const auto& [id, lease] : leases_) {
    if (lease.ended || lease.time_to_live == 0) continue;
    const int64_t latest =
        lease.latest + lease.time_to_live * (100 + bounds_.drift_percent) / 100 + bounds_.slack;
    if (now <= latest) continue;
    return Broken(
        "not late", id,
        absl::StrCat("it is still there at ", now, " and should have ended by ", latest,
                     ": it was last extended at ", lease.latest, " for ", lease.time_to_live));
  }
  return std::nullopt;
}

std::optional<Violation> HoldMonitor::OnAcquired(uint64_t client, int64_t token, int64_t now,
                                                 int64_t expires) {
  const std::string where = absl::StrCat("client ", client);
  if (hold_ && hold_->client != client && now < hold_->expires) {
    return Violation{
        "lock: exclusive",
        absl::StrCat(
            "client ", client, " was told at ", now, " that it holds the lock, which client ",
            hold_->client, " holds",
            hold_->expires == INT64_MAX ? std::string() : absl::StrCat(" until ", hold_->expires)),
        where};
  }
  if (token <= newest_token_) {
    return Violation{"lock: fenced",
                     absl::StrCat("client ", client, " got the token ", token, " after the token ",
                                  newest_token_, " had been given"),
                     where};
  }
  newest_token_ = token;
  hold_ = Hold{client, token, expires};
  return std::nullopt;
}

void HoldMonitor::OnExtended(uint64_t client, int64_t expires) {
  if (hold_ && hold_->client == client) hold_->expires = std::max(hold_->expires, expires);
}

void HoldMonitor::OnReleaseSent(uint64_t client) {
  if (hold_ && hold_->client == client) hold_.reset();
}

std::optional<Violation> HoldMonitor::OnProtectedWrite(uint64_t client, int64_t token) {
  if (token < newest_used_) {
    return Violation{"lock: fenced",
                     absl::StrCat("client ", client, " wrote under the token ", token,
                                  " after a write under the token ", newest_used_),
                     absl::StrCat("client ", client)};
  }
  newest_used_ = token;
  return std::nullopt;
}

}  // namespace lockstep::checkers
