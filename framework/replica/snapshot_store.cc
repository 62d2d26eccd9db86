#include "framework/replica/snapshot_store.h"

#include <array>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"
#include "framework/replica/marks.h"

namespace lockstep::replica {
namespace {

constexpr size_t kWriteBytes = 1024 * 1024;
constexpr size_t kReadBytes = 256 * 1024;
constexpr char kTemporarySuffix[] = ".tmp";
constexpr char kSuffix[] = ".snap";

std::string GroupPrefix(GroupId group) { return absl::StrCat("g", group.value(), "-"); }

}  // namespace

SnapshotWriter::SnapshotWriter(runtime::Disk& disk, std::string directory, std::string final_path,
                               std::unique_ptr<runtime::File> file)
    : disk_(disk),
      directory_(std::move(directory)),
      final_path_(std::move(final_path)),
      file_(std::move(file)) {}

absl::Status SnapshotWriter::Append(Fiber& fiber, const wire::Frame& frame) {
  wire::EncodeFrame(frame, &buffer_);
  if (buffer_.size() < kWriteBytes) return absl::OkStatus();
  RETURN_IF_ERROR(file_->Write(fiber, offset_, buffer_));
  offset_ += buffer_.size();
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status SnapshotWriter::Commit(Fiber& fiber) {
  RETURN_IF_ERROR(file_->Write(fiber, offset_, buffer_));
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

absl::Status SnapshotStore::Open(Fiber& fiber) {
  RETURN_IF_ERROR(disk_.CreateDirectory(fiber, directory_));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, disk_.List(fiber, directory_));
  for (const std::string& name : names) {
    if (!name.ends_with(kTemporarySuffix)) continue;
    RETURN_IF_ERROR(disk_.Remove(fiber, absl::StrCat(directory_, "/", name)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<SnapshotWriter>> SnapshotStore::Begin(Fiber& fiber, GroupId group,
                                                                     raft::Index index) {
  const std::string path = Path(group, index);
  const std::string temporary = absl::StrCat(path, kTemporarySuffix);
  ASSIGN_OR_RETURN(const bool left_over, disk_.Exists(fiber, temporary));
  marks::Sometimes(left_over, kMarkSnapshotBegunAgain);
  if (left_over) RETURN_IF_ERROR(disk_.Remove(fiber, temporary));
  ASSIGN_OR_RETURN(auto file, disk_.Open(fiber, temporary, runtime::OpenMode::kCreate));
  return std::make_unique<SnapshotWriter>(disk_, directory_, path, std::move(file));
}

absl::StatusOr<std::unique_ptr<SnapshotReader>> SnapshotStore::Read(Fiber& fiber, GroupId group,
                                                                    raft::Index index) {
  const std::string path = Path(group, index);
  ASSIGN_OR_RETURN(auto file, disk_.Open(fiber, path, runtime::OpenMode::kRead));
  return std::make_unique<SnapshotReader>(std::move(file), path);
}

absl::Status SnapshotStore::RemoveUpTo(Fiber& fiber, GroupId group, raft::Index index) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, disk_.List(fiber, directory_));
  const std::string prefix = GroupPrefix(group);
  for (const std::string& name : names) {
    std::string_view middle = name;
    if (!middle.starts_with(prefix) || !middle.ends_with(kSuffix)) continue;
    middle.remove_prefix(prefix.size());
    middle.remove_suffix(sizeof(kSuffix) - 1);
    uint64_t at = 0;
    if (!absl::SimpleAtoi(absl::string_view(middle.data(), middle.size()), &at)) continue;
    if (at <= index.value()) {
      RETURN_IF_ERROR(disk_.Remove(fiber, absl::StrCat(directory_, "/", name)));
    }
  }
  return absl::OkStatus();
}

}  // namespace lockstep::replica
