#include "framework/replica/peer_records.h"

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "framework/base/check.h"
#include "framework/base/checksum.h"
#include "framework/base/status_macros.h"
#include "framework/replica/identity.h"

namespace lockstep::replica {
namespace {

constexpr char kName[] = "/PEERS";
constexpr size_t kBytesMax = 64 * 1024;

std::string WithSum(const std::string& body) {
  return absl::StrFormat("%s sum %016x\n", body, base::Checksum64(body));
}

}  // namespace

absl::Status PeerRecords::Load(Fiber& fiber) {
  const std::string path = directory_ + kName;
  ASSIGN_OR_RETURN(const bool is_there, disk_.Exists(fiber, path));
  if (!is_there) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto file, disk_.Open(fiber, path, runtime::OpenMode::kRead));
  std::string text(kBytesMax, '\0');
  ASSIGN_OR_RETURN(const size_t n, file->Read(fiber, 0, absl::MakeSpan(text)));
  text.resize(n);
  const absl::Status damaged = absl::DataLossError(
      "the file PEERS is damaged: restore it, or replace this member (remove it, add another)");
  const std::string body = text.substr(0, text.find(" sum "));
  if (text != WithSum(body)) return damaged;
  const std::vector<std::string> words = absl::StrSplit(body, ' ');
  if (words.size() % 2 == 0) return damaged;  // "peers", then pairs
  for (size_t i = 1; i < words.size(); i += 2) {
    uint64_t peer = 0;
    uint64_t directory = 0;
    if (!absl::SimpleHexAtoi(words[i], &peer) || !absl::SimpleHexAtoi(words[i + 1], &directory)) {
      return damaged;
    }
    records_[NodeId(peer)] = directory;
  }
  // The process that wrote it may have died before its name was durable.
  return disk_.SyncDirectory(fiber, directory_);
}

uint64_t PeerRecords::Find(NodeId peer) const {
  const auto at = records_.find(peer);
  return at == records_.end() ? 0 : at->second;
}

absl::Status PeerRecords::Record(Fiber& fiber, NodeId peer, uint64_t directory) {
  CHECK_NE(directory, 0u);
  writing_.Acquire(fiber);
  struct Release {
    fiber::Semaphore& semaphore;
    ~Release() { semaphore.Release(); }
  } release{writing_};
  if (records_.contains(peer)) return absl::OkStatus();
  if (records_.size() >= kRecordsMax) {
    return absl::ResourceExhaustedError("too many peers have come in this node's life");
  }
  std::map<NodeId, uint64_t> records = records_;
  records[peer] = directory;
  std::swap(records, records_);
  const std::string content = Encode();
  std::swap(records, records_);  // known only once it is durable
  RETURN_IF_ERROR(ReplaceFile(fiber, disk_, directory_ + kName, content));
  RETURN_IF_ERROR(disk_.SyncDirectory(fiber, directory_));
  records_ = std::move(records);
  return absl::OkStatus();
}

std::string PeerRecords::Encode() const {
  std::string body = "peers";
  for (const auto& [peer, directory] : records_) {
    absl::StrAppendFormat(&body, " %016x %016x", peer.value(), directory);
  }
  return WithSum(body);
}

}  // namespace lockstep::replica
