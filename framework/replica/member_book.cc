#include "framework/replica/member_book.h"

#include <utility>

#include "framework/base/status_macros.h"
#include "framework/replica/keys.h"
#include "framework/replica/member_change.h"

namespace lockstep::replica {

absl::Status MemberBook::Load(Fiber& fiber, const machine::StoreView& view) {
  ASSIGN_OR_RETURN(const auto row, view.Get(fiber, machine::Column::kSystem, kMembersKey));
  is_stored_ = row.has_value();
  if (!row) {
    list_ = std::make_shared<const MemberList>(initial_);
    return absl::OkStatus();
  }
  auto list = DecodeMemberList(*row);
  if (!list.ok()) return absl::DataLossError(list.status().message());
  list_ = std::make_shared<const MemberList>(*std::move(list));
  return absl::OkStatus();
}

std::string MemberBook::Apply(std::string_view change, const raft::Configuration& configuration) {
  MemberList list = *list_;
  const MemberRefusal refusal = Grant(change, configuration, list);
  if (list.version != list_->version) {
    list_ = std::make_shared<const MemberList>(std::move(list));
    is_stored_ = false;
  }
  return EncodeRefusal(refusal);
}

void MemberBook::FinishBatch(machine::StoreTransaction& store) {
  if (is_stored_) return;
  store.Put(machine::Column::kSystem, kMembersKey, EncodeMemberList(*list_));
  is_stored_ = true;
}

}  // namespace lockstep::replica
