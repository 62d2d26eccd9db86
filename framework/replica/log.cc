#include "framework/replica/log.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/fiber/sync.h"
#include "framework/replica/log_format.h"
#include "framework/replica/log_keeper.h"
#include "framework/replica/log_recovery.h"
#include "framework/replica/log_repair.h"
#include "framework/replica/log_seal.h"
#include "framework/replica/log_segments.h"
#include "framework/replica/marks.h"
#include "framework/replica/mutants.h"
#include "framework/wire/codec.h"

namespace lockstep::replica {
namespace {

size_t BytesOf(const wire::GroupRecord& record) {
  size_t bytes = 64;
  for (const raft::Entry& entry : record.entries) bytes += entry.bytes();
  return bytes;
}

absl::Status UnknownContent(GroupId group) {
  return absl::DataLossError(
      absl::StrCat("the log is damaged, and nobody here knows what it held of group ",
                   group.value(), ": a restart mends it"));
}

std::string ParentOf(const std::string& directory) {
  const size_t slash = directory.rfind('/');
  return slash == std::string::npos ? "." : directory.substr(0, slash);
}

}  // namespace

class Log::Core final {
 public:
  Core(runtime::Environment& environment, const Options& options)
      : environment_(environment),
        options_(options),
        identity_{options.cluster, environment.node, environment.shard},
        sealer_(options.cipher, environment.random),
        keeper_(environment, options_),
        background_(environment.scheduler) {}

  absl::Status Open(Fiber& fiber, std::map<GroupId, RecoveredGroup>* recovered);
  void Append(GroupId group, raft::Persist persist);
  void Compact(GroupId group, const raft::SnapshotMeta& meta);
  void WriteAnew();
  absl::Status Run(Fiber& fiber);

  std::map<GroupId, LogClient*>& clients() { return clients_; }
  const SegmentSet& segments() const { return segments_; }
  size_t queued_writes() const { return queue_.size() + batch_acks_.size(); }
  bool out_of_space() const { return out_of_space_; }
  Stats stats() const;

 private:
  struct Queued final {
    raft::WriteId id;
    wire::GroupRecord record;
  };
  struct Ack final {
    GroupId group;
    raft::WriteId id;
  };

  void TakeBatch();
  absl::Status TakeEverything();
  absl::Status WriteBatch(Fiber& fiber);
  absl::Status BeginSegment(Fiber& fiber);
  void EncodeBatch(bool begins_segment);
  absl::Status WriteAndSync(Fiber& fiber);
  void NoteDurable();
  void Acknowledge();
  std::vector<wire::GroupRecord> Head() const;
  template <typename Operation>
  absl::Status WaitingForSpace(Fiber& fiber, const Operation& operation);

  runtime::Environment& environment_;
  const Options options_;
  const LogIdentity identity_;
  BatchSealer sealer_;

  std::vector<Queued> queue_;
  std::map<GroupId, raft::SnapshotMeta> compactions_;  // to be recorded with the next batch
  std::map<GroupId, LogClient*> clients_;
  fiber::WaitQueue work_;

  // The batch that is being written.
  std::vector<wire::GroupRecord> batch_;
  std::vector<Ack> batch_acks_;
  std::string buffer_;

  SegmentSet segments_;
  std::unique_ptr<runtime::File> file_;  // of the newest segment
  uint64_t offset_ = 0;                  // of the next batch in it; 0: not begun
  uint64_t last_batch_ = 0;
  Stats stats_;
  bool failed_ = false;
  bool out_of_space_ = false;
  bool anew_wanted_ = false;
  bool is_anew_ = false;  // the batch is everything that there is

  SegmentKeeper keeper_;
  fiber::Scope background_;  // last: its fibers use what is above
};

absl::Status Log::Core::Open(Fiber& fiber, std::map<GroupId, RecoveredGroup>* recovered) {
  CHECK(!options_.directory.empty());
  CHECK_EQ(options_.segment_bytes % kLogAlignment, 0u);
  runtime::Disk& disk = environment_.disk;
  RETURN_IF_ERROR(disk.CreateDirectory(fiber, options_.directory));
  RETURN_IF_ERROR(disk.SyncDirectory(fiber, ParentOf(options_.directory)));
  ASSIGN_OR_RETURN(RecoveredLog log,
                   RecoverLog(fiber, disk, options_.directory, identity_, options_.cipher));
  RETURN_IF_ERROR(SetSegmentsAside(fiber, disk, options_.directory, log.outdated));
  segments_ = std::move(log.segments);
  last_batch_ = log.last_batch;
  // Never behind a tail of unknown history: each incarnation begins a segment of its own.
  ASSIGN_OR_RETURN(file_, keeper_.Take(fiber, segments_.newest() + 1));
  environment_.trace.Emit(runtime::TraceLevel::kInfo, "log.open",
                          {{"segments", segments_.size()},
                           {"bytes", segments_.bytes()},
                           {"last_batch", last_batch_},
                           {"groups", uint64_t{log.groups.size()}}});
  *recovered = std::move(log.groups);
  return absl::OkStatus();
}

void Log::Core::Append(GroupId group, raft::Persist persist) {
  if (failed_) return;
  if (queue_.empty()) work_.WakeAll();
  Queued& queued = queue_.emplace_back();
  queued.id = persist.id;
  queued.record.group = group;
  queued.record.snapshot = std::move(persist.snapshot);
  queued.record.entries = std::move(persist.entries);
  queued.record.hard_state = persist.hard_state;
}

void Log::Core::Compact(GroupId group, const raft::SnapshotMeta& meta) {
  const auto known = segments_.groups().find(group);
  if (known != segments_.groups().end() && meta.index <= known->second.base.index) return;
  raft::SnapshotMeta& pending = compactions_[group];
  if (meta.index > pending.index) pending = meta;
}

void Log::Core::WriteAnew() {
  anew_wanted_ = true;
  work_.WakeAll();
}

absl::Status Log::Core::Run(Fiber& fiber) {
  background_.Spawn("log.keeper", [this](Fiber& keeper) { keeper_.Run(keeper); });
  for (;;) {
    while (queue_.empty() && !anew_wanted_) work_.Wait(fiber);
    // As behind a slow device: more writes share the sync.
    if (environment_.fault_points.Fire("log.late_batch")) fiber.SleepFor(Milliseconds(5));
    absl::Status written;
    if (std::exchange(anew_wanted_, false)) {
      written = TakeEverything();
    } else {
      TakeBatch();
    }
    if (written.ok()) written = WriteBatch(fiber);
    if (!written.ok()) {
      failed_ = true;
      queue_.clear();
      environment_.trace.Emit(
          runtime::TraceLevel::kError, "log.failed",
          {{"error", std::string_view(written.message().data(), written.message().size())}});
      return written;
    }
    NoteDurable();
    Acknowledge();
  }
}

void Log::Core::TakeBatch() {
  CHECK(batch_.empty());
  CHECK(batch_acks_.empty());
  for (auto& [group, meta] : compactions_) {
    wire::GroupRecord& record = batch_.emplace_back();
    record.group = group;
    record.compacted = std::move(meta);
  }
  compactions_.clear();
  size_t bytes = 0;
  size_t taken = 0;
  for (Queued& queued : queue_) {
    bytes += BytesOf(queued.record);
    if (taken > 0 && bytes > options_.batch_bytes_max) break;
    batch_acks_.push_back({queued.record.group, queued.id});
    batch_.push_back(std::move(queued.record));
    ++taken;
  }
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(taken));
}

// The writes that wait are in it, too.
absl::Status Log::Core::TakeEverything() {
  CHECK(batch_.empty());
  CHECK(batch_acks_.empty());
  for (const auto& [group, summary] : segments_.groups()) {
    if (!clients_.contains(group)) return UnknownContent(group);
  }
  for (const auto& [group, client] : clients_) {
    std::optional<raft::Persist> whole = client->WholeLog();
    if (!whole) return UnknownContent(group);
    wire::GroupRecord& record = batch_.emplace_back();
    record.group = group;
    record.snapshot = std::move(whole->snapshot);
    record.entries = std::move(whole->entries);
    record.hard_state = whole->hard_state;
  }
  compactions_.clear();
  for (const Queued& queued : queue_) {
    CHECK(clients_.contains(queued.record.group));
    batch_acks_.push_back({queued.record.group, queued.id});
  }
  queue_.clear();
  is_anew_ = true;
  return absl::OkStatus();
}

absl::Status Log::Core::WriteBatch(Fiber& fiber) {
  if (offset_ > 0 && !is_anew_) EncodeBatch(/*begins_segment=*/false);
  if (is_anew_ || offset_ == 0 || offset_ + buffer_.size() > options_.segment_bytes) {
    RETURN_IF_ERROR(BeginSegment(fiber));
  }
  return WaitingForSpace(fiber, [&] { return WriteAndSync(fiber); });
}

// Makes the batch the first of a new segment, behind all that is known of the groups.
absl::Status Log::Core::BeginSegment(Fiber& fiber) {
  const uint64_t sequence = segments_.newest() + 1;
  if (offset_ > 0) {
    RETURN_IF_ERROR(WaitingForSpace(fiber, [&]() -> absl::Status {
      ASSIGN_OR_RETURN(file_, keeper_.Take(fiber, sequence));
      return absl::OkStatus();
    }));
  }
  segments_.Add(sequence);
  offset_ = 0;
  EncodeBatch(/*begins_segment=*/true);
  return absl::OkStatus();
}

void Log::Core::EncodeBatch(bool begins_segment) {
  if (begins_segment && !is_anew_) {
    std::vector<wire::GroupRecord> head = Head();
    batch_.insert(batch_.begin(), std::make_move_iterator(head.begin()),
                  std::make_move_iterator(head.end()));
  }
  buffer_.clear();
  if (begins_segment) {
    const SegmentHeader header = MakeSegmentHeader(identity_, segments_.newest(), last_batch_ + 1,
                                                   is_anew_ ? kBeginsAnew : 0);
    buffer_.append(reinterpret_cast<const char*>(&header), sizeof(header));
  }
  const size_t start = buffer_.size();
  buffer_.resize(start + sizeof(BatchHeader));
  wire::EncodeLogBatch(batch_, &buffer_);
  sealer_.Seal({segments_.newest(), offset_ + start, last_batch_ + 1}, start + sizeof(BatchHeader),
               &buffer_);
  const std::string_view body = std::string_view(buffer_).substr(start + sizeof(BatchHeader));
  const uint64_t seed = PlaceSeed(identity_, segments_.newest(), offset_ + start);
  const BatchHeader header = MakeBatchHeader(seed, last_batch_ + 1, body, sealer_.seals());
  std::memcpy(buffer_.data() + start, &header, sizeof(header));
}

// What every group needs of segments that will be dropped.
std::vector<wire::GroupRecord> Log::Core::Head() const {
  std::vector<wire::GroupRecord> head;
  head.reserve(segments_.groups().size());
  for (const auto& [id, group] : segments_.groups()) {
    wire::GroupRecord& record = head.emplace_back();
    record.group = id;
    record.compacted = group.base;
    // Planted bug M27: the term is forgotten together with the segment that held it.
    if (mutant::Enabled(mutant::kM27TermBackwardAfterSnapshot)) continue;
    record.hard_state = group.hard_state;
  }
  return head;
}

absl::Status Log::Core::WriteAndSync(Fiber& fiber) {
  CHECK_EQ(offset_ % kLogAlignment, 0u);
  absl::Status written = file_->WriteAndSync(fiber, offset_, buffer_);
  // Planted bug M23: the kernel dropped what it could not write, so the second sync has nothing to
  // fail for.
  if (!written.ok() && mutant::Enabled(mutant::kM23SyncFailureRetried)) {
    written = file_->DataSync(fiber);
  }
  // Planted bug M97: what found no space is acknowledged all the same.
  if (absl::IsResourceExhausted(written) && mutant::Enabled(mutant::kM97NoSpaceAcknowledged)) {
    return absl::OkStatus();
  }
  return written;
}

// Repeats the operation while it fails for want of space. Every byte since the last good sync is
// written again then, so nothing that a failed sync dropped is missing.
template <typename Operation>
absl::Status Log::Core::WaitingForSpace(Fiber& fiber, const Operation& operation) {
  for (;;) {
    const absl::Status status = operation();
    if (out_of_space_ != absl::IsResourceExhausted(status)) {
      out_of_space_ = !out_of_space_;
      marks::Sometimes(out_of_space_, kMarkLogWaitsForSpace);
      environment_.trace.Emit(runtime::TraceLevel::kWarning, "log.space",
                              {{"full", int{out_of_space_}}});
    }
    if (!out_of_space_) return status;
    fiber.SleepFor(options_.no_space_pause);
  }
}

void Log::Core::NoteDurable() {
  ++last_batch_;
  offset_ += buffer_.size();
  if (is_anew_) {
    segments_.ForgetOlder();
    ++stats_.rewrites;
  }
  segments_.AddBytes(buffer_.size());
  for (const wire::GroupRecord& record : batch_) segments_.Note(record);
  ++stats_.batches;
  ++stats_.syncs;
  stats_.writes += batch_acks_.size();
  stats_.bytes_written += buffer_.size();
  batch_.clear();
  // Half of a segment is time enough to fill the next one, and small logs never need it.
  if (offset_ >= options_.segment_bytes / 2) keeper_.Prepare(segments_.newest() + 1);
  while (const auto segment = segments_.TakeDroppable()) {
    // A file that rotted is not used again.
    if (is_anew_) {
      keeper_.Discard(segment->sequence);
    } else {
      keeper_.Drop(segment->sequence);
    }
  }
  is_anew_ = false;
  environment_.trace.Emit(runtime::TraceLevel::kDebug, "log.durable",
                          {{"batch", last_batch_},
                           {"bytes", uint64_t{buffer_.size()}},
                           {"writes", uint64_t{batch_acks_.size()}}});
}

void Log::Core::Acknowledge() {
  const fiber::NoSuspend guard(environment_.scheduler);
  const std::vector<Ack> acks = std::exchange(batch_acks_, {});
  for (const Ack& ack : acks) {
    const auto client = clients_.find(ack.group);
    if (client != clients_.end()) client->second->OnDurable(ack.id);
  }
}

Log::Stats Log::Core::stats() const {
  Stats stats = stats_;
  stats.bytes_retained = segments_.bytes();
  stats.segments = segments_.size();
  stats.segments_recycled = keeper_.recycled();
  return stats;
}

absl::StatusOr<std::unique_ptr<Log>> Log::Open(Fiber& fiber, runtime::Environment& environment,
                                               const Options& options,
                                               std::map<GroupId, RecoveredGroup>* recovered) {
  auto core = std::make_unique<Core>(environment, options);
  RETURN_IF_ERROR(core->Open(fiber, recovered));
  return std::unique_ptr<Log>(new Log(std::move(core)));
}

Log::Log(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Log::~Log() = default;

void Log::Register(GroupId group, LogClient& client) {
  const bool added = core_->clients().emplace(group, &client).second;
  CHECK(added) << "group " << group << " has a client";
}

void Log::Unregister(GroupId group) { core_->clients().erase(group); }

void Log::Append(GroupId group, raft::Persist persist) { core_->Append(group, std::move(persist)); }

void Log::Compact(GroupId group, const raft::SnapshotMeta& meta) { core_->Compact(group, meta); }

absl::Status Log::Run(Fiber& fiber) { return core_->Run(fiber); }

Log::Stats Log::stats() const { return core_->stats(); }

uint64_t Log::BytesRetained(GroupId group) const { return core_->segments().BytesNeededBy(group); }

std::optional<GroupId> Log::OldestNeededBy() const { return core_->segments().OldestNeededBy(); }

void Log::WriteAnew() { core_->WriteAnew(); }

std::vector<SegmentExtent> Log::segments() const { return core_->segments().Extents(); }

size_t Log::queued_writes() const { return core_->queued_writes(); }

bool Log::out_of_space() const { return core_->out_of_space(); }

}  // namespace lockstep::replica
