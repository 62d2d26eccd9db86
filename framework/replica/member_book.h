// MemberBook: the member list as a part of one group's replicated state.
//
// A row of Column::kSystem, written in the transaction of the entry that changed it, so that it is
// in every snapshot and no crash separates it from the applied index.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_MEMBER_BOOK_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_MEMBER_BOOK_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "framework/machine/ordered_store.h"
#include "framework/raft/types.h"
#include "framework/replica/member_list.h"

namespace lockstep::replica {

// Owned by the Applier, used by its fiber only; the list may be shared with whoever asks. Suspends
// only in Load.
class MemberBook final {
 public:
  // `initial`: what holds before the first entry.
  explicit MemberBook(MemberList initial)
      : initial_(std::move(initial)), list_(std::make_shared<const MemberList>(initial_)) {}

  // Replaces the list by what the view holds.
  absl::Status Load(Fiber& fiber, const machine::StoreView& view);
  // Grants or refuses an encoded MemberChange; its result.
  std::string Apply(std::string_view change, const raft::Configuration& configuration);
  // Writes what changed. Once per batch, before its commit.
  void FinishBatch(machine::StoreTransaction& store);

  const std::shared_ptr<const MemberList>& list() const { return list_; }

 private:
  MemberList initial_;
  std::shared_ptr<const MemberList> list_;
  bool is_stored_ = false;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_MEMBER_BOOK_H_
