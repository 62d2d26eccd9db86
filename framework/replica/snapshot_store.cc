#include "framework/replica/snapshot_store.h"

#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "framework/base/checksum.h"
#include "framework/base/status_macros.h"
#include "framework/replica/marks.h"

namespace lockstep::replica {
namespace {

// So much may have to be sent again after a power loss, and is synced at a stretch.
constexpr uint64_t kSyncBytes = 4 * 1024 * 1024;
constexpr size_t kReadBytes = 256 * 1024;
constexpr char kTemporarySuffix[] = ".tmp";
constexpr char kSuffix[] = ".snap";
constexpr char kPartialSuffix[] = ".snap.tmp";

std::string GroupPrefix(GroupId group) { return absl::StrCat("g", group.value(), "-"); }

uint64_t ChainRow(uint64_t chain, const wire::SnapshotRow& row) {
  chain = base::Checksum64(std::string_view(reinterpret_cast<const char*>(&row.column), 1), chain);
  chain = base::Checksum64(row.key, chain);
  return base::Checksum64(row.value, chain);
}

}  // namespace

void SnapshotSums::Add(const wire::SnapshotRow& row) {
  end_.checksum = ChainRow(end_.checksum, row);
  ++end_.rows;
}

SnapshotWriter::SnapshotWriter(runtime::Disk& disk, std::string directory, std::string final_path,
                               std::unique_ptr<runtime::File> file, uint64_t offset)
    : disk_(disk),
      directory_(std::move(directory)),
      final_path_(std::move(final_path)),
      file_(std::move(file)),
      offset_(offset) {}

absl::Status SnapshotWriter::Append(Fiber& fiber, const wire::Frame& frame) {
  std::string bytes;
  wire::EncodeFrame(frame, &bytes);
  RETURN_IF_ERROR(file_->Write(fiber, offset_, bytes));
  offset_ += bytes.size();
  unsynced_bytes_ += bytes.size();
  if (unsynced_bytes_ < kSyncBytes) return absl::OkStatus();
  unsynced_bytes_ = 0;
  return file_->DataSync(fiber);
}

absl::Status SnapshotWriter::Commit(Fiber& fiber) {
  RETURN_IF_ERROR(file_->DataSync(fiber));
  file_.reset();
  RETURN_IF_ERROR(disk_.Rename(fiber, absl::StrCat(final_path_, kTemporarySuffix), final_path_));
  return disk_.SyncDirectory(fiber, directory_);
}

SnapshotReader::SnapshotReader(std::unique_ptr<runtime::File> file, std::string path)
    : file_(std::move(file)), path_(std::move(path)) {}

absl::StatusOr<wire::Frame> SnapshotReader::ReadFrame(Fiber& fiber) {
  std::vector<char> buffer(kReadBytes);
  for (;;) {
    absl::StatusOr<std::optional<wire::Frame>> frame = decoder_.Next();
    if (!frame.ok()) {
      return absl::DataLossError(absl::StrCat("snapshot ", path_, ": ", frame.status().message()));
    }
    if (*frame) return **std::move(frame);
    ASSIGN_OR_RETURN(const size_t n, file_->Read(fiber, offset_, absl::MakeSpan(buffer)));
    if (n == 0) return absl::DataLossError(absl::StrCat("snapshot ", path_, " is cut short"));
    offset_ += n;
    decoder_.Feed(std::string_view(buffer.data(), n));
  }
}

absl::StatusOr<wire::SnapshotBegin> SnapshotReader::ReadBegin(Fiber& fiber) {
  ASSIGN_OR_RETURN(wire::Frame frame, ReadFrame(fiber));
  auto* begin = std::get_if<wire::SnapshotBegin>(&frame);
  if (begin == nullptr) return absl::DataLossError(absl::StrCat(path_, " is no snapshot"));
  return std::move(*begin);
}

absl::StatusOr<std::optional<wire::SnapshotChunk>> SnapshotReader::ReadChunk(Fiber& fiber) {
  ASSIGN_OR_RETURN(wire::Frame frame, ReadFrame(fiber));
  if (auto* chunk = std::get_if<wire::SnapshotChunk>(&frame)) {
    return std::optional<wire::SnapshotChunk>(std::move(*chunk));
  }
  if (const auto* end = std::get_if<wire::SnapshotEnd>(&frame)) {
    end_ = *end;
    return std::optional<wire::SnapshotChunk>();
  }
  return absl::DataLossError(absl::StrCat("snapshot ", path_, " holds a foreign frame"));
}

SnapshotStore::SnapshotStore(runtime::Disk& disk, std::string directory)
    : disk_(disk), directory_(std::move(directory)) {}

std::string SnapshotStore::Path(GroupId group, raft::Index index) const {
  return absl::StrCat(directory_, "/", GroupPrefix(group), index.value(), kSuffix);
}

absl::Status SnapshotStore::Open(Fiber& fiber) { return disk_.CreateDirectory(fiber, directory_); }

absl::StatusOr<std::unique_ptr<SnapshotWriter>> SnapshotStore::Begin(Fiber& fiber, GroupId group,
                                                                     raft::Index index) {
  const std::string path = Path(group, index);
  RETURN_IF_ERROR(Discard(fiber, group));
  ASSIGN_OR_RETURN(auto file, disk_.Open(fiber, absl::StrCat(path, kTemporarySuffix),
                                         runtime::OpenMode::kCreate));
  RETURN_IF_ERROR(disk_.SyncDirectory(fiber, directory_));
  return std::make_unique<SnapshotWriter>(disk_, directory_, path, std::move(file), 0);
}

absl::StatusOr<PartialSnapshot> SnapshotStore::Resume(Fiber& fiber,
                                                      const wire::SnapshotBegin& begin) {
  absl::StatusOr<PartialSnapshot> partial = Continue(fiber, begin);
  if (partial.ok()) {
    marks::Sometimes(partial->chunks > 0, kMarkSnapshotResumed);
    return partial;
  }
  PartialSnapshot fresh;
  ASSIGN_OR_RETURN(fresh.writer, Begin(fiber, begin.group, begin.meta.index));
  RETURN_IF_ERROR(fresh.writer->Append(fiber, begin));
  return fresh;
}

absl::StatusOr<PartialSnapshot> SnapshotStore::Continue(Fiber& fiber,
                                                        const wire::SnapshotBegin& begin) {
  const std::string path = Path(begin.group, begin.meta.index);
  const std::string temporary = absl::StrCat(path, kTemporarySuffix);
  if (begin.transfer == 0) return absl::NotFoundError("this transfer has one attempt only");
  ASSIGN_OR_RETURN(auto file, disk_.Open(fiber, temporary, runtime::OpenMode::kRead));
  SnapshotReader reader(std::move(file), temporary);
  ASSIGN_OR_RETURN(const wire::SnapshotBegin found, reader.ReadBegin(fiber));
  if (found.transfer != begin.transfer || found.meta != begin.meta) {
    return absl::NotFoundError("another transfer");
  }
  PartialSnapshot partial;
  uint64_t end = reader.consumed();
  for (;;) {
    const absl::StatusOr<std::optional<wire::SnapshotChunk>> chunk = reader.ReadChunk(fiber);
    // Cut short, damaged, or there is only the end left: from here on it is sent again.
    if (!chunk.ok() || !*chunk || (*chunk)->sequence != partial.chunks) break;
    for (const wire::SnapshotRow& row : (*chunk)->rows) partial.sums.Add(row);
    ++partial.chunks;
    end = reader.consumed();
  }
  ASSIGN_OR_RETURN(file, disk_.Open(fiber, temporary, runtime::OpenMode::kReadWrite));
  RETURN_IF_ERROR(file->Truncate(fiber, end));
  partial.writer = std::make_unique<SnapshotWriter>(disk_, directory_, path, std::move(file), end);
  return partial;
}

absl::StatusOr<std::unique_ptr<SnapshotReader>> SnapshotStore::Read(Fiber& fiber, GroupId group,
                                                                    raft::Index index) {
  const std::string path = Path(group, index);
  ASSIGN_OR_RETURN(auto file, disk_.Open(fiber, path, runtime::OpenMode::kRead));
  return std::make_unique<SnapshotReader>(std::move(file), path);
}

absl::Status SnapshotStore::RemoveUpTo(Fiber& fiber, GroupId group, raft::Index index) {
  RETURN_IF_ERROR(RemoveIf(fiber, group, kSuffix, index));
  return RemoveIf(fiber, group, kPartialSuffix, index);
}

absl::Status SnapshotStore::Discard(Fiber& fiber, GroupId group) {
  return RemoveIf(fiber, group, kPartialSuffix, raft::Index(UINT64_MAX));
}

absl::Status SnapshotStore::RemoveIf(Fiber& fiber, GroupId group, const char* suffix,
                                     raft::Index index_max) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, disk_.List(fiber, directory_));
  const std::string prefix = GroupPrefix(group);
  for (const std::string& name : names) {
    absl::string_view middle = name;
    if (!absl::ConsumePrefix(&middle, prefix) || !absl::ConsumeSuffix(&middle, suffix)) continue;
    uint64_t at = 0;
    if (!absl::SimpleAtoi(middle, &at) || at > index_max.value()) continue;
    RETURN_IF_ERROR(disk_.Remove(fiber, absl::StrCat(directory_, "/", name)));
  }
  return absl::OkStatus();
}

}  // namespace lockstep::replica
