#include "kv/members.h"

#include <string>
#include <string_view>

#include "kv/key_codec.h"
#include "kv/proto/rpc.pb.h"

namespace lockstep::kv {
namespace {

constexpr size_t kMemberBytesMax = 64 * 1024;

}  // namespace

Verdict StoreMember(const etcdserverpb::Member& member, machine::StoreTransaction& store) {
  if (member.id() == 0 || member.ByteSizeLong() > kMemberBytesMax) return &kUnknownCommand;
  store.Put(machine::Column::kPrimary, MemberKey(member.id()), member.SerializeAsString());
  return nullptr;
}

absl::Status ReadMembers(Fiber& fiber, const machine::StoreView& view,
                         etcdserverpb::MemberListResponse& response) {
  const auto row = view.NewIterator(machine::Column::kPrimary);
  for (row->Seek(fiber, kMemberPrefix); row->Valid(); row->Next(fiber)) {
    if (!row->key().starts_with(kMemberPrefix)) break;
    const std::string_view value = row->value();
    if (!response.add_members()->ParseFromArray(value.data(), static_cast<int>(value.size()))) {
      return absl::DataLossError("a malformed member row");
    }
  }
  return row->status();
}

}  // namespace lockstep::kv
