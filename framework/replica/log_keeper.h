// SegmentKeeper: makes segment files ahead of time and gets rid of old ones, in the background.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_LOG_KEEPER_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_LOG_KEEPER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/fiber/sync.h"
#include "framework/replica/log.h"
#include "framework/runtime/disk.h"

namespace lockstep::replica {

// A file that is written over costs a third less per data sync than one that grows, so segments are
// filled with zeros before their time, or are old ones under a new name.
//
// Invariants:
//   1. A file that Take returns has a durable name.
//   2. Names of dropped segments disappear durably one after the other, oldest first.
// Owned by the log.
class SegmentKeeper final {
 public:
  SegmentKeeper(runtime::Environment& environment, const LogOptions& options);
  SegmentKeeper(const SegmentKeeper&) = delete;
  SegmentKeeper& operator=(const SegmentKeeper&) = delete;

  // The file of segment `sequence`, to be written from offset 0: the prepared one, or made on the
  // spot. Its content means nothing. Suspends.
  absl::StatusOr<std::unique_ptr<runtime::File>> Take(Fiber& fiber, uint64_t sequence);

  // Segment `sequence` will be taken next: have it ready. Idempotent. Does not suspend.
  void Prepare(uint64_t sequence);
  // Nobody needs segment `sequence` any more. Does not suspend.
  void Drop(uint64_t sequence);
  // As Drop, and the medium under its file is not trusted any more.
  void Discard(uint64_t sequence);

  // Does the work that was asked for. Returns only when the disk fails; Take does without then.
  void Run(Fiber& fiber);

  uint64_t recycled() const { return recycled_; }

 private:
  struct Gone final {
    uint64_t sequence = 0;
    bool is_reusable = true;
  };
  struct Prepared final {
    uint64_t sequence = 0;
    std::unique_ptr<runtime::File> file;  // null while it is being named
  };

  void Queue(const Gone& gone);
  absl::Status Work(Fiber& fiber);
  absl::Status DropOldest(Fiber& fiber);
  absl::Status FillSpare(Fiber& fiber);
  absl::Status NameSpare(Fiber& fiber);
  absl::StatusOr<std::unique_ptr<runtime::File>> Create(Fiber& fiber, uint64_t sequence);
  absl::Status SyncNewName(Fiber& fiber);
  std::string Path(uint64_t sequence) const;

  runtime::Environment& environment_;
  const LogOptions& options_;
  const std::string spare_path_;
  std::deque<Gone> drops_;
  std::optional<uint64_t> wanted_;
  bool spare_recycled_ = false;           // a dropped file has the spare's name, to be filled
  std::unique_ptr<runtime::File> spare_;  // filled and durable, but for its name
  std::optional<Prepared> prepared_;
  fiber::WaitQueue work_;
  fiber::WaitQueue named_;
  uint64_t recycled_ = 0;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_LOG_KEEPER_H_
