#include "checkers/monitors/revision_monitor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::checkers {
namespace {

Violation Make(int64_t revision, std::string verdict) {
  return {"revision monitor", std::move(verdict), absl::StrCat("revision ", revision)};
}

}  // namespace

// Serializable reads may be from any time, and compactions have no revision.
bool RevisionMonitor::IsJudged(const KvRequest& request) {
  return request.kind == KvRequest::Kind::kTxn && !request.serializable;
}

void RevisionMonitor::OnCall(uint64_t id, uint64_t client, int64_t now, KvRequest request) {
  KvOperation op;
  op.client = client;
  op.id = id;
  op.call = now;
  op.input = std::move(request);
  const bool is_new = open_.try_emplace(id, Open{std::move(op), floor_}).second;
  CHECK(is_new) << "operation " << id << " is open";
}

std::optional<Violation> RevisionMonitor::OnReturn(uint64_t id, int64_t now, KvResponse response) {
  const auto at = open_.find(id);
  CHECK(at != open_.end()) << "operation " << id << " is not open";
  Open open = std::move(at->second);
  open_.erase(at);
  open.op.returned = now;
  open.op.output = std::move(response);
  if (IsJudged(open.op.input) && open.op.output.error == KvError::kNone) {
    if (Found found = CheckRealTime(open.op, open.floor)) return found;
    if (open.op.output.revision > floor_) {
      floor_ = open.op.output.revision;
      floor_owner_ = DescribeOperation(open.op);
    }
    if (Found found = Keep(std::move(open.op))) return found;
  }
  return Advance();
}

std::optional<Violation> RevisionMonitor::OnUnknown(uint64_t id) {
  const auto at = open_.find(id);
  CHECK(at != open_.end()) << "operation " << id << " is not open";
  if (MayWrite(at->second.op.input)) unknown_.push_back(std::move(at->second.op));
  open_.erase(at);
  return Advance();
}

std::optional<Violation> RevisionMonitor::OnRefused(uint64_t id) {
  CHECK(open_.erase(id) == 1) << "operation " << id << " is not open";
  return Advance();
}

RevisionMonitor::Found RevisionMonitor::CheckRealTime(const KvOperation& op, int64_t floor) const {
  const int64_t revision = op.output.revision;
  const bool is_write = DidWrite(op.input, op.output);
  if (is_write ? revision > floor : revision >= floor) return std::nullopt;
  return Make(revision, absl::StrCat(is_write ? "a write got" : "a linearizable answer is from",
                                     " revision ", revision, " although revision ", floor,
                                     " was known before its call: ", DescribeOperation(op), "; ",
                                     floor_owner_));
}

RevisionMonitor::Found RevisionMonitor::Keep(KvOperation op) {
  const int64_t revision = op.output.revision;
  const bool is_write = DidWrite(op.input, op.output);
  if (revision <= done_) {
    CHECK(!is_write);  // its floor was at or above done_
    return Compare(op);
  }
  Pending& pending = pending_[revision];
  pending.known = std::min(pending.known, *op.returned);
  ++waiting_;
  if (!is_write) {
    pending.answers.push_back(std::move(op));
    return std::nullopt;
  }
  if (pending.author) {
    return Make(revision,
                absl::StrCat("two writes got the same revision ", revision, ": ",
                             DescribeOperation(*pending.author), "; ", DescribeOperation(op)));
  }
  pending.author = std::move(op);
  return std::nullopt;
}

// Goes on to a revision when nobody can answer from before it any more.
RevisionMonitor::Found RevisionMonitor::Advance() {
  int64_t limit = floor_;
  for (const auto& [id, open] : open_) {
    if (IsJudged(open.op.input)) limit = std::min(limit, open.floor);
  }
  while (done_ < limit) {
    if (Found found = Step(done_ + 1)) return found;
  }
  return std::nullopt;
}

RevisionMonitor::Found RevisionMonitor::Step(int64_t revision) {
  const auto at = pending_.find(revision);
  const bool has_author = at != pending_.end() && at->second.author;
  if (has_author) {
    const KvOperation& author = *at->second.author;
    if (const KvReplay::Reason reason = replay_.Execute(author, revision)) {
      return Make(revision, absl::StrCat(DescribeOperation(author), " was revision ", revision,
                                         ", but ", *reason));
    }
  } else if (Found found = FillGap(revision)) {
    return found;
  }
  done_ = revision;
  if (at == pending_.end()) return std::nullopt;
  waiting_ -= at->second.answers.size() + (has_author ? 1 : 0);
  const Pending pending = std::move(at->second);
  pending_.erase(at);
  for (const KvOperation& op : pending.answers) {
    if (Found found = Compare(op)) return found;
  }
  return std::nullopt;
}

// Nobody who is open can have written this revision, so a write of unknown outcome must have.
RevisionMonitor::Found RevisionMonitor::FillGap(int64_t revision) {
  int64_t known = INT64_MAX;
  if (!pending_.empty()) known = pending_.begin()->second.known;
  size_t candidates = 0;
  for (const KvOperation& op : unknown_) {
    if (op.call > known) continue;
    ++candidates;
    replay_.Blur(op.input);
  }
  if (++gaps_ <= candidates) return std::nullopt;
  return Make(revision, absl::StrCat("no write can have produced revision ", revision, ": ", gaps_,
                                     " revisions without author and ", candidates,
                                     " writes of unknown outcome; ", floor_owner_));
}

RevisionMonitor::Found RevisionMonitor::Compare(const KvOperation& op) {
  const KvReplay::Reason reason = replay_.Execute(op, op.output.revision);
  if (!reason) return std::nullopt;
  return Make(op.output.revision,
              absl::StrCat(DescribeOperation(op), " was answered from revision ",
                           op.output.revision, ", but ", *reason));
}

}  // namespace lockstep::checkers
