#include "docs-memory/testing/sealed_disk.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "docs-memory/store/options.h"
#include "framework/base/checksum.h"
#include "framework/replica/log_names.h"
#include "framework/replica/log_scan.h"
#include "framework/store/sealed_format.h"

namespace lockstep::docs {

std::string SealedDisk::Check(sim::SimNode& node) {
  Walk(node, "");
  return failure_;
}

void SealedDisk::Walk(sim::SimNode& node, const std::string& directory) {
  const auto names = node.disk().List(directory);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    const std::string path = directory.empty() ? name : directory + "/" + name;
    const sim::InodeRef inode = node.disk().Find(path);
    if (inode == nullptr) continue;
    if (inode->is_directory) {
      Walk(node, path);
      continue;
    }
    std::string bytes(inode->image.size(), '\0');
    bytes.resize(inode->image.Read(0, absl::MakeSpan(bytes.data(), bytes.size())));
    LookAt(path, bytes);
  }
}

void SealedDisk::LookAt(const std::string& path, std::string_view bytes) {
  for (const std::string& secret : secrets_) {
    if (bytes.find(secret) != std::string_view::npos && failure_.empty())
      failure_ = absl::StrCat("'", secret, "' can be read in ", path);
  }
  const std::string name = path.substr(path.rfind('/') + 1);
  if (const auto sequence = replica::SequenceOf(name)) return LookAtLog(path, *sequence, bytes);
  LookAtPages(path, bytes);
}

void SealedDisk::LookAtPages(const std::string& path, std::string_view bytes) {
  store::SealedHeader header;
  if (bytes.size() < sizeof(header)) return;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, store::kSealedMagic, sizeof(header.magic)) != 0) return;
  bytes.remove_prefix(sizeof(header));
  for (uint64_t page = 0;; ++page) {
    store::PageLength length = 0;
    if (bytes.size() < sizeof(length)) return;
    std::memcpy(&length, bytes.data(), sizeof(length));
    if (length == 0 || length + store::kPageOverhead > bytes.size()) return;
    Note(path, {header.key, header.high, header.low, header.number, page},
         bytes.substr(0, length + store::kPageOverhead));
    bytes.remove_prefix(length + store::kPageOverhead);
  }
}

void SealedDisk::LookAtLog(const std::string& path, uint64_t sequence, std::string_view bytes) {
  const replica::LogIdentity identity{kStoreLogOwner, NodeId(1), ShardId(0)};
  const auto parts = replica::ScanParts(identity, sequence, bytes);
  if (!parts.ok()) return;
  for (const replica::ScannedBatch& batch : parts->batches) {
    replica::SealedBody body;
    if (!batch.sealed || batch.body.size() < sizeof(body)) continue;
    std::memcpy(&body, batch.body.data(), sizeof(body));
    Note(path, {body.key, body.high, body.low, 0, body.piece}, batch.body);
  }
}

void SealedDisk::Note(const std::string& path, const Piece& piece, std::string_view sealed) {
  const uint64_t checksum = base::Checksum64(sealed);
  const auto [known, is_new] = pieces_.emplace(piece, checksum);
  if (is_new || known->second == checksum || !failure_.empty()) return;
  failure_ = absl::StrCat("a nonce was used twice: piece ", std::get<4>(piece), " in ", path);
}

}  // namespace lockstep::docs
