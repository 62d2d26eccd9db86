#include "framework/replica/node_members.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/replica/mutants.h"

namespace lockstep::replica {
namespace {

using wire::HelloRefusal;

absl::Status Removed() {
  return absl::FailedPreconditionError(
      "this member was removed from the cluster, for good: to bring this machine back, empty its "
      "--data-dir, add it as a new member (lockstep member add) and start it with "
      "--initial-cluster-state existing");
}

absl::Status Wiped() {
  return absl::FailedPreconditionError(
      "the cluster knows this member under another data directory, and what it had promised with "
      "that one is lost: remove it (lockstep member remove), add it again (lockstep member add) "
      "and start it with an empty --data-dir and --initial-cluster-state existing; or start it "
      "with its old --data-dir");
}

}  // namespace

bool NodeMembers::SetList(std::shared_ptr<const MemberList> list, Source source) {
  if (list == nullptr || (list_ != nullptr && list->version < list_->version)) return false;
  if (list_ != nullptr && list->version == list_->version) {
    if (source == Source::kOwnGroup) source_ = source;
    return false;
  }
  list_ = std::move(list);
  source_ = source;
  std::erase_if(guests_, [&](const auto& guest) { return Knows(guest.first); });
  return true;
}

void NodeMembers::AddGuest(NodeId node, std::string address) {
  if (node == self_.node || Knows(node) || address.empty()) return;
  if (guests_.size() >= kGuestsMax && !guests_.contains(node)) guests_.erase(guests_.begin());
  guests_[node] = std::move(address);
}

bool NodeMembers::IsGone(NodeId node) const {
  // (A shard without groups cannot tell.)
  return source_ == Source::kOwnGroup && list_ != nullptr && list_->FindRemoved(node) != nullptr &&
         !configured_.empty() && !configured_.contains(node);
}

uint64_t NodeMembers::DirectoryOf(NodeId node) const {
  const Member* member = list_ == nullptr ? nullptr : list_->FindAny(node);
  const uint64_t listed = member == nullptr ? 0 : member->directory(self_.shard);
  return listed != 0 ? listed : records_.Find(node);
}

bool NodeMembers::HasOtherDirectory(NodeId node, uint64_t directory) const {
  if (mutant::Enabled(mutant::kM42WipedNodeLetIn)) return false;
  const uint64_t known = DirectoryOf(node);
  return known != 0 && known != directory;
}

NodeMembers::Verdict NodeMembers::Admit(const wire::Hello& hello) const {
  if (hello.cluster != self_.cluster) {
    return {HelloRefusal::kOtherCluster,
            absl::StrCat("the peer belongs to cluster ", absl::Hex(hello.cluster.value()),
                         ", this node to ", absl::Hex(self_.cluster.value())),
            {}};
  }
  if (hello.shard != self_.shard || hello.to != self_.node || hello.node == self_.node) {
    return {HelloRefusal::kNotMeant,
            absl::StrCat("the peer wants shard ", hello.shard.value(), " of node ",
                         absl::Hex(hello.to.value()), ", this is shard ", self_.shard.value(),
                         " of node ", absl::Hex(self_.node.value())),
            {}};
  }
  if (IsGone(hello.node)) {
    return {HelloRefusal::kRemoved,
            absl::StrCat("node ", absl::Hex(hello.node.value()), " was removed"),
            {}};
  }
  if (hello.directory == 0 || HasOtherDirectory(hello.node, hello.directory)) {
    return {HelloRefusal::kOtherDirectory,
            absl::StrCat("node ", absl::Hex(hello.node.value()), " is known under directory ",
                         absl::Hex(DirectoryOf(hello.node)), ", it comes with ",
                         absl::Hex(hello.directory)),
            {}};
  }
  if (hello.expected_directory != 0 && hello.expected_directory != self_.directory &&
      !mutant::Enabled(mutant::kM42WipedNodeLetIn)) {
    return {HelloRefusal::kNotMeant, "this node has another data directory than is expected",
            Wiped()};
  }
  return {};
}

bool NodeMembers::StillAdmits(NodeId node, uint64_t directory) const {
  return !IsGone(node) && !HasOtherDirectory(node, directory);
}

absl::Status NodeMembers::Heard(const wire::HelloAnswer& answer) const {
  if (answer.refusal == HelloRefusal::kRemoved) return Removed();
  if (answer.refusal == HelloRefusal::kOtherDirectory) return Wiped();
  return absl::OkStatus();
}

absl::Status NodeMembers::CheckSelf() const {
  if (IsGone(self_.node)) return Removed();
  const bool wiped = list_ != nullptr && list_->Find(self_.node) != nullptr &&
                     HasOtherDirectory(self_.node, self_.directory);
  return wiped ? Wiped() : absl::OkStatus();
}

std::map<NodeId, runtime::Address> NodeMembers::Addresses() const {
  std::map<NodeId, runtime::Address> addresses = {guests_.begin(), guests_.end()};
  const auto add = [&](const Member& member) {
    if (member.id == self_.node || self_.shard.value() >= member.peers.size()) return;
    addresses[member.id] = member.peers[self_.shard.value()];
  };
  if (list_ == nullptr) return addresses;
  for (const Member& member : list_->members) add(member);
  for (const RemovedMember& removed : list_->removed) {
    if (configured_.contains(removed.member.id)) add(removed.member);
  }
  return addresses;
}

}  // namespace lockstep::replica
