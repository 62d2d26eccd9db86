#include "framework/replica/log_keeper.h"

#include <algorithm>
#include <utility>

#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/replica/log_names.h"
#include "framework/replica/mutants.h"

namespace lockstep::replica {

namespace {
constexpr size_t kHeaderPageBytes = 4096;
}  // namespace

using runtime::File;
using runtime::OpenMode;

SegmentKeeper::SegmentKeeper(runtime::Environment& environment, const LogOptions& options)
    : environment_(environment),
      options_(options),
      spare_path_(PathIn(options.directory, kSpareName)) {}

std::string SegmentKeeper::Path(uint64_t sequence) const {
  return PathIn(options_.directory, SegmentName(sequence));
}

absl::Status SegmentKeeper::SyncNewName(Fiber& fiber) {
  // Planted bug M24: the segment's batches are acknowledged under a name that a power loss undoes.
  if (mutant::Enabled(mutant::kM24SegmentDirectoryNotSynced)) return absl::OkStatus();
  return environment_.disk.SyncDirectory(fiber, options_.directory);
}

absl::StatusOr<std::unique_ptr<File>> SegmentKeeper::Take(Fiber& fiber, uint64_t sequence) {
  if (wanted_ == sequence) wanted_.reset();
  while (prepared_ && prepared_->sequence == sequence && !prepared_->file) named_.Wait(fiber);
  if (!prepared_ || prepared_->sequence != sequence) return Create(fiber, sequence);
  std::unique_ptr<File> file = std::move(prepared_->file);
  prepared_.reset();
  return file;
}

absl::StatusOr<std::unique_ptr<File>> SegmentKeeper::Create(Fiber& fiber, uint64_t sequence) {
  auto file = environment_.disk.Open(fiber, Path(sequence), OpenMode::kCreate);
  if (absl::IsAlreadyExists(file.status())) {
    // Left by an attempt that failed, or by recovery.
    file = environment_.disk.Open(fiber, Path(sequence), OpenMode::kReadWrite);
    if (file.ok()) RETURN_IF_ERROR((*file)->Truncate(fiber, 0));
  }
  if (!file.ok()) return file.status();
  RETURN_IF_ERROR(SyncNewName(fiber));
  return file;
}

void SegmentKeeper::Prepare(uint64_t sequence) {
  if (prepared_ && prepared_->sequence == sequence) return;
  wanted_ = sequence;
  work_.WakeAll();
}

void SegmentKeeper::Drop(uint64_t sequence) { Queue({sequence, true}); }

void SegmentKeeper::Discard(uint64_t sequence) { Queue({sequence, false}); }

void SegmentKeeper::Queue(const Gone& gone) {
  if (!drops_.empty()) CHECK_EQ(gone.sequence, drops_.back().sequence + 1);
  drops_.push_back(gone);
  work_.WakeAll();
}

void SegmentKeeper::Run(Fiber& fiber) {
  for (;;) {
    while (drops_.empty() && !wanted_) work_.Wait(fiber);
    const absl::Status status = Work(fiber);
    if (status.ok()) continue;
    environment_.trace.Emit(
        runtime::TraceLevel::kWarning, "log.keeper",
        {{"error", std::string_view(status.message().data(), status.message().size())}});
    // Whatever state they are in, nobody relies on the spare and the prepared file.
    spare_.reset();
    spare_recycled_ = false;
    prepared_.reset();
    wanted_.reset();
    named_.WakeAll();
    if (!absl::IsResourceExhausted(status)) return;
    fiber.SleepFor(options_.no_space_pause);
  }
}

absl::Status SegmentKeeper::Work(Fiber& fiber) {
  if (!drops_.empty()) return DropOldest(fiber);
  if (!spare_) return FillSpare(fiber);
  return NameSpare(fiber);
}

absl::Status SegmentKeeper::DropOldest(Fiber& fiber) {
  const auto [sequence, is_reusable] = drops_.front();
  // One at a time and each made durable: a power loss never leaves a gap in the sequence.
  const bool recycle = is_reusable && !spare_ && !spare_recycled_;
  const absl::Status done = recycle ? environment_.disk.Rename(fiber, Path(sequence), spare_path_)
                                    : environment_.disk.Remove(fiber, Path(sequence));
  if (!done.ok() && !absl::IsNotFound(done)) return done;
  RETURN_IF_ERROR(environment_.disk.SyncDirectory(fiber, options_.directory));
  drops_.pop_front();
  if (recycle && done.ok()) {
    spare_recycled_ = true;
    ++recycled_;
  }
  return absl::OkStatus();
}

absl::Status SegmentKeeper::FillSpare(Fiber& fiber) {
  auto file = environment_.disk.Open(fiber, spare_path_,
                                     spare_recycled_ ? OpenMode::kReadWrite : OpenMode::kCreate);
  if (absl::IsAlreadyExists(file.status())) {
    file = environment_.disk.Open(fiber, spare_path_, OpenMode::kReadWrite);
  }
  if (!file.ok()) return file.status();
  // A segment that was not begun must not look like one whose beginning cannot be read.
  if (spare_recycled_) {
    RETURN_IF_ERROR((*file)->Write(fiber, 0, std::string(kHeaderPageBytes, '\0')));
  }
  // What a recycled file holds is as good as zeros: it does not pass for this segment's.
  ASSIGN_OR_RETURN(uint64_t filled, (*file)->Size(fiber));
  const std::string zeros(options_.prewrite_chunk_bytes, '\0');
  while (filled < options_.segment_bytes) {
    const uint64_t chunk = std::min<uint64_t>(zeros.size(), options_.segment_bytes - filled);
    RETURN_IF_ERROR((*file)->Write(fiber, filled, {zeros.data(), chunk}));
    filled += chunk;
    fiber.SleepFor(options_.prewrite_pause);
  }
  RETURN_IF_ERROR((*file)->DataSync(fiber));
  spare_ = *std::move(file);
  spare_recycled_ = false;
  return absl::OkStatus();
}

absl::Status SegmentKeeper::NameSpare(Fiber& fiber) {
  if (!wanted_) return absl::OkStatus();  // taken meanwhile; the spare is for the next one
  const uint64_t sequence = *wanted_;
  wanted_.reset();
  prepared_ = Prepared{sequence, nullptr};
  RETURN_IF_ERROR(environment_.disk.Rename(fiber, spare_path_, Path(sequence)));
  RETURN_IF_ERROR(SyncNewName(fiber));
  prepared_->file = std::move(spare_);
  named_.WakeAll();
  return absl::OkStatus();
}

}  // namespace lockstep::replica
