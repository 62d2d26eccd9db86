#include "framework/raft/pending_writes.h"

#include <algorithm>

#include "framework/base/check.h"

namespace lockstep::raft {

WriteId PendingWrites::Issue(Index through) {
  ++issued_;
  writes_.push_back(Write{issued_, through});
  return issued_;
}

void PendingWrites::RevokeFrom(Index first) {
  CHECK_GT(first, Index(0));
  durable_ = std::min(durable_, first - 1);
  for (Write& write : writes_) write.through = std::min(write.through, first - 1);
}

WriteId PendingWrites::IssueHardState() { return Issue(Index(0)); }

WriteId PendingWrites::IssueEntries(Index first, Index last) {
  CHECK_LE(first, last);
  RevokeFrom(first);
  return Issue(last);
}

WriteId PendingWrites::IssueSnapshot(Index snapshot, Index last) {
  CHECK_LE(snapshot, last);
  RevokeFrom(Index(1));
  return Issue(last);
}

void PendingWrites::Persisted(WriteId id) {
  CHECK_LE(id, issued_) << "this write was never asked for";
  if (id <= persisted_) return;
  while (!writes_.empty() && writes_.front().id <= id) {
    durable_ = std::max(durable_, writes_.front().through);
    writes_.pop_front();
  }
  persisted_ = id;
}

void PendingWrites::CheckInvariants() const {
  CHECK_LE(persisted_, issued_);
  CHECK_EQ(writes_.size(), issued_ - persisted_);
  WriteId id = persisted_;
  for (const Write& write : writes_) {
    CHECK_EQ(write.id, id + 1);
    id = write.id;
  }
}

}  // namespace lockstep::raft
