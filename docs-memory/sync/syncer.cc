#include "docs-memory/sync/syncer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/compare.h"
#include "docs-memory/store/sync_reader.h"
#include "docs-memory/sync/mutants.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

// A clock that is off by less is taken for right.
constexpr int64_t kOffsetMsMin = 10'000;
constexpr int kBackOffDoublingsMax = 20;

class Held final {
 public:
  Held(Fiber& fiber, fiber::Semaphore& semaphore) : semaphore_(semaphore) {
    CHECK(semaphore_.Acquire(fiber));
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { semaphore_.Release(); }

 private:
  fiber::Semaphore& semaphore_;
};

PushChange ChangeOf(const ReadState& state, QueuedChange queued) {
  PushChange change;
  change.is_again = queued.number <= state.state.sync.numbered_again;
  change.number = queued.number;
  change.collection = state.catalog->Find(queued.mutation.collection)->name;
  change.id = queued.mutation.id;
  change.edit = EditOf(std::move(queued.mutation));
  return change;
}

PulledDocument DocumentOf(const PulledChange& change) {
  PulledDocument document;
  document.kind = change.kind == PulledChange::Kind::kState ? PulledDocument::Kind::kState
                                                            : PulledDocument::Kind::kRemove;
  document.collection = change.collection;
  document.id = change.id;
  document.heads = change.heads;
  return document;
}

SyncOptions Sorted(SyncOptions options) {
  std::sort(options.scope.collections.begin(), options.scope.collections.end());
  return options;
}

}  // namespace

Syncer::Syncer(Store& store, runtime::Environment& environment, runtime::Network& network,
               SyncOptions options)
    : store_(store),
      environment_(environment),
      options_(Sorted(std::move(options))),
      push_client_(network, options_.hub),
      pull_client_(network, options_.hub) {}

absl::Status Syncer::Write(Fiber& fiber, Operation::Kind kind, int64_t hub_ms) {
  Operation operation;
  operation.kind = kind;
  operation.hub_ms = hub_ms;
  operation.sync_scope = std::make_shared<const SyncScope>(options_.scope);
  return store_.Write(fiber, std::move(operation)).status();
}

absl::Status Syncer::Apply(Fiber& fiber, SyncInput input) {
  Operation operation;
  operation.kind = Operation::Kind::kSyncApply;
  operation.sync_input = std::make_shared<const SyncInput>(std::move(input));
  return store_.Write(fiber, std::move(operation)).status();
}

absl::Status Syncer::Prepare(Fiber& fiber) {
  RETURN_IF_ERROR(Write(fiber, Operation::Kind::kSyncEnable));
  while (!state().enqueued) RETURN_IF_ERROR(Write(fiber, Operation::Kind::kSyncEnqueue));
  reported_ = state().checkpoint;
  return absl::OkStatus();
}

// Every node is asked twice: an election may be under way.
absl::Status Syncer::Once(Fiber& fiber) {
  RETURN_IF_ERROR(Prepare(fiber));
  const int tries = 2 * static_cast<int>(options_.hub.addresses.size());
  hub_damage_ = absl::OkStatus();
  for (int failures = 0;;) {
    const absl::Status status = OnceThrough(fiber);
    if (!IsHubFailure(status)) return status;
    // (A node that is damaged may end before it is asked again.)
    if (failures + 1 >= tries) return hub_damage_.ok() ? status : hub_damage_;
    BackOff(fiber, status, &failures);
  }
}

absl::Status Syncer::OnceThrough(Fiber& fiber) {
  RETURN_IF_ERROR(PushAll(fiber));
  for (bool more = true; more;) {
    ASSIGN_OR_RETURN(more, PullPage(fiber, PullWait::kLinear));
  }
  return Report(fiber);
}

void Syncer::Run(Fiber& fiber) {
  int failures = 0;
  for (absl::Status ready = Prepare(fiber); !ready.ok(); ready = Prepare(fiber))
    BackOff(fiber, ready, &failures);
  fiber::Scope halves(environment_.scheduler);
  halves.Spawn("sync.push", [this](Fiber& pushing) {
    int failed = 0;
    for (;;) {
      const Sequence sequence = store_.state()->state.sequence;
      if (absl::Status pushed = PushAll(pushing); !pushed.ok()) {
        BackOff(pushing, pushed, &failed);
        continue;
      }
      failed = 0;
      if (ReportDue() <= pushing.now()) (void)Report(pushing);
      store_.WaitForChange(pushing, sequence, ReportDue());
      // (It has no news any more.)
      if (!store_.status().health.ok()) pushing.SleepFor(options_.retry_max);
    }
  });
  int failed = 0;
  for (;;) {
    if (const auto pulled = PullPage(fiber, PullWait::kForNews); pulled.ok()) {
      failed = 0;
    } else {
      BackOff(fiber, pulled.status(), &failed);
    }
  }
}

// [AWS, Exponential Backoff and Jitter: "full jitter".]
void Syncer::BackOff(Fiber& fiber, const absl::Status& failure, int* failures) {
  status_.last_failure = failure;
  // (Stores go offline every day; what else there is, somebody has to look at.)
  const bool is_away = IsHubFailure(failure) && !absl::IsDataLoss(failure);
  environment_.trace.Emit(
      is_away ? runtime::TraceLevel::kInfo : runtime::TraceLevel::kError, "docs.sync.failed",
      {{"at", IsHubFailure(failure) ? "hub" : "store"}, {"error", std::string(failure.message())}});
  Duration bound = options_.retry_min;
  for (int i = 0; i < std::min(*failures, kBackOffDoublingsMax); ++i)
    bound = std::min(2 * bound, options_.retry_max);
  ++*failures;
  const uint64_t drawn =
      environment_.random.Below("docs.sync.retry", static_cast<uint64_t>(bound.count()) + 1);
  fiber.SleepFor(std::max<Duration>(Nanoseconds(static_cast<int64_t>(drawn)),
                                    Milliseconds(std::exchange(retry_after_ms_, 0))));
}

absl::Status Syncer::Refused(const WireError& refusal, const runtime::Address& by) {
  ++status_.failures;
  retry_after_ms_ = refusal.retry_after_ms;
  const std::string text = absl::StrCat(refusal.code, ": ", refusal.message, " (so says ", by, ")");
  if (refusal.code == "E_DAMAGED")
    return hub_damage_ = HubFailure(absl::StatusCode::kDataLoss, text);
  if (refusal.retryable || refusal.status >= 500)
    return HubFailure(absl::StatusCode::kUnavailable, text);
  if (refusal.status == 401 || refusal.status == 403) return absl::PermissionDeniedError(text);
  return absl::FailedPreconditionError(text);
}

// A clock that was wrong, for revisions, may be right by now, or the other way round.
absl::Status Syncer::FollowClock(Fiber& fiber, int64_t server_ms) {
  const Held held(fiber, applying_);
  const SyncState& sync = state();
  const int64_t offset = server_ms - store_.now_ms();
  if (std::abs(offset - sync.clock_offset_ms) < kOffsetMsMin) return absl::OkStatus();
  SyncInput input;
  input.progress = SyncProgress{sync.epoch, sync.checkpoint, sync.reconciling, offset};
  return Apply(fiber, std::move(input));
}

absl::Status Syncer::PushAll(Fiber& fiber) {
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, PushSome(fiber));
    if (!more) return absl::OkStatus();
  }
}

MonoTime Syncer::ReportDue() const {
  const SyncState& sync = state();
  const bool has_news = !sync.reconciling && sync.epoch != 0 && sync.checkpoint != reported_;
  return has_news ? reported_at_ + options_.report_interval : kNoDeadline;
}

absl::Status Syncer::Report(Fiber& fiber) {
  if (ReportDue() == kNoDeadline) return absl::OkStatus();
  const ReadStateRef read = store_.state();
  // What is told to the hub is not taken back by a power loss.
  // Planted bug M208: it may be.
  if (!mutant::Enabled(mutant::kM208ReportedBeforeDurable)) RETURN_IF_ERROR(store_.Sync(fiber));
  PushRequest request;
  request.tenant = options_.scope.tenant;
  request.space = options_.scope.space;
  request.node = read->state.node;
  request.epoch = read->state.sync.epoch;
  request.checkpoint = read->state.sync.checkpoint;
  ASSIGN_OR_RETURN(const uint64_t first, FirstNumber(fiber, *read));
  request.confirmed = first - 1;
  ++status_.requests;
  reported_at_ = fiber.now();
  const auto answer = push_client_.Push(fiber, request, fiber.now() + options_.timeout);
  RETURN_IF_ERROR(answer.status());
  // (Who may only pull is not waited for. Of another epoch the next pull hears.)
  if (answer->refusal.code.empty() || answer->refusal.status == 403) reported_ = request.checkpoint;
  return absl::OkStatus();
}

absl::StatusOr<bool> Syncer::PushSome(Fiber& fiber) {
  const ReadStateRef read = store_.state();
  const uint64_t life = life_;
  if (read->state.sync.queued == 0) return false;
  ASSIGN_OR_RETURN(const uint64_t first, FirstNumber(fiber, *read));
  const uint64_t next = FirstWithoutVerdict(first);
  ASSIGN_OR_RETURN(auto queued,
                   ReadQueue(fiber, *read, next, options_.push_count, options_.push_bytes));
  if (queued.empty()) return false;
  // Some of it may have been acknowledged before it was durable.
  // Planted bug M107: it is pushed all the same.
  if (!mutant::Enabled(mutant::kM107PushedBeforeDurable)) RETURN_IF_ERROR(store_.Sync(fiber));
  PushRequest request;
  request.tenant = options_.scope.tenant;
  request.space = options_.scope.space;
  request.node = read->state.node;
  request.confirmed = first - 1;
  request.epoch = KnownEpoch();
  request.checkpoint = read->state.sync.checkpoint;
  for (QueuedChange& change : queued) request.changes.push_back(ChangeOf(*read, std::move(change)));
  ++status_.requests;
  const auto answer = push_client_.Push(fiber, request, fiber.now() + options_.timeout);
  // Planted bug M62: what was sent has arrived.
  if (mutant::Enabled(mutant::kM62MarkedSyncedWhenSent) && !answer.ok()) {
    std::vector<ChangeVerdict> made_up;
    for (const PushChange& change : request.changes) made_up.emplace_back().number = change.number;
    TakeVerdicts(heard_epoch_, made_up);
    RETURN_IF_ERROR(Settle(fiber, life, made_up));
  }
  if (!answer.ok()) ++status_.failures;
  RETURN_IF_ERROR(answer.status());
  // (They are asked for once more, with those before them.)
  // Planted bug M201: they count, and those before them are never asked for.
  if (IsPast(life) && !mutant::Enabled(mutant::kM201VerdictsOfBefore)) return true;
  if (!answer->refusal.code.empty()) {
    RETURN_IF_ERROR(OnPushRefused(fiber, answer->refusal));
    return true;
  }
  // (Verdicts of another epoch would be compared with sequences of this one.)
  if (!IsKnown(answer->value.epoch)) {
    RETURN_IF_ERROR(StartReconciling(fiber));
    return true;
  }
  TakeVerdicts(answer->value.epoch, answer->value.verdicts);
  status_.pushed += answer->value.verdicts.size();
  reported_ = request.checkpoint;
  reported_at_ = fiber.now();
  // Planted bug M215: what was pushed counts as pulled, with all that others did before.
  if (mutant::Enabled(mutant::kM215PushMovesCheckpoint) && !answer->value.verdicts.empty()) {
    SyncInput input;
    input.progress = SyncProgress{answer->value.epoch, answer->value.verdicts.back().sequence,
                                  state().reconciling, state().clock_offset_ms};
    if (input.progress->checkpoint > state().checkpoint)
      RETURN_IF_ERROR(Apply(fiber, std::move(input)));
  }
  RETURN_IF_ERROR(FollowClock(fiber, answer->value.server_ms));
  RETURN_IF_ERROR(Settle(fiber, life, answer->value.verdicts));
  if (answer->value.verdicts.empty())
    return HubFailure(absl::StatusCode::kUnavailable, "the hub has processed nothing of a push");
  return true;
}

absl::Status Syncer::OnPushRefused(Fiber& fiber, const WireError& refusal) {
  if (refusal.code == "E_CLOCK_SKEW") return MendClock(fiber, refusal.server_ms);
  // The hub was restored from a backup, and knows the first of what is queued. (Under other numbers
  // it would not know them again, once it has forgotten these versions.)
  if (refusal.code == "E_GAP" && refusal.expected_number >= first_)
    return Skip(fiber, refusal.expected_number);
  // It knows less of this node than the node does, or something else: the hub was restored from a
  // backup, or the store was, or there are two of it.
  if (refusal.code == "E_GAP" || refusal.code == "E_NODE_REGRESSED") return Rejoin(fiber);
  if (refusal.code == "E_EPOCH") return StartReconciling(fiber);
  const runtime::Address by = push_client_.address();
  if (refusal.retryable) push_client_.TryNextNode();
  return Refused(refusal, by);
}

// Nobody has seen the changes whose revisions are ahead of time, so they may get others.
absl::Status Syncer::MendClock(Fiber& fiber, int64_t server_ms) {
  const Held held(fiber, applying_);
  const SyncState& sync = state();
  SyncInput input;
  input.progress =
      SyncProgress{sync.epoch, sync.checkpoint, sync.reconciling, server_ms - store_.now_ms()};
  RETURN_IF_ERROR(Apply(fiber, std::move(input)));
  return Write(fiber, Operation::Kind::kSyncRestamp, server_ms);
}

absl::Status Syncer::Rejoin(Fiber& fiber) {
  const Held held(fiber, applying_);
  environment_.trace.Emit(runtime::TraceLevel::kWarning, "docs.sync.rejoin",
                          {{"node", store_.state()->state.node}});
  verdicts_.clear();
  ++life_;
  const absl::Status joined = Write(fiber, Operation::Kind::kSyncRejoin);
  ++life_;
  return joined;
}

void Syncer::TakeVerdicts(uint64_t epoch, const std::vector<ChangeVerdict>& verdicts) {
  heard_epoch_ = epoch;
  for (const ChangeVerdict& verdict : verdicts) verdicts_[verdict.number] = verdict;
}

uint64_t Syncer::FirstWithoutVerdict(uint64_t first) const {
  return verdicts_.empty() ? first : std::max(first, verdicts_.rbegin()->first + 1);
}

// What has left the queue leaves traces in the store for a while, and looking from the beginning
// would walk over all of them again and again.
absl::StatusOr<uint64_t> Syncer::FirstNumber(Fiber& fiber, const ReadState& read) {
  if (read.state.sync.queued == 0) return read.state.sync.next_number;
  ASSIGN_OR_RETURN(const uint64_t first,
                   FirstQueued(fiber, read, read.state.node == numbered_ ? first_ : 1));
  // (A node that is not this one any more numbered differently.)
  if (read.state.node == store_.state()->state.node) {
    numbered_ = read.state.node;
    first_ = first;
  }
  return first;
}

// A page that came before has settled what it covers: so only new verdicts are looked at.
absl::Status Syncer::Settle(Fiber& fiber, uint64_t life, std::vector<ChangeVerdict> fresh) {
  // Planted bug M101 has to look at all of them.
  if (mutant::Enabled(mutant::kM101DroppedAtPageCheckpoint)) {
    fresh.clear();
    for (const auto& [number, verdict] : verdicts_) fresh.push_back(verdict);
  }
  if (fresh.empty()) return absl::OkStatus();
  const Held held(fiber, applying_);
  if (IsPast(life) && !mutant::Enabled(mutant::kM201VerdictsOfBefore)) return absl::OkStatus();
  const ReadStateRef read = store_.state();
  SyncInput input;
  std::map<std::pair<std::string, std::string>, PulledDocument> dropped;
  std::vector<uint64_t> settled;
  for (const ChangeVerdict& verdict : fresh) {
    // (No page has told of it yet, then.)
    const SyncState& sync = read->state.sync;
    const bool at_once = mutant::Enabled(mutant::kM100DroppedWhenProcessed);
    if (!sync.reconciling && verdict.sequence > sync.checkpoint && !at_once) continue;
    ASSIGN_OR_RETURN(const auto queued, ReadQueuedChange(fiber, *read, verdict.number));
    const bool is_queued = queued.has_value();
    const bool forgets = mutant::Enabled(mutant::kM108RejectionForgotten);
    if (is_queued && verdict.verdict == Verdict::kRejected && !forgets)
      input.rejections.push_back({verdict.number, verdict.code, verdict.detail});
    if (!is_queued || (verdict.verdict == Verdict::kRejected && !forgets)) {
      settled.push_back(verdict.number);
      continue;
    }
    const Mutation& mutation = *queued;
    const std::string& name = read->catalog->Find(mutation.collection)->name;
    ASSIGN_OR_RETURN(auto document, ReadQueuedDocument(fiber, *read, name, mutation.id));
    const bool covered = document.base && document.base->sequence >= verdict.sequence;
    // Planted bugs M100 and M101: the two rules that look right and are not.
    const bool drops = covered || mutant::Enabled(mutant::kM100DroppedWhenProcessed) ||
                       (mutant::Enabled(mutant::kM101DroppedAtPageCheckpoint) &&
                        verdict.sequence <= sync.checkpoint);
    if (!drops || !document.base) continue;
    PulledDocument& same = dropped[{name, KeyOf(mutation.id)}];
    same.collection = name;
    same.id = mutation.id;
    same.heads = *std::move(document.base);
    same.dropped.push_back(verdict.number);
    settled.push_back(verdict.number);
  }
  for (auto& [key, document] : dropped) input.documents.push_back(std::move(document));
  status_.rejected += input.rejections.size();
  for (const uint64_t number : settled) verdicts_.erase(number);
  if (input.documents.empty() && input.rejections.empty()) return absl::OkStatus();
  return Apply(fiber, std::move(input));
}

absl::Status Syncer::StartReconciling(Fiber& fiber) {
  const Held held(fiber, applying_);
  environment_.trace.Emit(runtime::TraceLevel::kWarning, "docs.sync.reconcile",
                          {{"epoch", state().epoch}, {"checkpoint", state().checkpoint}});
  verdicts_.clear();
  reconciled_ = Reconciled();
  heard_epoch_ = floor_ = 0;
  ++life_;
  ++status_.reconciled;
  status_.is_caught_up = false;
  SyncInput input;
  input.progress = SyncProgress{0, 0, true, state().clock_offset_ms, true};
  const absl::Status begun = Apply(fiber, std::move(input));
  // (What was asked meanwhile was asked with what the store was before.)
  ++life_;
  return begun;
}

absl::StatusOr<bool> Syncer::PullPage(Fiber& fiber, PullWait wait) {
  // What was pushed before anything was pulled may be gone again: only a comparison tells.
  if (state().epoch == 0 && !state().reconciling && state().queued > 0)
    RETURN_IF_ERROR(StartReconciling(fiber));
  const ReadStateRef read = store_.state();
  const SyncState& sync = read->state.sync;
  const uint64_t life = life_;
  PullRequest request;
  request.tenant = options_.scope.tenant;
  request.space = options_.scope.space;
  request.collections = options_.scope.collections;
  request.filter = options_.scope.filter;
  request.filter_id = options_.scope.filter_id;
  request.node = read->state.node;
  request.epoch = sync.reconciling ? reconciled_.epoch : sync.epoch;
  request.since = sync.reconciling ? reconciled_.since : sync.checkpoint;
  request.count_max = options_.pull_count;
  request.floor = floor_;
  // (That something is absent is only known if no page is older than the one before.)
  request.is_linear = wait == PullWait::kLinear || sync.reconciling;
  if (wait == PullWait::kForNews && !sync.reconciling)
    request.wait_ms = options_.live_wait / Milliseconds(1);
  ASSIGN_OR_RETURN(const uint64_t first, FirstNumber(fiber, *read));
  request.own_from = FirstWithoutVerdict(first);
  ++status_.requests;
  const MonoTime deadline = fiber.now() + options_.timeout + Milliseconds(request.wait_ms);
  const auto answer = pull_client_.Pull(fiber, request, deadline);
  if (!answer.ok()) {
    ++status_.failures;
    status_.is_caught_up = false;
    return answer.status();
  }
  if (IsPast(life) && !mutant::Enabled(mutant::kM202PageOfBefore)) return true;
  const WireError& refusal = answer->refusal;
  if (refusal.code == "E_EPOCH" || refusal.code == "E_CHECKPOINT_TOO_OLD") {
    RETURN_IF_ERROR(StartReconciling(fiber));
    return true;
  }
  if (!refusal.code.empty()) {
    // Another node may have applied more.
    const runtime::Address by = pull_client_.address();
    if (refusal.retryable) pull_client_.TryNextNode();
    return Refused(refusal, by);
  }
  if (!IsKnown(answer->value.epoch)) {
    RETURN_IF_ERROR(StartReconciling(fiber));
    return true;
  }
  if (request.since == 0) floor_ = answer->value.floor;
  TakeVerdicts(answer->value.epoch, answer->value.own);
  ASSIGN_OR_RETURN(const bool is_applied, ApplyPage(fiber, life, answer->value));
  if (!is_applied) return true;
  RETURN_IF_ERROR(Settle(fiber, life, answer->value.own));
  status_.pulled += answer->value.changes.size();
  const bool more = answer->value.more || state().reconciling;
  status_.is_caught_up = !more;
  if (!more) status_.caught_up_at = fiber.now();
  for (const PulledChange& change : answer->value.changes)
    status_.conflicts += change.heads.all.size() > 1 ? 1 : 0;
  return more;
}

absl::StatusOr<bool> Syncer::ApplyPage(Fiber& fiber, uint64_t life, const PullAnswer& answer) {
  const Held held(fiber, applying_);
  // Planted bug M202: a page of before is taken for the first, or the last, of what is pulled now.
  if (IsPast(life) && !mutant::Enabled(mutant::kM202PageOfBefore)) return false;
  const ReadStateRef read = store_.state();
  const SyncState& sync = read->state.sync;
  // (What was queued meanwhile may be pushed, deleted and purged before this page was made.)
  if (sync.epoch == 0 && !sync.reconciling && sync.queued > 0) return false;
  SyncInput input;
  QueuedNumbers queued(*read);
  for (const PulledChange& change : answer.changes) {
    if (sync.reconciling) reconciled_.met.insert({change.collection, KeyOf(change.id)});
    // Planted bug M216: what others have deleted stays.
    const Head* const winner = change.heads.winner();
    if (mutant::Enabled(mutant::kM216DeletionsNotPulled) && winner != nullptr && winner->deleted)
      continue;
    PulledDocument& document = input.documents.emplace_back(DocumentOf(change));
    if (sync.queued == 0 || verdicts_.empty()) continue;
    ASSIGN_OR_RETURN(const auto numbers, queued.Of(fiber, change.collection, change.id));
    for (const uint64_t number : numbers) {
      const auto verdict = verdicts_.find(number);
      if (verdict == verdicts_.end() || verdict->second.verdict == Verdict::kRejected) continue;
      if (verdict->second.sequence <= change.heads.sequence) document.dropped.push_back(number);
    }
  }
  SyncProgress progress{answer.epoch, answer.checkpoint, false, sync.clock_offset_ms};
  if (sync.reconciling) {
    // (With all verdicts, too: what has none by then comes later.)
    progress.reconciling = answer.more || answer.own.size() >= kPullOwnMax;
    if (progress.reconciling) progress.epoch = progress.checkpoint = 0;
    if (!progress.reconciling) RETURN_IF_ERROR(FindAbsent(fiber, *read, answer.checkpoint, input));
  }
  const bool moves = progress.epoch != sync.epoch || progress.checkpoint != sync.checkpoint ||
                     progress.reconciling != sync.reconciling;
  if (moves) input.progress = progress;
  if (!moves && input.documents.empty()) {
    Advance(answer, progress.reconciling);
    return true;
  }
  // Planted bug M103: the checkpoint first, then what it covers.
  if (mutant::Enabled(mutant::kM103CheckpointBeforeData) && input.progress) {
    SyncInput early;
    early.progress = std::exchange(input.progress, std::nullopt);
    RETURN_IF_ERROR(Apply(fiber, std::move(early)));
  }
  std::vector<uint64_t> dropped;
  for (const PulledDocument& document : input.documents)
    dropped.insert(dropped.end(), document.dropped.begin(), document.dropped.end());
  RETURN_IF_ERROR(Apply(fiber, std::move(input)));
  for (const uint64_t number : dropped) verdicts_.erase(number);
  Advance(answer, progress.reconciling);
  return true;
}

// What is behind the page comes next. (Not before the page is written: it would never come again.)
void Syncer::Advance(const PullAnswer& answer, bool is_reconciling) {
  if (!is_reconciling) {
    reconciled_ = Reconciled();
    return;
  }
  reconciled_.epoch = answer.epoch;
  reconciled_.since = answer.checkpoint;
}

}  // namespace lockstep::docs
