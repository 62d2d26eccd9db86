#include "framework/replica/applier.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/limits.h"
#include "framework/base/status_macros.h"
#include "framework/replica/envelope.h"
#include "framework/replica/keys.h"
#include "framework/replica/marks.h"
#include "framework/replica/mutants.h"
#include "framework/wire/codec.h"

namespace lockstep::replica {
namespace {

using machine::Column;

// Waiting for a store that pushes back.
constexpr Duration kStoreRetryPause = Milliseconds(2);

}  // namespace

// One batch, as the state machine sees it.
class Applier::Context final : public machine::ApplyContext {
 public:
  explicit Context(machine::StoreTransaction& store) : store_(store) {}

  void MoveTo(const raft::Entry& entry) { entry_ = &entry; }

  machine::StoreTransaction& store() override { return store_; }
  uint64_t index() const override { return entry_->index.value(); }
  uint64_t term() const override { return entry_->term.value(); }
  WallTime time() const override { return WallTime{entry_->timestamp_ns}; }
  void Publish(std::string event) override {
    published_.emplace_back(entry_->index, std::move(event));
  }

  const std::vector<std::pair<raft::Index, std::string>>& published() const { return published_; }

 private:
  machine::StoreTransaction& store_;
  const raft::Entry* entry_ = nullptr;
  std::vector<std::pair<raft::Index, std::string>> published_;
};

Applier::Applier(const Parts& parts, raft::Configuration bootstrap, MemberList members)
    : parts_(parts),
      bootstrap_(std::move(bootstrap)),
      members_(std::move(members)),
      visible_members_(members_.list()) {}

absl::Status Applier::Recover(Fiber& fiber, const raft::SnapshotMeta& log_start) {
  RETURN_IF_ERROR(LoadState(fiber));
  if (applied_.index >= log_start.index) return absl::OkStatus();
  // The log starts behind a snapshot that the store does not hold yet: the crash came between.
  const absl::Status installed = InstallSnapshot(fiber, log_start);
  if (absl::IsNotFound(installed) || absl::IsDataLoss(installed)) return Forget(fiber);
  return installed;
}

// Neither the store nor a staged snapshot has what the log continues.
absl::Status Applier::Forget(Fiber& fiber) {
  RETURN_IF_ERROR(parts_.store.Clear(fiber));
  return LoadState(fiber);
}

absl::Status Applier::LoadState(Fiber& fiber) {
  auto view = parts_.store.Snapshot();
  ASSIGN_OR_RETURN(auto row, view->Get(fiber, Column::kSystem, kAppliedKey));
  raft::SnapshotMeta reached;
  if (row) {
    ASSIGN_OR_RETURN(reached, wire::DecodeSnapshotMeta(*row));
  } else {
    // Nothing was ever flushed, or an installation was cut short: whatever the log starts with.
    reached.configuration = bootstrap_;
  }
  RETURN_IF_ERROR(sessions_.Load(fiber, *view));
  RETURN_IF_ERROR(members_.Load(fiber, *view));
  RETURN_IF_ERROR(agreement_.Load(fiber, *view));
  RETURN_IF_ERROR(parts_.machine.Load(fiber, *view));
  // Last: until then nobody reads this state.
  applied_ = std::move(reached);
  ShowMembers();
  return absl::OkStatus();
}

void Applier::Enqueue(std::vector<raft::Entry> entries) {
  for (raft::Entry& entry : entries) queue_.push_back(std::move(entry));
  work_.WakeOne();
}

void Applier::EnqueueInstall(const raft::SnapshotMeta& meta) {
  // Whatever waits is part of the snapshot.
  marks::Sometimes(!queue_.empty(), kMarkSnapshotOvertakes);
  queue_.clear();
  install_ = meta;
  work_.WakeOne();
}

absl::Status Applier::Run(Fiber& fiber) {
  for (;;) {
    if (install_) {
      const raft::SnapshotMeta meta = *std::exchange(install_, std::nullopt);
      if (mutant::Enabled(mutant::kM39SnapshotNotLoaded)) {
        applied_ = meta;
      } else {
        RETURN_IF_ERROR(InstallSnapshot(fiber, meta));
      }
      if (parts_.observer != nullptr) parts_.observer->OnInstalled(parts_.group, meta);
      parts_.sink.OnSnapshotInstalled(meta);
    } else if (!queue_.empty()) {
      RETURN_IF_ERROR(ApplyBatch(fiber));
    } else {
      work_.Wait(fiber);
    }
  }
}

absl::Status Applier::ApplyBatch(Fiber& fiber) {
  if (mutant::Enabled(mutant::kM19AppliedIndexNotAtomic)) {
    RETURN_IF_ERROR(WriteIndexEarly(fiber));
  }
  auto store = parts_.store.Begin();
  Context context(*store);
  raft::SnapshotMeta reached = applied_;
  std::vector<AppliedRequest> requests;
  size_t bytes = 0;
  for (size_t n = 0; !BatchEnds(n, bytes); ++n) {
    const raft::Entry entry = std::move(queue_.front());
    queue_.pop_front();
    CHECK_EQ(entry.index, reached.index + 1) << "entries must be applied in order";
    bytes += entry.bytes();
    context.MoveTo(entry);
    std::string_view result;
    if (entry.kind == raft::EntryKind::kCommand) {
      ASSIGN_OR_RETURN(AppliedRequest request,
                       ApplyCommand(fiber, entry, reached.configuration, context));
      requests.push_back(std::move(request));
      result = requests.back().result;
    } else if (entry.kind == raft::EntryKind::kConfiguration) {
      reached.configuration = *entry.configuration;
    }
    reached.index = entry.index;
    reached.term = entry.term;
    reached.timestamp_ns = entry.timestamp_ns;
    if (parts_.observer != nullptr) parts_.observer->OnApplied(parts_.group, entry, result);
  }
  // Planted bug M11: the entry after a full batch is believed to be in it.
  if (mutant::Enabled(mutant::kM11PagingSkipsEntry) && !queue_.empty() && !install_) {
    reached.index = queue_.front().index;
    reached.term = queue_.front().term;
    queue_.pop_front();
  }
  sessions_.FinishBatch(*store);
  members_.FinishBatch(*store);
  const std::string meta = wire::EncodeSnapshotMeta(reached);
  store->Put(Column::kSystem, kAppliedKey, meta);
  RETURN_IF_ERROR(Commit(fiber, std::move(store)));
  applied_ = std::move(reached);
  for (const auto& [index, event] : context.published()) parts_.sink.OnPublished(index, event);
  ShowMembers();
  parts_.sink.OnBatchApplied(applied_.index, std::move(requests));
  return absl::OkStatus();
}

// Planted bug M19: what a flush or a snapshot sees in between has the index and not the entry.
absl::Status Applier::WriteIndexEarly(Fiber& fiber) {
  raft::SnapshotMeta early = applied_;
  early.index = queue_.front().index;
  early.term = queue_.front().term;
  auto store = parts_.store.Begin();
  store->Put(Column::kSystem, kAppliedKey, wire::EncodeSnapshotMeta(early));
  RETURN_IF_ERROR(Commit(fiber, std::move(store)));
  fiber.SleepFor(Milliseconds(5));
  return absl::OkStatus();
}

bool Applier::BatchEnds(size_t entries, size_t bytes) {
  // A snapshot that arrives while Apply waits empties the queue.
  if (queue_.empty() || install_) return true;
  if (entries >= limits::kApplyBatchEntriesMax || bytes >= limits::kApplyBatchBytesMax) return true;
  return entries > 0 && parts_.fault_points.Fire("applier.full_batch");
}

absl::StatusOr<AppliedRequest> Applier::ApplyCommand(Fiber& fiber, const raft::Entry& entry,
                                                     const raft::Configuration& configuration,
                                                     Context& context) {
  AppliedRequest request;
  CHECK(entry.payload != nullptr) << "a command without payload at " << entry.index;
  const std::optional<Envelope> envelope = DecodeEnvelope(*entry.payload);
  // Entries are made by this code and checksummed on the way: anything else is a broken invariant.
  CHECK(envelope.has_value()) << "entry " << entry.index << " holds no envelope";
  if (VersionNeeded(envelope->kind) > parts_.protocol_version_max) {
    return TooOldFor(VersionNeeded(envelope->kind), parts_.protocol_version_max);
  }
  request.session = envelope->session;
  request.number = envelope->number;
  if (envelope->kind == EnvelopeKind::kRegister) {
    sessions_.Register(envelope->session, envelope->owner, context.store());
    return request;
  }
  const std::string* known = nullptr;
  request.admission = sessions_.Admit(*envelope, &known);
  if (request.admission == Admission::kDuplicate) request.result = *known;
  if (request.admission != Admission::kNew) return request;
  if (envelope->kind == EnvelopeKind::kMembers) {
    request.result = members_.Apply(envelope->command, configuration);
  } else if (envelope->kind == EnvelopeKind::kAgree) {
    agreement_.Apply(envelope->command, context.store());
  } else {
    ASSIGN_OR_RETURN(request.result, parts_.machine.Apply(fiber, envelope->command, context));
  }
  sessions_.Record(envelope->session, envelope->number, request.result);
  return request;
}

void Applier::ShowMembers() {
  if (visible_members_ == members_.list()) return;
  visible_members_ = members_.list();
  parts_.sink.OnMembersChanged();
}

absl::Status Applier::Commit(Fiber& fiber, std::unique_ptr<machine::StoreTransaction> store) {
  for (;;) {
    absl::Status status = parts_.store.Commit(fiber, std::move(store));
    if (!absl::IsResourceExhausted(status)) return status;
    marks::Reach(kMarkStoreWaitsForSpace);
    fiber.SleepFor(kStoreRetryPause);
  }
}

absl::Status Applier::InstallSnapshot(Fiber& fiber, const raft::SnapshotMeta& meta) {
  ASSIGN_OR_RETURN(auto reader, parts_.snapshots.Read(fiber, parts_.group, meta.index));
  ASSIGN_OR_RETURN(const wire::SnapshotBegin begin, reader->ReadBegin(fiber));
  CHECK_EQ(begin.meta.index, meta.index) << "a staged snapshot under a wrong name";
  RETURN_IF_ERROR(parts_.store.Clear(fiber));
  RETURN_IF_ERROR(WriteRows(fiber, *reader, begin.meta));
  marks::Reach(kMarkSnapshotInstalled);
  return LoadState(fiber);
}

absl::Status Applier::WriteRows(Fiber& fiber, SnapshotReader& reader,
                                const raft::SnapshotMeta& meta) {
  for (;;) {
    ASSIGN_OR_RETURN(const std::optional<wire::SnapshotChunk> chunk, reader.ReadChunk(fiber));
    auto store = parts_.store.Begin();
    if (!chunk) {
      // Last, in a transaction of its own: with this row the installation is complete.
      store->Put(Column::kSystem, kAppliedKey, wire::EncodeSnapshotMeta(meta));
      return Commit(fiber, std::move(store));
    }
    for (const wire::SnapshotRow& row : chunk->rows) {
      const auto column = static_cast<Column>(row.column);
      if (column == Column::kSystem && row.key == kAppliedKey) continue;
      store->Put(column, row.key, row.value);
    }
    RETURN_IF_ERROR(Commit(fiber, std::move(store)));
  }
}

}  // namespace lockstep::replica
