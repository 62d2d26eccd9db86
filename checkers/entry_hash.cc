#include "checkers/entry_hash.h"

#include "framework/base/checksum.h"
#include "framework/base/random.h"

namespace lockstep::checkers {
namespace {

uint64_t HashNodes(uint64_t hash, const std::vector<NodeId>& nodes) {
  for (const NodeId node : nodes) hash = CombineHash(hash, node.value());
  return CombineHash(hash, nodes.size());
}

}  // namespace

uint64_t CombineHash(uint64_t hash, uint64_t value) { return base::Mix64(hash * 31 + value + 1); }

uint64_t HashEntry(const raft::Entry& entry) {
  uint64_t hash = CombineHash(entry.index.value(), entry.term.value());
  hash = CombineHash(hash, static_cast<uint64_t>(entry.kind));
  hash = CombineHash(hash, static_cast<uint64_t>(entry.timestamp_ns));
  if (entry.kind == raft::EntryKind::kConfiguration) {
    hash = HashNodes(hash, entry.configuration->voters);
    hash = HashNodes(hash, entry.configuration->outgoing);
    hash = HashNodes(hash, entry.configuration->learners);
    hash = HashNodes(hash, entry.configuration->learners_next);
  }
  return entry.payload ? base::Checksum64(*entry.payload, hash) : hash;
}

}  // namespace lockstep::checkers
