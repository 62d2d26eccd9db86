#include "framework/replica/log_repair.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/replica/log_names.h"
#include "framework/replica/log_read.h"
#include "framework/replica/log_replay.h"
#include "framework/replica/log_scan.h"
#include "framework/wire/codec.h"

namespace lockstep::replica {
namespace {

constexpr absl::string_view kDamagedSuffix = ".damaged";

// The newest ballot of a group in an intact batch.
struct Ballot final {
  raft::HardState state;
  uint64_t batch = 0;
};

class LogMender final {
 public:
  LogMender(Fiber& fiber, runtime::Disk& disk, const std::string& directory,
            const LogIdentity& identity, const std::vector<GroupId>& groups)
      : fiber_(fiber), disk_(disk), directory_(directory), identity_(identity) {
    // (Of which nothing may be left.)
    for (const GroupId group : groups) ballots_[group] = {};
  }

  absl::StatusOr<LogRepair> Run() {
    RETURN_IF_ERROR(ReadAll());
    RETURN_IF_ERROR(ReplayPrefix());
    RETURN_IF_ERROR(CheckBallots());
    LogRepair repair;
    repair.kept_batches = prefix_.size();
    repair.lost_batches = batches_.rbegin()->first + 1 - first_ - prefix_.size();
    RETURN_IF_ERROR(WriteAnew());
    RETURN_IF_ERROR(SetSegmentsAside(fiber_, disk_, directory_, sequences_));
    for (const uint64_t sequence : sequences_) {
      repair.set_aside.push_back(absl::StrCat(SegmentName(sequence), kDamagedSuffix));
    }
    return repair;
  }

 private:
  // Everything that is intact, by number; from the newest segment on that begins the log anew.
  absl::Status ReadAll() {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, disk_.List(fiber_, directory_));
    for (const std::string& name : names) {
      if (const auto sequence = SequenceOf(name)) sequences_.push_back(*sequence);
    }
    std::sort(sequences_.begin(), sequences_.end());
    for (const uint64_t sequence : sequences_) RETURN_IF_ERROR(ReadOne(sequence));
    if (batches_.empty()) return absl::DataLossError("the log holds no intact batch");
    if (!start_known_) first_ = batches_.begin()->first;
    if (tail_unreadable_) return Unknown("its end cannot be read");
    return absl::OkStatus();
  }

  absl::Status ReadOne(uint64_t sequence) {
    ASSIGN_OR_RETURN(const SegmentBytes file,
                     ReadSegmentFile(fiber_, disk_, PathIn(directory_, SegmentName(sequence))));
    ASSIGN_OR_RETURN(const SegmentParts parts, ScanParts(identity_, sequence, file.bytes));
    const bool anew = parts.header && (parts.header->flags & kBeginsAnew) != 0 &&
                      !parts.batches.empty() &&
                      parts.batches.front().batch == parts.header->first_batch;
    if (anew) {
      batches_.clear();
      batch_max_ = 0;
    }
    if (anew || sequence == sequences_.front()) {
      start_known_ = parts.header.has_value() || sequence == 1;
      first_ = parts.header ? parts.header->first_batch : 1;
    }
    for (const ScannedBatch& batch : parts.batches) {
      if (batch.sealed) return absl::FailedPreconditionError("a sealed log is not mended");
      auto records = wire::DecodeLogBatch(batch.body);
      if (records.ok()) batches_[batch.batch] = *std::move(records);
      batch_max_ = std::max(batch_max_, batch.batch);
    }
    for (const uint64_t number : parts.damaged) batch_max_ = std::max(batch_max_, number);
    NoteTail(parts, file);
    return absl::OkStatus();
  }

  // Whether something may be behind the last intact batch, and the medium does not say what.
  void NoteTail(const SegmentParts& parts, const SegmentBytes& file) {
    uint64_t end = 0;
    if (!parts.batches.empty()) {
      end = parts.batches.back().offset + sizeof(BatchHeader) + parts.batches.back().body.size();
      tail_unreadable_ = false;
    }
    tail_unreadable_ |= file.UnreadableWithin(end, file.bytes.size());
  }

  static absl::Status Unknown(absl::string_view why) {
    return absl::DataLossError(
        absl::StrCat("the log is damaged and what this node voted may be lost with it (", why,
                     "): remove this node's data and let it join again, or restore it"));
  }

  absl::Status ReplayPrefix() {
    Replay replay(groups_);
    // (What follows an unknown beginning is no beginning.)
    for (uint64_t number = first_; start_known_ && batches_.contains(number); ++number) {
      for (const wire::GroupRecord& record : batches_.at(number)) {
        RETURN_IF_ERROR(replay.Apply(record));
      }
      prefix_.insert(number);
    }
    // Segments go when a later batch says that nobody needs them, and that may be among the lost.
    for (auto& [id, group] : groups_) {
      const bool has_gap =
          !group.entries.empty() && group.entries.front().index != group.snapshot.index + 1;
      if (has_gap) group.entries.clear();
    }
    return absl::OkStatus();
  }

  // A vote that nobody remembers might be given again to somebody else. So every group has to tell
  // its ballot behind the last batch that is missing.
  absl::Status CheckBallots() {
    const uint64_t intact_max = batches_.rbegin()->first;
    // One that has begun and nothing else behind it is torn, and was never acknowledged.
    if (batch_max_ > intact_max + 1) return Unknown("its last batches are damaged");
    uint64_t missing = 0;
    for (uint64_t number = intact_max; number >= first_ && missing == 0; --number) {
      if (!batches_.contains(number)) missing = number;
    }
    for (const auto& [number, records] : batches_) {
      for (const wire::GroupRecord& record : records) {
        Ballot& ballot = ballots_[record.group];
        if (record.hard_state) ballot = {*record.hard_state, number};
      }
    }
    for (const auto& [group, ballot] : ballots_) {
      if (ballot.batch > missing) continue;
      return Unknown(absl::StrCat(
          "batch ", missing, " is damaged, and nothing behind it tells of group ", group.value()));
    }
    return absl::OkStatus();
  }

  // One batch that holds everything, in a segment that makes all older ones void.
  absl::Status WriteAnew() {
    const uint64_t sequence = sequences_.back() + 1;
    SegmentHeader header = MakeSegmentHeader(identity_, sequence, batch_max_ + 1);
    header.flags = kBeginsAnew;
    header.checksum = HeaderChecksum(header, 0);
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
    bytes.resize(sizeof(SegmentHeader) + sizeof(BatchHeader));
    wire::EncodeLogBatch(Records(), &bytes);
    const uint64_t seed = PlaceSeed(identity_, sequence, sizeof(SegmentHeader));
    const BatchHeader batch = MakeBatchHeader(
        seed, batch_max_ + 1,
        std::string_view(bytes).substr(sizeof(SegmentHeader) + sizeof(BatchHeader)));
    std::memcpy(bytes.data() + sizeof(SegmentHeader), &batch, sizeof(batch));
    const std::string path = PathIn(directory_, SegmentName(sequence));
    ASSIGN_OR_RETURN(const auto file, disk_.Open(fiber_, path, runtime::OpenMode::kCreate));
    RETURN_IF_ERROR(file->WriteAndSync(fiber_, 0, bytes));
    return disk_.SyncDirectory(fiber_, directory_);
  }

  std::vector<wire::GroupRecord> Records() {
    std::vector<wire::GroupRecord> records;
    for (const auto& [id, ballot] : ballots_) {
      RecoveredGroup& group = groups_[id];
      wire::GroupRecord& record = records.emplace_back();
      record.group = id;
      if (group.snapshot.index > raft::Index(0)) record.snapshot = group.snapshot;
      record.entries = std::move(group.entries);
      record.hard_state = ballot.state;
      // What is known to be committed is known of the later log, not of this one.
      record.hard_state->commit = group.hard_state.commit;
      record.hard_state->abstains = true;
    }
    return records;
  }

  Fiber& fiber_;
  runtime::Disk& disk_;
  const std::string& directory_;
  const LogIdentity identity_;
  std::vector<uint64_t> sequences_;
  std::map<uint64_t, std::vector<wire::GroupRecord>> batches_;  // intact, by number
  uint64_t first_ = 0;                                          // number of the log's first batch
  bool start_known_ = false;
  bool tail_unreadable_ = false;
  uint64_t batch_max_ = 0;  // of all that were begun
  std::set<uint64_t> prefix_;
  std::map<GroupId, RecoveredGroup> groups_;  // as of the prefix
  std::map<GroupId, Ballot> ballots_;
};

}  // namespace

absl::StatusOr<LogRepair> RepairLog(Fiber& fiber, runtime::Disk& disk, const std::string& directory,
                                    const LogIdentity& identity,
                                    const std::vector<GroupId>& groups) {
  return LogMender(fiber, disk, directory, identity, groups).Run();
}

absl::Status SetSegmentsAside(Fiber& fiber, runtime::Disk& disk, const std::string& directory,
                              const std::vector<uint64_t>& sequences) {
  if (sequences.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<std::string> names, disk.List(fiber, directory));
  for (const uint64_t sequence : sequences) {
    const std::string name = SegmentName(sequence);
    if (std::find(names.begin(), names.end(), name) == names.end()) continue;
    RETURN_IF_ERROR(disk.Rename(fiber, PathIn(directory, name),
                                absl::StrCat(PathIn(directory, name), kDamagedSuffix)));
  }
  // Those of an earlier repair.
  const std::string oldest = SegmentName(sequences.front());
  for (const std::string& name : names) {
    const bool is_old = absl::EndsWith(name, kDamagedSuffix) &&
                        name.substr(0, name.size() - kDamagedSuffix.size()) < oldest;
    if (is_old) RETURN_IF_ERROR(disk.Remove(fiber, PathIn(directory, name)));
  }
  return disk.SyncDirectory(fiber, directory);
}

}  // namespace lockstep::replica
