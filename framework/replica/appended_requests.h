// AppendedRequests: which requests a leader has in its log and not applied yet.
//
// Whoever waits for an answer sends its request again. A copy of what the log holds already would
// be applied as a duplicate, and take as much room: with every leader that is slow to answer, the
// log would grow by all that is waited for, again and again.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_APPENDED_REQUESTS_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_APPENDED_REQUESTS_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "framework/base/ids.h"
#include "framework/replica/applier.h"
#include "framework/wire/frames.h"

namespace lockstep::replica {

// Invariants: what is here was appended in the current term of leadership, so it will be applied as
// long as this replica leads; whoever leads next is sent everything again.
// Owned by the Replica. Nothing here suspends.
class AppendedRequests final {
 public:
  // Takes away the items that are in the log. Registrations (number 0) are small, and stay.
  void DropKnown(SessionId session, std::vector<wire::ForwardItem>& items) const {
    std::erase_if(items, [&](const wire::ForwardItem& item) {
      return requests_.contains({session, item.number});
    });
  }
  // They were appended.
  void Add(SessionId session, const std::vector<RequestNumber>& numbers) {
    for (const RequestNumber number : numbers) {
      if (number != RequestNumber(0)) requests_.insert({session, number});
    }
  }
  void OnApplied(const std::vector<AppliedRequest>& applied) {
    if (requests_.empty()) return;
    for (const AppliedRequest& one : applied) requests_.erase({one.session, one.number});
  }
  // Who leads, or in which term, has changed.
  void Clear() { requests_.clear(); }

  size_t size() const { return requests_.size(); }

 private:
  absl::btree_set<std::pair<SessionId, RequestNumber>> requests_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_APPENDED_REQUESTS_H_
