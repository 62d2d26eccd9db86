#include "framework/replica/log_seal.h"

#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/replica/log_names.h"
#include "framework/replica/log_read.h"
#include "framework/replica/mutants.h"

namespace lockstep::replica {
namespace {

static_assert(sizeof(SealedBody) % kLogAlignment == 0 && runtime::kSealBytes % kLogAlignment == 0);

// Where the batch belongs, as bytes.
std::string_view Bytes(const BatchPlace& place) {
  static_assert(sizeof(BatchPlace) == 24);
  return {reinterpret_cast<const char*>(&place), sizeof(place)};
}

}  // namespace

void BatchSealer::Seal(const BatchPlace& place, size_t start, std::string* buffer) {
  if (cipher_ == nullptr) return;
  CHECK_GE(buffer->size(), start);
  if (stream_ == nullptr) {
    id_.key = cipher_->current_key();
    id_.high = random_.Draw("log.seal");
    id_.low = random_.Draw("log.seal");
    // Planted bug M121: a stream is taken for new because the process is.
    if (mutant::Enabled(mutant::kM121NonceUsedTwice)) id_.high = id_.low = 1;
    stream_ = cipher_->Stream(id_);
    CHECK(stream_ != nullptr) << "the current key is not known";
  }
  const std::string plain = buffer->substr(start);
  buffer->resize(start);
  const SealedBody header{id_.key, 0, id_.high, id_.low, pieces_++};
  buffer->append(reinterpret_cast<const char*>(&header), sizeof(header));
  stream_->Seal(header.piece, Bytes(place), plain, buffer);
}

absl::StatusOr<std::string_view> BatchOpener::Open(uint64_t sequence, const ScannedBatch& batch) {
  if (!batch.sealed && cipher_ == nullptr) return batch.body;
  if (!batch.sealed) return absl::FailedPreconditionError("the log is not sealed");
  if (cipher_ == nullptr) return absl::FailedPreconditionError("the log is sealed: it needs a key");
  SealedBody header;
  if (batch.body.size() < sizeof(header)) return absl::DataLossError("not a sealed batch");
  std::memcpy(&header, batch.body.data(), sizeof(header));
  const runtime::SealedStreamId id{header.key, header.high, header.low, 0};
  if (stream_ == nullptr || !(id == id_)) stream_ = cipher_->Stream(id);
  if (stream_ == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the log is sealed with key ", header.key, ", which is not known"));
  }
  id_ = id;
  plain_.clear();
  const std::string_view sealed = batch.body.substr(sizeof(header));
  if (!stream_->Open(header.piece, Bytes({sequence, batch.offset, batch.batch}), sealed, &plain_)) {
    return absl::DataLossError(
        absl::StrCat("batch ", batch.batch, " is not what was sealed: it was changed"));
  }
  return std::string_view(plain_);
}

absl::StatusOr<std::set<uint32_t>> KeysOfLog(Fiber& fiber, runtime::Disk& disk,
                                             const std::string& directory,
                                             const LogIdentity& identity) {
  std::set<uint32_t> keys;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, disk.List(fiber, directory));
  for (const std::string& name : names) {
    const auto sequence = SequenceOf(name);
    if (!sequence) continue;
    ASSIGN_OR_RETURN(const SegmentBytes file,
                     ReadSegmentFile(fiber, disk, PathIn(directory, name)));
    ASSIGN_OR_RETURN(const SegmentParts parts, ScanParts(identity, *sequence, file.bytes));
    for (const ScannedBatch& batch : parts.batches) {
      SealedBody header;
      if (!batch.sealed || batch.body.size() < sizeof(header)) continue;
      std::memcpy(&header, batch.body.data(), sizeof(header));
      keys.insert(header.key);
    }
  }
  return keys;
}

}  // namespace lockstep::replica
