// Sealing the bodies of the log's batches. Headers stay readable: what is torn and what is damage
// is told by checksums of sealed bytes, as it is without a seal.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_LOG_SEAL_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_LOG_SEAL_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "framework/replica/log_format.h"
#include "framework/replica/log_scan.h"
#include "framework/runtime/cipher.h"
#include "framework/runtime/disk.h"
#include "framework/runtime/random.h"

namespace lockstep::replica {

// Where a batch is; a body that is moved does not open.
struct BatchPlace final {
  uint64_t sequence = 0;
  uint64_t offset = 0;
  uint64_t batch = 0;
};

// The writer's. One stream per start: a batch that a power loss took back is never sealed again
// under its number. Belongs to the log.
class BatchSealer final {
 public:
  // `cipher`: null if nothing is sealed.
  BatchSealer(const runtime::Cipher* cipher, runtime::Random& random)
      : cipher_(cipher), random_(random) {}

  bool seals() const { return cipher_ != nullptr; }
  // The body, which begins at `start` of the buffer, becomes a sealed one.
  void Seal(const BatchPlace& place, size_t start, std::string* buffer);

 private:
  const runtime::Cipher* const cipher_;
  runtime::Random& random_;
  runtime::SealedStreamId id_;
  std::unique_ptr<const runtime::StreamCipher> stream_;  // once there was a batch
  uint64_t pieces_ = 0;
};

// The reader's. Remembers the stream of the last batch.
class BatchOpener final {
 public:
  explicit BatchOpener(const runtime::Cipher* cipher) : cipher_(cipher) {}

  // The body as it was encoded; valid until the next call. DATA_LOSS: it is not what was sealed.
  // FAILED_PRECONDITION: it is sealed and there is no key, or the other way round.
  absl::StatusOr<std::string_view> Open(uint64_t sequence, const ScannedBatch& batch);

 private:
  const runtime::Cipher* const cipher_;
  runtime::SealedStreamId id_;
  std::unique_ptr<const runtime::StreamCipher> stream_;
  std::string plain_;
};

// The data keys of all sealed batches in a log's files, also of those that nobody needs any more.
// Suspends.
absl::StatusOr<std::set<uint32_t>> KeysOfLog(Fiber& fiber, runtime::Disk& disk,
                                             const std::string& directory,
                                             const LogIdentity& identity);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_LOG_SEAL_H_
