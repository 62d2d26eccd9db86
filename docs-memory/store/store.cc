#include "docs-memory/store/store.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/store/executor.h"
#include "docs-memory/store/flushing.h"
#include "docs-memory/store/mutants.h"
#include "docs-memory/store/offline.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/fiber/sync.h"
#include "framework/replica/log.h"
#include "framework/replica/log_seal.h"

namespace lockstep::docs {
namespace {

constexpr raft::Term kTerm(1);
constexpr size_t kQueueMax = 10'000;
constexpr size_t kGroupOperationsMax = 1000;
constexpr size_t kGroupBytesMax = size_t{4} << 20;
constexpr size_t kGroupsInFlightMax = 64;
constexpr size_t kReplayBytes = size_t{1} << 20;
constexpr Duration kBackPressurePause = Milliseconds(2);
// How often a store that is being closed looks whether the log has dropped its old files, and how
// many it has prepared.
constexpr int kCloseAttempts = 50;
constexpr size_t kFilesAhead = 2;

std::string LogDirectory(const StoreOptions& options) {
  return absl::StrCat(options.directory, "/log");
}

raft::SnapshotMeta MetaAt(uint64_t index) {
  raft::SnapshotMeta meta;
  meta.index = raft::Index(index);
  meta.term = kTerm;
  meta.configuration.voters = {NodeId(1)};
  return meta;
}

struct Request final {
  std::vector<Operation> operations;
  bool batch = false;
  Durability durability = Durability::kSync;
  WriteResult result;
  absl::Status status;
  std::optional<MonoTime> since;  // of callers: when it was queued
  fiber::Event done;
};
using RequestRef = std::shared_ptr<Request>;

}  // namespace

class Store::Core final : public replica::LogClient {
 public:
  Core(runtime::Environment& environment, machine::OrderedStore& rows, const StoreOptions& options,
       StateObserver* observer)
      : environment_(environment),
        rows_(rows),
        group_(rows.Group(kStoreGroup)),
        options_(options),
        observer_(observer),
        flushing_(options.log_bytes_retained),
        fibers_(environment.scheduler) {}
  ~Core() override {
    fibers_.Cancel();
    if (log_ != nullptr) log_->Unregister(kStoreGroup);
  }

  absl::Status Open(Fiber& fiber);
  absl::StatusOr<WriteResult> Submit(Fiber& fiber, RequestRef request);
  absl::Status RenewLog(Fiber& fiber);
  absl::Status Close(Fiber& fiber);
  void WaitForChange(Fiber& fiber, Sequence sequence, MonoTime deadline);

  void OnDurable(raft::WriteId id) override;

  const ReadStateRef& state() const { return published_; }
  int64_t now_ms() const { return environment_.clock.Wall().ns / 1'000'000; }
  runtime::Environment& environment() { return environment_; }
  StoreStatus status() const {
    StoreStatus status;
    status.state = applier_.state();
    status.queued = queue_.size();
    status.log_bytes = log_->BytesRetained(kStoreGroup);
    status.log_syncs = log_->stats().syncs;
    status.rows_bytes = rows_.DiskBytes();
    status.counters = counters_;
    status.health = failure_;
    return status;
  }

 private:
  // What one run of the writer made; told to everybody once `after` is durable.
  struct Group final {
    raft::WriteId after;
    ReadStateRef state;  // null: nothing changed
    std::vector<RequestRef> requests;
  };

  // Rows that a group has changed.
  struct Touched final {
    uint64_t applied = 0;
    std::vector<std::string> keys;
  };

  absl::Status Replay(Fiber& fiber, const std::vector<raft::Entry>& entries);
  absl::Status Found(Fiber& fiber);
  void RunWriter(Fiber& fiber);
  void RunGroup(Fiber& fiber);
  void RunRequest(Fiber& fiber, Executor& executor, Request& request);
  void LogBatch(const std::vector<Mutation>& batch, machine::StoreTransaction& transaction);
  absl::Status CommitRows(Fiber& fiber, std::unique_ptr<machine::StoreTransaction> transaction);
  ReadStateRef Snapshot();
  void Publish(const ReadStateRef& state);
  void Release();
  void Answer(Request& request);
  void Fail(absl::Status status);
  void RunMaintenance(Fiber& fiber);
  absl::Status CutLog(Fiber& fiber);
  absl::StatusOr<raft::WriteId> FlushAndForget(Fiber& fiber);
  void RunBuilder(Fiber& fiber);

  runtime::Environment& environment_;
  machine::OrderedStore& rows_;
  const std::unique_ptr<machine::GroupStore> group_;
  const StoreOptions options_;
  StateObserver* const observer_;
  Flushing flushing_;
  std::unique_ptr<replica::Log> log_;
  Applier applier_;
  HybridClock clock_;
  Walked walked_;

  std::deque<RequestRef> queue_;
  std::deque<Group> in_flight_;
  std::deque<Touched> touched_;  // by groups that nobody was shown yet
  raft::WriteId last_write_;
  raft::WriteId durable_;
  ReadStateRef published_;
  absl::Status failure_;
  StoreCounters counters_;
  uint64_t replayed_ = 0;  // log entries, while it was opened
  bool closing_ = false;
  bool purged_ = false;  // files shall forget
  bool running_group_ = false;
  fiber::WaitQueue work_;      // for the writer
  fiber::WaitQueue progress_;  // something became durable, or failed
  fiber::WaitQueue changed_;   // published_ changed
  fiber::WaitQueue to_build_;  // for the builder
  fiber::Scope fibers_;        // last: they use all of the above
};

absl::Status Store::Core::Open(Fiber& fiber) {
  replica::LogOptions log_options;
  log_options.cluster = kStoreLogOwner;
  log_options.directory = LogDirectory(options_);
  log_options.segment_bytes = options_.log_segment_bytes;
  log_options.cipher = options_.cipher;
  RETURN_IF_ERROR(environment_.disk.CreateDirectory(fiber, options_.directory));
  RETURN_IF_ERROR(environment_.disk.SyncDirectory(fiber, ""));
  std::map<GroupId, replica::RecoveredGroup> recovered;
  ASSIGN_OR_RETURN(log_, replica::Log::Open(fiber, environment_, log_options, &recovered));
  {
    const auto view = group_->Snapshot();
    RETURN_IF_ERROR(applier_.Load(fiber, *view));
  }
  const replica::RecoveredGroup& group = recovered[kStoreGroup];
  const uint64_t logged =
      group.entries.empty() ? group.snapshot.index.value() : group.entries.back().index.value();
  if (group.snapshot.index.value() > applier_.state().applied) {
    return absl::DataLossError(
        absl::StrCat("documents: the log begins behind entry ", group.snapshot.index.value(),
                     ", but the rows are those of entry ", applier_.state().applied,
                     ": files were lost or exchanged"));
  }
  RETURN_IF_ERROR(Replay(fiber, group.entries));
  // A flush may have been faster than the log: then the rows are what counts, and the log goes on
  // behind them.
  if (applier_.state().applied > logged) {
    raft::Persist persist;
    persist.id = ++last_write_;
    persist.snapshot = MetaAt(applier_.state().applied);
    log_->Append(kStoreGroup, std::move(persist));
  }
  log_->Register(kStoreGroup, *this);
  fibers_.Spawn("docs.log", [this](Fiber& running) { Fail(log_->Run(running)); });
  if (applier_.state().node == 0) RETURN_IF_ERROR(Found(fiber));
  // Planted bug M82: what the clock says has to do.
  const bool forgets = mutant::Enabled(mutant::kM82RevisionsForgotten);
  // Planted bug M220: all that are the same node write alike.
  uint64_t writer = WriterOf(applier_.state().node, environment_.random.Draw("docs.opening"));
  if (mutant::Enabled(mutant::kM220CopiesWriteAlike)) writer = applier_.state().node;
  clock_ = HybridClock(writer, forgets ? Revision() : applier_.state().last_rev);
  (void)applier_.TakeTouched();  // nobody has seen a state before
  Publish(Snapshot());
  environment_.trace.Emit(runtime::TraceLevel::kInfo, "docs.open",
                          {{"sequence", applier_.state().sequence},
                           {"replayed", replayed_},
                           {"log_bytes", log_->BytesRetained(kStoreGroup)},
                           {"sealed", int{options_.cipher != nullptr}}});
  fibers_.Spawn("docs.writer", [this](Fiber& running) { RunWriter(running); });
  fibers_.Spawn("docs.maintenance", [this](Fiber& running) { RunMaintenance(running); });
  fibers_.Spawn("docs.build", [this](Fiber& running) { RunBuilder(running); });
  return absl::OkStatus();
}

absl::Status Store::Core::Replay(Fiber& fiber, const std::vector<raft::Entry>& entries) {
  auto transaction = group_->Begin();
  size_t bytes = 0;
  uint64_t applied = applier_.state().applied;
  const auto commit = [&]() -> absl::Status {
    if (applied == applier_.state().applied) return absl::OkStatus();
    applier_.Save(applied, *transaction);
    bytes = 0;
    return CommitRows(fiber, std::move(transaction));
  };
  for (const raft::Entry& entry : entries) {
    if (entry.index.value() <= applied) continue;
    CHECK_EQ(entry.index.value(), applied + 1);
    RETURN_IF_ERROR(ApplyEntry(fiber, *entry.payload, applier_, *transaction));
    applied = entry.index.value();
    ++replayed_;
    bytes += entry.bytes();
    if (bytes < kReplayBytes) continue;
    RETURN_IF_ERROR(commit());
    transaction = group_->Begin();
  }
  return commit();
}

// The first entry of a new store says which node it is.
absl::Status Store::Core::Found(Fiber& fiber) {
  uint64_t node = 0;
  while (node == 0) node = environment_.random.Draw("docs.node");
  applier_.set_node(node);
  Mutation first;
  first.rev.node = node;
  auto transaction = group_->Begin();
  LogBatch({first}, *transaction);
  RETURN_IF_ERROR(CommitRows(fiber, std::move(transaction)));
  while (durable_ < last_write_ && failure_.ok()) progress_.Wait(fiber);
  return failure_;
}

// What the transaction changes becomes the next entry of the log, and its rows those of that entry.
void Store::Core::LogBatch(const std::vector<Mutation>& batch,
                           machine::StoreTransaction& transaction) {
  raft::Persist persist;
  persist.id = ++last_write_;
  raft::Entry& entry = persist.entries.emplace_back();
  entry.term = kTerm;
  entry.index = raft::Index(applier_.state().applied + 1);
  entry.kind = raft::EntryKind::kCommand;
  entry.payload = std::make_shared<const std::string>(EncodeBatch(batch));
  applier_.Save(entry.index.value(), transaction);
  log_->Append(kStoreGroup, std::move(persist));
}

absl::Status Store::Core::CommitRows(Fiber& fiber,
                                     std::unique_ptr<machine::StoreTransaction> transaction) {
  for (;;) {
    const absl::Status status = group_->Commit(fiber, std::move(transaction));
    if (!absl::IsResourceExhausted(status)) return status;
    fiber.SleepFor(kBackPressurePause);
  }
}

ReadStateRef Store::Core::Snapshot() {
  auto state = std::make_shared<ReadState>();
  state->view = group_->Snapshot();
  state->catalog = applier_.catalog();
  state->state = applier_.state();
  return state;
}

void Store::Core::Publish(const ReadStateRef& state) {
  published_ = state;
  std::vector<std::string> touched;
  while (!touched_.empty() && touched_.front().applied <= state->state.applied) {
    std::vector<std::string>& keys = touched_.front().keys;
    touched.insert(touched.end(), std::make_move_iterator(keys.begin()),
                   std::make_move_iterator(keys.end()));
    touched_.pop_front();
  }
  if (observer_ != nullptr) observer_->OnState(state, touched);
  changed_.WakeAll();
}

absl::StatusOr<WriteResult> Store::Core::Submit(Fiber& fiber, RequestRef request) {
  if (closing_) return Error(ErrorCode::kReadOnly, "", "", "the store is being closed");
  if (queue_.size() >= kQueueMax)
    return Error(ErrorCode::kOverloaded, "", "", "10000 writes are waiting");
  if (log_->out_of_space()) return Error(ErrorCode::kReadOnly, "", "", "the disk is full");
  if (!failure_.ok()) return failure_;
  request->since = environment_.clock.Monotonic();
  queue_.push_back(request);
  work_.WakeOne();
  request->done.Wait(fiber);
  if (!request->status.ok()) return request->status;
  return std::move(request->result);
}

void Store::Core::RunWriter(Fiber& fiber) {
  for (;;) {
    while (queue_.empty()) work_.Wait(fiber);
    while (in_flight_.size() >= kGroupsInFlightMax && failure_.ok()) progress_.Wait(fiber);
    if (!failure_.ok()) return;
    running_group_ = true;
    RunGroup(fiber);
    running_group_ = false;
    progress_.WakeAll();
  }
}

void Store::Core::RunRequest(Fiber& fiber, Executor& executor, Request& request) {
  const size_t before = executor.mutations().size();
  Executor::Outcome outcome = request.batch ? executor.ExecuteBatch(fiber, request.operations)
                                            : executor.Execute(fiber, request.operations[0]);
  const absl::Status audited = executor.Audit(fiber, request.operations, before, outcome.status);
  if (outcome.status.ok()) outcome.status = audited;
  counters_.inserted += outcome.result.inserted;
  counters_.modified += outcome.result.modified;
  counters_.deleted += outcome.result.deleted;
  if (!outcome.status.ok()) ++counters_.refused;
  request.result = std::move(outcome.result);
  request.status = std::move(outcome.status);
}

void Store::Core::RunGroup(Fiber& fiber) {
  auto transaction = group_->Begin();
  Executor executor(environment_, options_, applier_, clock_, walked_, *transaction);
  Group group;
  bool at_once = false;
  size_t bytes = 0;
  while (!queue_.empty() && group.requests.size() < kGroupOperationsMax && bytes < kGroupBytesMax) {
    RequestRef request = std::move(queue_.front());
    queue_.pop_front();
    const size_t before = executor.mutations().size();
    RunRequest(fiber, executor, *request);
    for (size_t i = before; i < executor.mutations().size(); ++i)
      bytes += executor.mutations()[i].document.size();
    at_once = at_once || request->durability == Durability::kAsync;
    group.requests.push_back(std::move(request));
  }
  const std::vector<Mutation> mutations = executor.Finish();
  if (!mutations.empty()) {
    LogBatch(mutations, *transaction);
    if (absl::Status status = CommitRows(fiber, std::move(transaction)); !status.ok()) {
      in_flight_.push_back(std::move(group));  // so that these hear of it, too
      return Fail(std::move(status));
    }
    // Planted bug M81: the oplog follows in a batch of its own.
    if (mutant::Enabled(mutant::kM81OplogOutsideBatch)) {
      fiber.SleepFor(kBackPressurePause);
      auto late = group_->Begin();
      Sequence sequence = applier_.state().sequence - mutations.size();
      for (const Mutation& mutation : mutations) {
        late->Put(machine::Column::kHistory, OplogKey(++sequence), EncodeOplogRow(mutation));
      }
      if (absl::Status status = CommitRows(fiber, std::move(late)); !status.ok())
        return Fail(std::move(status));
    }
    group.state = Snapshot();
    touched_.push_back({group.state->state.applied, applier_.TakeTouched()});
  }
  ++counters_.groups;
  group.after = last_write_;
  // Planted bug M83: nobody waits for the disk.
  if (at_once || mutant::Enabled(mutant::kM83AcknowledgedBeforeSync)) {
    if (group.state != nullptr) Publish(group.state);
    for (const RequestRef& request : group.requests) {
      const bool waits = request->durability == Durability::kSync &&
                         !mutant::Enabled(mutant::kM83AcknowledgedBeforeSync);
      if (!waits) Answer(*request);
    }
  }
  in_flight_.push_back(std::move(group));
  Release();
}

void Store::Core::OnDurable(raft::WriteId id) {
  durable_ = id;
  Release();
}

void Store::Core::Answer(Request& request) {
  if (request.since) counters_.NoteLatency(environment_.clock.Monotonic() - *request.since);
  if (request.status.ok() && !request.operations.empty() &&
      request.operations[0].kind == Operation::Kind::kCreateIndex) {
    to_build_.WakeAll();
  }
  if (request.status.ok() && !request.operations.empty() &&
      request.operations[0].kind == Operation::Kind::kPurge) {
    purged_ = true;
  }
  request.done.Set();
}

void Store::Core::Release() {
  bool any = false;
  while (!in_flight_.empty() && in_flight_.front().after <= durable_) {
    const Group group = std::move(in_flight_.front());
    in_flight_.pop_front();
    any = true;
    // (An older state than the one that an asynchronous write has shown already is not shown
    // again.)
    if (group.state != nullptr && group.state->state.sequence > published_->state.sequence)
      Publish(group.state);
    for (const RequestRef& request : group.requests) {
      if (!request->done.is_set()) Answer(*request);
    }
  }
  if (any || durable_ == last_write_) progress_.WakeAll();
}

void Store::Core::Fail(absl::Status status) {
  if (!failure_.ok()) return;
  failure_ = Error(ErrorCode::kReadOnly, "", "", std::string(status.message()));
  environment_.trace.Emit(runtime::TraceLevel::kError, "docs.failed",
                          {{"error", std::string(status.message())}});
  // What was not acknowledged may have happened, or not.
  for (const Group& group : in_flight_) {
    for (const RequestRef& request : group.requests) {
      if (request->done.is_set()) continue;
      request->status = failure_;
      request->done.Set();
    }
  }
  in_flight_.clear();
  for (const RequestRef& request : queue_) {
    request->status = failure_;
    request->done.Set();
  }
  queue_.clear();
  progress_.WakeAll();
  changed_.WakeAll();
}

void Store::Core::WaitForChange(Fiber& fiber, Sequence sequence, MonoTime deadline) {
  while (published_->state.sequence <= sequence && failure_.ok()) {
    if (!changed_.Wait(fiber, deadline)) return;
  }
}

absl::Status Store::Core::CutLog(Fiber& fiber) {
  ASSIGN_OR_RETURN(const auto row, group_->GetFlushed(fiber, kStateKey));
  if (row) log_->Compact(kStoreGroup, MetaAt(AppliedOf(*row)));
  if (std::exchange(purged_, false)) return rows_.StartCompaction();
  const bool eager = options_.eager_flush || environment_.fault_points.Fire("docs.eager_flush");
  const bool is_due = flushing_.IsDue(log_->BytesRetained(kStoreGroup), applier_.state().applied);
  return eager || is_due ? rows_.StartFlush() : absl::OkStatus();
}

void Store::Core::RunMaintenance(Fiber& fiber) {
  for (;;) {
    fiber.SleepFor(options_.maintenance_interval);
    if (!failure_.ok()) return;
    if (absl::Status status = CutLog(fiber); !status.ok()) return Fail(std::move(status));
    if (closing_) continue;
    for (const Operation::Kind kind : {Operation::Kind::kSweep, Operation::Kind::kTrim}) {
      auto request = std::make_shared<Request>();
      request->operations.emplace_back().kind = kind;
      (void)Submit(fiber, std::move(request));
    }
  }
}

void Store::Core::RunBuilder(Fiber& fiber) {
  for (;;) {
    auto request = std::make_shared<Request>();
    const CatalogRef catalog = applier_.catalog();
    for (const auto& [name, info] : catalog->collections) {
      for (const IndexDefinition& index : info->indexes) {
        if (index.state != IndexState::kBuilding || !request->operations.empty()) continue;
        Operation& build = request->operations.emplace_back();
        build.kind = Operation::Kind::kBuildIndex;
        build.collection = name;
        build.index = index.options.name;
      }
    }
    if (request->operations.empty()) {
      to_build_.Wait(fiber);
      continue;
    }
    request->durability = Durability::kAsync;
    if (!Submit(fiber, std::move(request)).ok()) fiber.SleepFor(Milliseconds(100));
  }
}

// Everything becomes rows; the log shall say that nothing of it is needed. A batch with nothing but
// that, which is returned.
absl::StatusOr<raft::WriteId> Store::Core::FlushAndForget(Fiber& fiber) {
  // Planted bug M197: what is in memory alone is taken for flushed.
  if (mutant::Enabled(mutant::kM197LogCutBeforeFlush)) {
    log_->Compact(kStoreGroup, MetaAt(applier_.state().applied));
  } else {
    RETURN_IF_ERROR(rows_.Flush(fiber));
    ASSIGN_OR_RETURN(const auto row, group_->GetFlushed(fiber, kStateKey));
    if (row) log_->Compact(kStoreGroup, MetaAt(AppliedOf(*row)));
  }
  raft::Persist persist;
  persist.id = ++last_write_;
  log_->Append(kStoreGroup, std::move(persist));
  return last_write_;
}

absl::Status Store::Core::RenewLog(Fiber& fiber) {
  ASSIGN_OR_RETURN(const raft::WriteId written, FlushAndForget(fiber));
  while (durable_ < written && failure_.ok()) progress_.Wait(fiber);
  return failure_;
}

absl::Status Store::Core::Close(Fiber& fiber) {
  closing_ = true;
  while (failure_.ok() &&
         (!queue_.empty() || running_group_ || !in_flight_.empty() || durable_ < last_write_)) {
    progress_.Wait(fiber);
  }
  RETURN_IF_ERROR(failure_);
  ASSIGN_OR_RETURN(const raft::WriteId written, FlushAndForget(fiber));
  // A log that is short is small on disk and quickly read; nothing depends on it.
  for (int attempt = 0; attempt < kCloseAttempts; ++attempt) {
    if (!failure_.ok() || log_->out_of_space()) break;
    if (durable_ >= written) {
      const auto names = environment_.disk.List(fiber, LogDirectory(options_));
      if (!names.ok() || names->size() <= log_->stats().segments + kFilesAhead) break;
    }
    fiber.SleepFor(kBackPressurePause);
  }
  return failure_;
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(Fiber& fiber, runtime::Environment& environment,
                                                   machine::OrderedStore& rows,
                                                   const StoreOptions& options,
                                                   StateObserver* observer) {
  auto core = std::make_unique<Core>(environment, rows, options, observer);
  RETURN_IF_ERROR(core->Open(fiber));
  return std::unique_ptr<Store>(new Store(std::move(core)));
}

absl::StatusOr<std::set<uint32_t>> Store::KeysOfLog(Fiber& fiber, runtime::Environment& environment,
                                                    const StoreOptions& options) {
  return replica::KeysOfLog(fiber, environment.disk, LogDirectory(options),
                            {kStoreLogOwner, environment.node, environment.shard});
}

Store::Store(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Store::~Store() = default;

absl::StatusOr<WriteResult> Store::Write(Fiber& fiber, Operation operation) {
  auto request = std::make_shared<Request>();
  request->durability = operation.options.durability;
  request->operations.push_back(std::move(operation));
  return core_->Submit(fiber, std::move(request));
}

absl::StatusOr<WriteResult> Store::WriteBatch(Fiber& fiber, std::vector<Operation> operations,
                                              Durability durability) {
  if (operations.empty() || operations.size() > kBatchOperationsMax) {
    return Error(ErrorCode::kBatch, "", std::to_string(operations.size()),
                 "a batch has 1 to 10000 operations");
  }
  auto request = std::make_shared<Request>();
  request->operations = std::move(operations);
  request->batch = true;
  request->durability = durability;
  return core_->Submit(fiber, std::move(request));
}

const ReadStateRef& Store::state() const { return core_->state(); }
void Store::WaitForChange(Fiber& fiber, Sequence sequence, MonoTime deadline) {
  core_->WaitForChange(fiber, sequence, deadline);
}

absl::Status Store::Sync(Fiber& fiber) {
  // Answered once everything before is durable.
  auto request = std::make_shared<Request>();
  request->operations.emplace_back().kind = Operation::Kind::kInsert;
  return core_->Submit(fiber, std::move(request)).status();
}

absl::Status Store::RenewLog(Fiber& fiber) { return core_->RenewLog(fiber); }
absl::Status Store::Close(Fiber& fiber) { return core_->Close(fiber); }
int64_t Store::now_ms() const { return core_->now_ms(); }
StoreStatus Store::status() const { return core_->status(); }
runtime::Environment& Store::environment() { return core_->environment(); }

}  // namespace lockstep::docs
