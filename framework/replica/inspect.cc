#include "framework/replica/inspect.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"
#include "framework/replica/client_sessions.h"
#include "framework/replica/keys.h"
#include "framework/replica/log_names.h"
#include "framework/replica/log_read.h"
#include "framework/replica/log_recovery.h"
#include "framework/replica/log_scan.h"
#include "framework/replica/snapshot_store.h"
#include "framework/replica/snapshot_transfer.h"
#include "framework/wire/codec.h"

namespace lockstep::replica {
namespace {

class Inspection final {
 public:
  Inspection(Fiber& fiber, runtime::Disk& disk, const InspectOptions& options)
      : fiber_(fiber), disk_(disk), options_(options) {
    report_.directory = options.directory;
  }

  ShardReport Run() {
    LookAtIdentity();
    if (report_.identity) LookAtLog();
    LookAtSnapshots();
    if (options_.store != nullptr) LookAtStore();
    NoteSetAside(options_.directory);
    NoteSetAside(LogDirectory());
    return std::move(report_);
  }

 private:
  std::string LogDirectory() const { return PathIn(options_.directory, "log"); }

  void Say(bool is_damage, std::string path, std::string text) {
    report_.findings.push_back({is_damage, std::move(path), std::move(text)});
  }

  std::vector<std::string> NamesIn(const std::string& directory) {
    auto names = disk_.List(fiber_, directory);
    return names.ok() ? *std::move(names) : std::vector<std::string>();
  }

  void LookAtIdentity() {
    absl::StatusOr<Identity> identity = ReadIdentity(fiber_, disk_, options_.directory);
    if (identity.ok()) {
      report_.identity = *identity;
      const absl::Status files = CheckIdentityFiles(fiber_, disk_, options_.directory);
      if (files.ok()) return;
      Say(true, PathIn(options_.directory, "IDENTITY"),
          "one of IDENTITY and IDENTITY.copy is damaged; the next start mends it from the other");
    } else {
      Say(true, PathIn(options_.directory, "IDENTITY"), std::string(identity.status().message()));
    }
  }

  void LookAtLog() {
    const std::string directory = LogDirectory();
    const LogIdentity identity{report_.identity->cluster, report_.identity->node, options_.shard};
    for (const std::string& name : NamesIn(directory)) {
      const std::optional<uint64_t> sequence = SequenceOf(name);
      if (sequence) LookAtSegment(name, *sequence, identity);
    }
    if (report_.segments.empty()) return Say(false, directory, "there is no log yet");
    // What a start of the node would say.
    const absl::StatusOr<RecoveredLog> log = ExamineLog(fiber_, disk_, directory, identity);
    if (!log.ok()) return Say(true, directory, std::string(log.status().message()));
    for (const auto& [id, group] : log->groups) {
      report_.groups.push_back({id, group.hard_state, group.snapshot.index,
                                group.snapshot.index + group.entries.size(), std::nullopt, 0});
      if (!group.hard_state.abstains) continue;
      Say(false, directory,
          absl::StrCat("group ", id.value(),
                       " lost a part of its log and has no "
                       "vote until it has caught up"));
    }
  }

  void LookAtSegment(const std::string& name, uint64_t sequence, const LogIdentity& identity) {
    const std::string path = PathIn(LogDirectory(), name);
    const absl::StatusOr<SegmentBytes> file = ReadSegmentFile(fiber_, disk_, path);
    if (!file.ok()) return Say(true, path, std::string(file.status().message()));
    SegmentReport& segment = report_.segments.emplace_back();
    segment.name = name;
    segment.bytes = file->bytes.size();
    for (const uint64_t offset : file->unreadable) {
      Say(true, path, absl::StrCat("the medium does not give back offset ", offset));
    }
    const absl::StatusOr<SegmentParts> parts = ScanParts(identity, sequence, file->bytes);
    if (!parts.ok()) return Say(true, path, std::string(parts.status().message()));
    segment.is_begun = parts->header.has_value();
    if (segment.is_begun) segment.first_batch = parts->header->first_batch;
    segment.batches = parts->batches.size();
    for (const uint64_t batch : parts->damaged) {
      Say(false, path, absl::StrCat("batch ", batch, " is damaged, or torn if it is the last"));
    }
  }

  void LookAtSnapshots() {
    const std::string directory = PathIn(options_.directory, "snapshots");
    for (const std::string& name : NamesIn(directory)) {
      if (!absl::EndsWith(name, ".snap")) continue;
      StagedReport staged{name, {}, 0};
      const absl::Status status = CheckStagedSnapshot(PathIn(directory, name), &staged);
      if (!status.ok()) Say(true, PathIn(directory, name), std::string(status.message()));
      report_.staged.push_back(std::move(staged));
    }
  }

  absl::Status CheckStagedSnapshot(const std::string& path, StagedReport* staged) {
    ASSIGN_OR_RETURN(auto file, disk_.Open(fiber_, path, runtime::OpenMode::kRead));
    SnapshotReader reader(std::move(file), path);
    ASSIGN_OR_RETURN(const wire::SnapshotBegin begin, reader.ReadBegin(fiber_));
    staged->index = begin.meta.index;
    SnapshotSums sums;
    for (;;) {
      ASSIGN_OR_RETURN(const std::optional<wire::SnapshotChunk> chunk, reader.ReadChunk(fiber_));
      if (!chunk) break;
      for (const wire::SnapshotRow& row : chunk->rows) sums.Add(row);
    }
    staged->rows = sums.end().rows;
    if (reader.end().rows == sums.end().rows && reader.end().checksum == sums.end().checksum) {
      return absl::OkStatus();
    }
    return absl::DataLossError("the rows do not match the checksum at the end");
  }

  void LookAtStore() {
    for (GroupReport& group : report_.groups) {
      const absl::Status status = LookAtGroup(group);
      if (status.ok()) continue;
      Say(true, PathIn(options_.directory, "state"),
          absl::StrCat("group ", group.group.value(), ": ", status.message()));
    }
  }

  absl::Status LookAtGroup(GroupReport& group) {
    const auto store = options_.store->Group(group.group);
    const auto view = store->Snapshot();
    for (size_t column = 0; column < machine::kColumnCount; ++column) {
      const auto walk = view->NewIterator(static_cast<machine::Column>(column));
      for (walk->Seek(fiber_, ""); walk->Valid(); walk->Next(fiber_)) ++group.rows;
      RETURN_IF_ERROR(walk->status());
    }
    ASSIGN_OR_RETURN(const auto row, view->Get(fiber_, machine::Column::kSystem, kAppliedKey));
    raft::SnapshotMeta applied;
    if (row) {
      ASSIGN_OR_RETURN(applied, wire::DecodeSnapshotMeta(*row));
    }
    group.applied = applied.index;
    ClientSessions sessions;
    RETURN_IF_ERROR(sessions.Load(fiber_, *view));
    if (applied.index < group.log_start && !IsStaged(group.log_start)) {
      return absl::DataLossError(absl::StrCat("the state ends at ", applied.index.value(),
                                              " and the log starts after ",
                                              group.log_start.value()));
    }
    if (applied.index > group.log_end && !group.hard_state.abstains) {
      return absl::DataLossError(absl::StrCat("the state has ", applied.index.value(),
                                              " entries and the log ends at ",
                                              group.log_end.value()));
    }
    if (options_.machine == nullptr || group.rows == 0) return absl::OkStatus();
    return options_.machine->CheckInvariants(fiber_, *view);
  }

  bool IsStaged(raft::Index index) const {
    return std::any_of(report_.staged.begin(), report_.staged.end(),
                       [&](const StagedReport& staged) { return staged.index == index; });
  }

  void NoteSetAside(const std::string& directory) {
    for (const std::string& name : NamesIn(directory)) {
      if (absl::EndsWith(name, ".damaged")) report_.set_aside.push_back(PathIn(directory, name));
    }
  }

  Fiber& fiber_;
  runtime::Disk& disk_;
  const InspectOptions& options_;
  ShardReport report_;
};

}  // namespace

bool ShardReport::is_damaged() const {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.is_damage; });
}

ShardReport InspectShard(Fiber& fiber, runtime::Disk& disk, const InspectOptions& options) {
  return Inspection(fiber, disk, options).Run();
}

}  // namespace lockstep::replica
