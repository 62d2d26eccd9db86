#include "framework/replica/proposals.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "framework/base/check.h"
#include "framework/base/limits.h"
#include "framework/base/random.h"
#include "framework/replica/envelope.h"
#include "framework/replica/marks.h"
#include "framework/replica/mutants.h"

namespace lockstep::replica {
namespace {

// A request that is not answered waits no longer than so many times the first patience.
constexpr uint32_t kDoublingsMax = 3;
// How often it is decided anew how many are let in, and by how many more at least.
constexpr Duration kAdaptPause = Milliseconds(250);
constexpr size_t kShareStep = 8;
// So much that the largest request finds room beside small ones.
constexpr size_t kByteShareMin = 16;
static_assert(limits::kPendingProposalBytesMax / Proposals::kShareWhole * kByteShareMin >
              limits::kRequestBytesMax);

}  // namespace

absl::StatusOr<std::string> Proposals::Propose(Fiber& fiber, std::string command, MonoTime deadline,
                                               EnvelopeKind kind) {
  Adapt(fiber.now(), false);
  const absl::Status refusal = RefusalOf(fiber.now(), command.size(), deadline);
  // Planted bug M212: whoever is refused is sent all the same.
  if (!refusal.ok() && !mutant::Enabled(mutant::kM212RefusedAndSent)) return refusal;
  const RequestNumber number = next_;
  ++next_;
  auto owned = std::make_unique<Pending>();
  Pending& pending = *owned;
  pending.since = fiber.now();
  Envelope envelope{kind, session_, number, {}, {}, command};
  pending_[number] = std::move(owned);
  envelope.acked_below = acked_below();
  pending.payload = std::make_shared<const std::string>(EncodeEnvelope(envelope));
  std::string().swap(command);
  pending_bytes_ += pending.payload->size();
  if (watched_ == RequestNumber(0)) watched_ = number;
  // Also when this fiber is unwound: nobody waits then, and the floor may move past it.
  struct Waiting {
    Proposals& all;
    RequestNumber number;
    ~Waiting() { all.Forget(number); }
  } waiting{*this, number};
  unsent_.push_back(number);
  work_.WakeOne();
  const bool is_answered = pending.done.Wait(fiber, deadline);
  if (!refusal.ok()) return refusal;
  // (A refusal says nothing of how long answers take.)
  if (number == watched_ && !absl::IsResourceExhausted(pending.result.status())) {
    Adapt(fiber.now(), true);
  }
  if (!is_answered) {
    return absl::DeadlineExceededError("the outcome is not known yet");
  }
  return std::move(pending.result);
}

absl::Status Proposals::RefusalOf(MonoTime now, size_t bytes, MonoTime deadline) const {
  const bool is_full = IsFull(bytes);
  const bool is_late = IsTooLate(now, deadline);
  marks::Sometimes(is_full, kMarkTooManyPending);
  marks::Sometimes(is_late, kMarkWouldBeLate);
  if (mutant::Enabled(mutant::kM182PendingUncounted)) return absl::OkStatus();
  if (is_full) return absl::ResourceExhaustedError("too many requests are pending");
  if (is_late) return absl::ResourceExhaustedError("it would not be answered in time");
  return absl::OkStatus();
}

// A single large request is let through when nothing else is pending.
bool Proposals::IsFull(size_t bytes) const {
  if (pending_.empty()) return false;
  return pending_.size() * kShareWhole >= limits_.count_max * share_ ||
         next_ - acked_below() >= ClientSessions::kWindowMax || IsTooMuch(bytes);
}

bool Proposals::IsTooMuch(size_t bytes) const {
  // Planted bug M224: only how many wait counts.
  if (mutant::Enabled(mutant::kM224PendingBytesUncounted)) return false;
  return pending_bytes_ + bytes > limits_.bytes_max / kShareWhole * std::max(share_, kByteShareMin);
}

Duration Proposals::WaitNow(MonoTime now) const {
  const auto it = pending_.find(watched_);
  return it == pending_.end() ? last_wait_ : std::max(last_wait_, now - it->second->since);
}

// Only where answers take long anyway: without a leader, say, a request waits for a moment.
bool Proposals::IsTooLate(MonoTime now, MonoTime deadline) const {
  const bool has_many = pending_.size() * kShareWhole > limits_.count_max;
  const bool has_much = pending_bytes_ > limits_.bytes_max / kShareWhole;
  const bool is_late = share_ < kShareWhole && deadline - now < WaitNow(now);
  marks::Sometimes(is_late && has_much && !has_many, kMarkLargeWouldBeLate);
  return is_late && (has_many || has_much);
}

// What is pending now takes as long as the watched request waits. Of it so much is let in as takes
// half of wait_max.
void Proposals::Adapt(MonoTime now, bool is_answered) {
  if (!is_answered && now - adapted_ < kAdaptPause) return;
  const auto it = pending_.find(watched_);
  if (it == pending_.end()) return;
  const Duration waited = now - it->second->since;
  if (is_answered) last_wait_ = waited;
  if (now - adapted_ < kAdaptPause) return;
  const Duration wanted = limits_.wait_max / 2;
  if (waited > wanted) {
    const size_t used = std::max(pending_.size() * kShareWhole / limits_.count_max,
                                 pending_bytes_ / (limits_.bytes_max / kShareWhole + 1));
    const auto fitting = static_cast<size_t>(static_cast<int64_t>(used) * (wanted.count() >> 10) /
                                             (waited.count() >> 10));
    share_ = std::clamp(fitting, kShareMin, share_);
  } else if (is_answered && waited < wanted / 2) {
    share_ = std::min(kShareWhole, share_ + std::max(kShareStep, share_ / 4));
  } else {
    return;
  }
  adapted_ = now;
}

void Proposals::Forget(RequestNumber number) {
  if (number == watched_) watched_ = RequestNumber(0);
  const auto it = pending_.find(number);
  pending_bytes_ -= it->second->payload->size();
  pending_.erase(it);
}

RequestNumber Proposals::acked_below() const {
  return pending_.empty() ? next_ : pending_.begin()->first;
}

std::vector<wire::ForwardItem> Proposals::TakeUnsent(MonoTime now, size_t bytes_max) {
  std::vector<wire::ForwardItem> items;
  if (!registered_ && !unsent_.empty()) {
    const Envelope envelope{EnvelopeKind::kRegister, session_, {}, {}, owner_, {}};
    items.push_back(
        {RequestNumber(0), std::make_shared<const std::string>(EncodeEnvelope(envelope))});
  }
  size_t bytes = 0;
  while (!unsent_.empty() && bytes < bytes_max) {
    const RequestNumber number = unsent_.front();
    unsent_.pop_front();
    const auto it = pending_.find(Translate(number));
    if (it == pending_.end() || it->second->done.is_set()) continue;
    it->second->sent_at = now;
    ++it->second->times_sent;
    ++it->second->copies_out;
    bytes += it->second->payload->size();
    items.push_back({number, it->second->payload});
  }
  return items;
}

void Proposals::ResendAll() {
  unsent_.clear();
  if (mutant::Enabled(mutant::kM70RetryWithFreshNumber)) {
    RenumberAll();
  } else {
    for (const auto& [number, pending] : pending_) {
      if (!pending->done.is_set()) unsent_.push_back(number);
    }
  }
  marks::Sometimes(!unsent_.empty(), kMarkSentAgain);
  if (!unsent_.empty()) work_.WakeOne();
}

void Proposals::ResendOverdue(MonoTime now, Duration patience) {
  for (const auto& [number, pending] : pending_) {
    if (pending->sent_at == kNoDeadline || pending->done.is_set()) continue;
    CHECK_GT(pending->times_sent, 0u);
    const uint32_t doublings = std::min(pending->times_sent - 1, kDoublingsMax);
    if (now - pending->sent_at < patience * (int64_t{1} << doublings)) continue;
    pending->sent_at = kNoDeadline;
    unsent_.push_back(number);
  }
  if (!unsent_.empty()) work_.WakeOne();
}

void Proposals::OnRefused(const std::vector<RequestNumber>& numbers, bool is_overloaded) {
  for (const RequestNumber number : numbers) {
    const auto it = pending_.find(Translate(number));
    if (it == pending_.end() || it->second->done.is_set()) continue;
    if (it->second->copies_out > 0) --it->second->copies_out;
    if (!is_overloaded) continue;
    // Planted bug M183: it is forgotten that an earlier leader may have taken it.
    const bool is_known =
        it->second->copies_out == 0 || mutant::Enabled(mutant::kM183RefusedAfterRetry);
    marks::Sometimes(is_known, kMarkRefusedByLeader);
    if (!is_known) continue;
    it->second->result = absl::ResourceExhaustedError("the leader has too much to do");
    it->second->done.Set();
  }
}

void Proposals::OnApplied(std::vector<AppliedRequest>& requests) {
  for (AppliedRequest& request : requests) {
    if (request.session != session_) continue;
    if (request.number == RequestNumber(0)) {
      registered_ = true;
      continue;
    }
    if (request.admission == Admission::kUnknownSession) {
      // Before our registration was applied this only means: too early, it is sent again.
      if (registered_) return AbortAll();
      continue;
    }
    const auto it = pending_.find(Translate(request.number));
    if (it == pending_.end()) continue;
    Finish(*it->second, request.admission, std::move(request.result));
  }
}

void Proposals::OnSnapshotInstalled(const ClientSessions& sessions) {
  registered_ = sessions.Knows(session_);
  for (const auto& [number, pending] : pending_) {
    const std::string* result = sessions.Find(session_, number);
    marks::Sometimes(result != nullptr, kMarkAnswerInSnapshot);
    if (result != nullptr) Finish(*pending, Admission::kDuplicate, *result);
  }
}

void Proposals::Finish(Pending& pending, Admission admission, std::string result) {
  if (pending.done.is_set()) return;
  // Its number is below the floor only if nobody waits for it, and too far only if our window
  // is larger than the replicated one.
  CHECK(admission == Admission::kNew || admission == Admission::kDuplicate)
      << "a pending request was refused by its own session: " << static_cast<int>(admission);
  pending.result = std::move(result);
  pending.done.Set();
}

void Proposals::AbortAll() {
  for (const auto& [number, pending] : pending_) {
    if (pending->done.is_set()) continue;
    pending->result = absl::AbortedError("the session was superseded; the outcome is unknown");
    pending->done.Set();
  }
  unsent_.clear();
  session_ = SessionId(base::Mix64(session_.value() + 1));
  registered_ = false;
}

void Proposals::RenumberAll() {
  for (const auto& [number, pending] : pending_) {
    if (pending->done.is_set()) continue;
    std::optional<Envelope> envelope = DecodeEnvelope(*pending->payload);
    CHECK(envelope.has_value());
    const raft::Payload old = pending->payload;
    envelope->number = next_;
    pending_bytes_ -= old->size();
    pending->payload = std::make_shared<const std::string>(EncodeEnvelope(*envelope));
    pending_bytes_ += pending->payload->size();
    aliases_[next_] = number;
    unsent_.push_back(next_);
    ++next_;
  }
}

RequestNumber Proposals::Translate(RequestNumber number) const {
  const auto it = aliases_.find(number);
  return it == aliases_.end() ? number : it->second;
}

}  // namespace lockstep::replica
