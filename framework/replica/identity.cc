#include "framework/replica/identity.h"

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "framework/base/check.h"
#include "framework/base/checksum.h"
#include "framework/base/status_macros.h"

namespace lockstep::replica {
namespace {

constexpr char kName[] = "/IDENTITY";
constexpr char kCopyName[] = "/IDENTITY.copy";
constexpr size_t kBytesMax = 256 * 1024;

absl::Status Differs(const char* what, uint64_t found, uint64_t expected, const char* advice) {
  return absl::FailedPreconditionError(
      absl::StrFormat("the data directory belongs to %s %x, this node is configured for %x: %s",
                      what, found, expected, advice));
}

absl::Status Compare(const Identity& found, const Identity& expected) {
  if (found.format_version > Identity::kFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the data directory has format version ", found.format_version,
        ", this program reads up to ", Identity::kFormatVersion, ": use the newer program"));
  }
  if (found.format_version < Identity::kFormatVersionMin) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the data directory has format version ", found.format_version,
        ", this program reads from ", Identity::kFormatVersionMin,
        " on: start the node with the older program, or with an empty --data-dir if the other "
        "members hold the data"));
  }
  if (found.cluster != expected.cluster) {
    return Differs("cluster", found.cluster.value(), expected.cluster.value(),
                   "check --initial-cluster and --initial-cluster-token, or choose another "
                   "--data-dir");
  }
  if (found.node != expected.node) {
    return Differs("member", found.node.value(), expected.node.value(),
                   "check --name and --initial-advertise-peer-urls, or choose another --data-dir");
  }
  if (found.shard_count != expected.shard_count) {
    return absl::FailedPreconditionError(
        absl::StrCat("the data directory is laid out for ", found.shard_count, " shard(s), not ",
                     expected.shard_count, ": the number of shards of a node cannot be changed"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Identity> ReadFile(Fiber& fiber, runtime::Disk& disk, const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, disk.Open(fiber, path, runtime::OpenMode::kRead));
  std::string text(kBytesMax, '\0');
  ASSIGN_OR_RETURN(const size_t n, file->Read(fiber, 0, absl::MakeSpan(text)));
  text.resize(n);
  Identity identity;
  RETURN_IF_ERROR(DecodeIdentity(text, &identity));
  return identity;
}

// The copy first: whoever sees the file under its name may rely on both.
absl::Status WriteBoth(Fiber& fiber, runtime::Disk& disk, const std::string& directory,
                       const Identity& identity) {
  for (const char* name : {kCopyName, kName}) {
    RETURN_IF_ERROR(ReplaceFile(fiber, disk, directory + name, EncodeIdentity(identity)));
    RETURN_IF_ERROR(disk.SyncDirectory(fiber, directory));
  }
  return absl::OkStatus();
}

}  // namespace

std::string ShardPath(ShardId shard) { return absl::StrCat("shard-", shard.value()); }

absl::Status ReplaceFile(Fiber& fiber, runtime::Disk& disk, const std::string& path,
                         const std::string& content) {
  const std::string temporary = path + ".tmp";
  ASSIGN_OR_RETURN(const bool left_over, disk.Exists(fiber, temporary));
  if (left_over) RETURN_IF_ERROR(disk.Remove(fiber, temporary));
  {
    ASSIGN_OR_RETURN(const auto file, disk.Open(fiber, temporary, runtime::OpenMode::kCreate));
    RETURN_IF_ERROR(file->WriteAndSync(fiber, 0, content));
  }
  return disk.Rename(fiber, temporary, path);
}

std::string EncodeIdentity(const Identity& identity) {
  const std::string body =
      absl::StrFormat("lockstep %d cluster %016x node %016x shards %d directory %016x initial %s",
                      identity.format_version, identity.cluster.value(), identity.node.value(),
                      identity.shard_count, identity.directory,
                      absl::BytesToHexString(EncodeMembers(identity.initial)));
  return absl::StrFormat("%s sum %016x\n", body, base::Checksum64(body));
}

absl::Status DecodeIdentity(const std::string& text, Identity* identity) {
  const absl::Status damaged =
      absl::DataLossError("the file IDENTITY is damaged: restore it, or this node from its peers");
  const size_t end = text.find(" sum ");
  if (end == std::string::npos) return damaged;
  const std::string body = text.substr(0, end);
  if (text != absl::StrFormat("%s sum %016x\n", body, base::Checksum64(body))) return damaged;
  const std::vector<std::string> words = absl::StrSplit(body, ' ');
  uint64_t cluster = 0;
  uint64_t node = 0;
  // Version 2 ended with the shards.
  if ((words.size() != 8 && words.size() != 12) || words[0] != "lockstep" ||
      !absl::SimpleAtoi(words[1], &identity->format_version) ||
      !absl::SimpleHexAtoi(words[3], &cluster) || !absl::SimpleHexAtoi(words[5], &node) ||
      !absl::SimpleAtoi(words[7], &identity->shard_count)) {
    return damaged;
  }
  identity->cluster = ClusterId(cluster);
  identity->node = NodeId(node);
  if (words.size() == 8) return absl::OkStatus();
  auto initial = DecodeMembers(absl::HexStringToBytes(words[11]));
  if (!absl::SimpleHexAtoi(words[9], &identity->directory) || !initial.ok()) return damaged;
  identity->initial = *std::move(initial);
  return absl::OkStatus();
}

absl::StatusOr<Identity> ReadIdentity(Fiber& fiber, runtime::Disk& disk,
                                      const std::string& directory) {
  absl::StatusOr<Identity> identity = ReadFile(fiber, disk, directory + kName);
  if (!absl::IsDataLoss(identity.status())) return identity;
  absl::StatusOr<Identity> copy = ReadFile(fiber, disk, directory + kCopyName);
  return copy.ok() ? copy : identity;
}

absl::Status CheckIdentityFiles(Fiber& fiber, runtime::Disk& disk, const std::string& directory) {
  RETURN_IF_ERROR(ReadFile(fiber, disk, directory + kName).status());
  const absl::Status copy = ReadFile(fiber, disk, directory + kCopyName).status();
  // (There is none before the first start with this version.)
  return absl::IsNotFound(copy) ? absl::OkStatus() : copy;
}

absl::StatusOr<bool> IsClaimed(Fiber& fiber, runtime::Disk& disk, const std::string& directory) {
  return disk.Exists(fiber, directory + kName);
}

absl::StatusOr<Identity> ClaimDirectory(Fiber& fiber, runtime::Disk& disk,
                                        const std::string& directory, const Identity& wanted) {
  RETURN_IF_ERROR(disk.CreateDirectory(fiber, directory));
  ASSIGN_OR_RETURN(const bool claimed, IsClaimed(fiber, disk, directory));
  Identity identity = wanted;
  if (claimed) {
    ASSIGN_OR_RETURN(identity, ReadIdentity(fiber, disk, directory));
    RETURN_IF_ERROR(Compare(identity, wanted));
  }
  bool is_whole = claimed && identity.format_version == Identity::kFormatVersion;
  if (!is_whole) {
    CHECK_NE(wanted.directory, 0u);
    identity.format_version = Identity::kFormatVersion;
    identity.directory = wanted.directory;
    identity.initial = wanted.initial;
  }
  for (const char* name : {kName, kCopyName}) {
    const absl::StatusOr<Identity> found = ReadFile(fiber, disk, directory + name);
    is_whole = is_whole && found.ok() && *found == identity;
  }
  if (!is_whole) RETURN_IF_ERROR(WriteBoth(fiber, disk, directory, identity));
  // Also when the files were there: the process that wrote them may have died before it came to
  // this.
  RETURN_IF_ERROR(disk.SyncDirectory(fiber, directory));
  RETURN_IF_ERROR(disk.SyncDirectory(fiber, ""));
  return identity;
}

}  // namespace lockstep::replica
