#include "kv/invariants.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"
#include "kv/compaction.h"
#include "kv/head.h"
#include "kv/key_codec.h"
#include "kv/record.h"

namespace lockstep::kv {
namespace {

using machine::Column;

absl::Status Broken(const char* what, std::string_view key, Revision revision) {
  return absl::InternalError(absl::StrCat(what, ": key \"", absl::CEscape(std::string(key)),
                                          "\" at revision ", revision.main, ".", revision.sub));
}

// A stored version, without its value.
struct Version final {
  std::string key;
  bool is_tombstone = false;
  bool is_newest = false;
};

// Reads all columns into one picture and compares its parts.
class KeySpaceCheck final {
 public:
  explicit KeySpaceCheck(const machine::StoreView& view) : view_(view) {}

  absl::Status Run(Fiber& fiber) {
    ASSIGN_OR_RETURN(head_, ReadHead(fiber, view_));
    ASSIGN_OR_RETURN(sweep_, SweepPosition(fiber, view_));
    RETURN_IF_ERROR(ReadPrimary(fiber));
    RETURN_IF_ERROR(ReadHistory(fiber));
    RETURN_IF_ERROR(CompareChanges(fiber));
    if (!versions_.empty()) {
      const auto& [revision, version] = *versions_.begin();
      return Broken("a version that no change made", version.key, revision);
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Add(Version version, const Record& record) {
    if (record.mod.main > head_.revision) return Broken("the future", version.key, record.mod);
    if (!record.is_tombstone && (record.version < 1 || record.create < kFirstRevision + 1)) {
      return Broken("an impossible version", version.key, record.mod);
    }
    version.is_tombstone = record.is_tombstone;
    const std::string key = version.key;
    if (!versions_.emplace(record.mod, std::move(version)).second) {
      return Broken("two versions of one revision", key, record.mod);
    }
    return absl::OkStatus();
  }

  absl::Status ReadPrimary(Fiber& fiber) {
    auto rows = view_.NewIterator(Column::kPrimary);
    for (rows->Seek(fiber, PrimaryKey("")); rows->Valid() && rows->key() < kUserKeysEnd;
         rows->Next(fiber)) {
      ASSIGN_OR_RETURN(const Record record, DecodeRecord(rows->value()));
      const std::string key(rows->key().substr(1));
      if (record.is_tombstone) return Broken("a tombstone among the living", key, record.mod);
      RETURN_IF_ERROR(Add({.key = key, .is_newest = true}, record));
      newest_[key] = record.mod;
    }
    return rows->status();
  }

  absl::Status ReadHistory(Fiber& fiber) {
    auto rows = view_.NewIterator(Column::kHistory);
    for (rows->Seek(fiber, ""); rows->Valid(); rows->Next(fiber)) {
      ASSIGN_OR_RETURN(HistoryPlace place, DecodeHistoryKey(rows->key()));
      ASSIGN_OR_RETURN(const Record record, DecodeRecord(rows->value()));
      if (record.mod != place.revision) return Broken("misplaced", place.key, place.revision);
      const auto newest = newest_.find(place.key);
      if (newest != newest_.end() && newest->second < record.mod) {
        return Broken("a version newer than the newest", place.key, record.mod);
      }
      if (newest == newest_.end()) {
        // Newest first: the first row of a key that does not exist must be its tombstone.
        if (!record.is_tombstone) return Broken("deleted without a trace", place.key, record.mod);
        newest_[place.key] = record.mod;
      }
      RETURN_IF_ERROR(Add({.key = std::move(place.key)}, record));
    }
    return rows->status();
  }

  // Every change has its version, and takes it out of the picture.
  absl::Status CompareChanges(Fiber& fiber) {
    auto rows = view_.NewIterator(Column::kIndex);
    for (rows->Seek(fiber, RevisionKey({})); rows->Valid() && rows->key() < kRevisionsEnd;
         rows->Next(fiber)) {
      ASSIGN_OR_RETURN(const Revision at, DecodeRevisionKey(rows->key()));
      ASSIGN_OR_RETURN(const Change change, DecodeChange(rows->value(), at));
      const auto found = versions_.find(at);
      if (found == versions_.end() || found->second.key != change.key ||
          found->second.is_tombstone != change.is_tombstone) {
        return Broken("a change without its version", change.key, at);
      }
      if (at < sweep_ && change.is_tombstone) return Broken("unswept tombstone", change.key, at);
      if (change.previous.has_value()) {
        // A version leaves when the sweep passes its successor.
        const bool is_left = seen_.erase(*change.previous) != 0;
        if (is_left != (at >= sweep_)) {
          return Broken(is_left ? "unswept predecessor" : "missing predecessor", change.key, at);
        }
      }
      seen_.insert(at);
      versions_.erase(found);
    }
    return rows->status();
  }

  const machine::StoreView& view_;
  Head head_;
  Revision sweep_;
  std::map<Revision, Version> versions_;
  std::map<std::string, Revision> newest_;
  std::set<Revision> seen_;  // changes that were not replaced so far
};

}  // namespace

absl::Status CheckKeySpace(Fiber& fiber, const machine::StoreView& view) {
  return KeySpaceCheck(view).Run(fiber);
}

}  // namespace lockstep::kv
