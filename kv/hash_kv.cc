#include "kv/hash_kv.h"

#include <memory>
#include <optional>
#include <string>

#include "framework/base/status_macros.h"
#include "kv/crc32c.h"
#include "kv/key_codec.h"
#include "kv/keyspace.h"
#include "kv/proto/rpc.pb.h"
#include "kv/range.h"

namespace lockstep::kv {
namespace {

using machine::Column;

// etcd's row key: main, '_', sub, and 't' for a tombstone.
std::string RowKey(Revision revision, bool is_tombstone) {
  const std::string ours = RevisionKey(revision);  // prefix, main:8, sub:4
  std::string out = ours.substr(1, 8);
  out.push_back('_');
  out.append(4, '\0');
  out.append(ours.substr(9));
  if (is_tombstone) out.push_back('t');
  return out;
}

// Whether `revision` is the key's version at `at`.
absl::StatusOr<bool> IsVersionAt(Fiber& fiber, const machine::StoreView& view, std::string_view key,
                                 Revision revision, int64_t at) {
  bool kept = false;
  RETURN_IF_ERROR(VisitAt(fiber, view, KeyRange(key, ""), at,
                          [&](std::string_view, const Record& record) -> absl::StatusOr<bool> {
                            kept = record.mod == revision;
                            return false;
                          }));
  return kept;
}

absl::StatusOr<bool> HasKeysAt(Fiber& fiber, const machine::StoreView& view, int64_t revision) {
  bool has_keys = false;
  const std::string_view zero("\0", 1);
  RETURN_IF_ERROR(VisitAt(fiber, view, KeyRange(zero, zero), revision,
                          [&](std::string_view, const Record&) -> absl::StatusOr<bool> {
                            has_keys = true;
                            return false;
                          }));
  return has_keys;
}

class Hasher final {
 public:
  // Of the versions up to `compacted`, those that are their keys' at `kept_at` count.
  Hasher(const machine::StoreView& view, int64_t compacted, int64_t kept_at)
      : view_(view), compacted_(compacted), kept_at_(kept_at) {
    crc_.Add("key");  // etcd's name for the rows
  }

  absl::Status Add(Fiber& fiber, Revision revision, const Change& change) {
    if (revision.main <= compacted_) {
      if (change.is_tombstone) return absl::OkStatus();
      ASSIGN_OR_RETURN(const bool counts,
                       IsVersionAt(fiber, view_, change.key, revision, kept_at_));
      if (!counts) return absl::OkStatus();
    }
    mvccpb::KeyValue row;
    if (change.is_tombstone) {
      row.set_key(change.key.data(), change.key.size());
    } else {
      FillKeyValue(change.key, change.record, row);
    }
    crc_.Add(RowKey(revision, change.is_tombstone));
    crc_.Add(row.SerializeAsString());
    return absl::OkStatus();
  }
  uint32_t value() const { return crc_.value(); }

 private:
  const machine::StoreView& view_;
  int64_t compacted_;
  int64_t kept_at_;
  Crc32c crc_;
};

}  // namespace

absl::StatusOr<Verdict> ExecuteHashKv(Fiber& fiber, const machine::StoreView& view,
                                      const Head& head, const etcdserverpb::HashKVRequest& request,
                                      etcdserverpb::HashKVResponse& response) {
  const int64_t revision = request.revision() == 0 ? head.revision : request.revision();
  if (revision > 0 && revision < head.compacted) return &kCompacted;
  if (revision > head.revision) return &kFutureRevision;

  // etcd asks its index what a compaction at the hashed revision would keep, and counts whatever
  // the last one left if that is nothing.
  ASSIGN_OR_RETURN(const bool has_keys, HasKeysAt(fiber, view, revision));
  Hasher hasher(view, head.compacted, has_keys ? revision : head.compacted);
  auto rows = view.NewIterator(Column::kIndex);
  for (rows->Seek(fiber, RevisionKey({})); rows->Valid() && rows->key() < kRevisionsEnd;
       rows->Next(fiber)) {
    ASSIGN_OR_RETURN(const Revision at, DecodeRevisionKey(rows->key()));
    if (at.main > revision) break;
    ASSIGN_OR_RETURN(const Change change, DecodeChange(rows->value(), at));
    RETURN_IF_ERROR(hasher.Add(fiber, at, change));
  }
  RETURN_IF_ERROR(rows->status());
  response.mutable_header()->set_revision(head.revision);
  response.set_hash(hasher.value());
  response.set_compact_revision(head.compacted);
  response.set_hash_revision(revision);
  return nullptr;
}

}  // namespace lockstep::kv
