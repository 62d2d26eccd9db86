#include "kv/invariants.h"

#include <iterator>
#include <map>
#include <memory>
#include <optional>
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

// Reads all columns into one picture and compares its parts.
class KeySpaceCheck final {
 public:
  explicit KeySpaceCheck(const machine::StoreView& view) : view_(view) {}

  absl::Status Run(Fiber& fiber) {
    ASSIGN_OR_RETURN(head_, ReadHead(fiber, view_));
    ASSIGN_OR_RETURN(sweep_, SweepPosition(fiber, view_));
    RETURN_IF_ERROR(ReadChanges(fiber));
    RETURN_IF_ERROR(ReadPrimary(fiber));
    RETURN_IF_ERROR(ReadBlocks(fiber));
    return CompareVersions();
  }

 private:
  // A row of kIndex, without its value.
  struct Stored final {
    std::string key;
    bool is_tombstone = false;
    std::optional<Revision> previous;
    std::optional<Revision> block;
  };

  absl::Status ReadChanges(Fiber& fiber) {
    auto rows = view_.NewIterator(Column::kIndex);
    for (rows->Seek(fiber, RevisionKey({})); rows->Valid() && rows->key() < kRevisionsEnd;
         rows->Next(fiber)) {
      ASSIGN_OR_RETURN(const Revision at, DecodeRevisionKey(rows->key()));
      ASSIGN_OR_RETURN(const Change change, DecodeChange(rows->value(), at));
      if (at.main > head_.revision) return Broken("the future", change.key, at);
      const Record& record = change.record;
      if (!change.is_tombstone &&
          (record.version < 1 || record.create < kFirstRevision + 1 || record.create > at.main)) {
        return Broken("an impossible version", change.key, at);
      }
      if (change.is_tombstone && !(change.previous.has_value() && change.block.has_value())) {
        return Broken("a tombstone of nothing", change.key, at);
      }
      if (at < sweep_ && change.is_tombstone) return Broken("unswept tombstone", change.key, at);
      stored_[at] = {std::string(change.key), change.is_tombstone, change.previous, change.block};
    }
    return rows->status();
  }

  absl::Status ReadPrimary(Fiber& fiber) {
    auto rows = view_.NewIterator(Column::kPrimary);
    for (rows->Seek(fiber, PrimaryKey("")); rows->Valid() && rows->key() < kUserKeysEnd;
         rows->Next(fiber)) {
      const std::string key(rows->key().substr(1));
      ASSIGN_OR_RETURN(const Newest newest, DecodeNewest(rows->value()));
      const Revision at = newest.record.mod;
      ASSIGN_OR_RETURN(const auto row, view_.Get(fiber, Column::kIndex, RevisionKey(at)));
      if (!row.has_value()) return Broken("a newest version that no change made", key, at);
      ASSIGN_OR_RETURN(const Change change, DecodeChange(*row, at));
      if (change.key != key || change.is_tombstone || !Equal(change.record, newest.record)) {
        return Broken("a newest version that is not its change's", key, at);
      }
      ASSIGN_OR_RETURN(const Revisions older, DecodeOlder(at, newest.older));
      if (older.size() != newest.older_count || older.size() >= kOlderMax) {
        return Broken("a wrong number of older versions", key, at);
      }
      living_.insert(key);
      std::set<Revision>& known = known_[key];
      known.insert(older.begin(), older.end());
      known.insert(at);
    }
    return rows->status();
  }

  static bool Equal(const Record& a, const Record& b) {
    return a.mod == b.mod && a.create == b.create && a.version == b.version && a.lease == b.lease &&
           a.value == b.value;
  }

  absl::Status ReadBlocks(Fiber& fiber) {
    auto rows = view_.NewIterator(Column::kHistory);
    for (rows->Seek(fiber, ""); rows->Valid(); rows->Next(fiber)) {
      ASSIGN_OR_RETURN(const HistoryPlace place, DecodeHistoryKey(rows->key()));
      ASSIGN_OR_RETURN(const Revisions block, DecodeBlock(rows->value()));
      if (block.back() != place.revision) return Broken("misplaced", place.key, place.revision);
      if (block.size() > kOlderMax + 1) return Broken("too long", place.key, place.revision);
      for (const Revision& one : block) {
        if (!known_[place.key].insert(one).second) return Broken("known twice", place.key, one);
      }
      blocks_.insert({place.key, place.revision});
    }
    return rows->status();
  }

  // Every stored version is known to its key, what a key knows is stored or was swept, and a block
  // is there until the change that wrote it is swept.
  absl::Status CompareVersions() {
    for (const auto& [key, known] : known_) RETURN_IF_ERROR(CompareKey(key, known));
    for (const auto& [at, version] : stored_) {
      const auto known = known_.find(version.key);
      if (known == known_.end() || !known->second.contains(at)) {
        return Broken("a change that its key does not know", version.key, at);
      }
      if (!version.block.has_value()) continue;
      const bool is_there = blocks_.erase({version.key, *version.block}) != 0;
      if (is_there != (at >= sweep_)) {
        return Broken(is_there ? "an unswept block" : "a missing block", version.key, at);
      }
    }
    if (blocks_.empty()) return absl::OkStatus();
    return Broken("a block that no change wrote", blocks_.begin()->first, blocks_.begin()->second);
  }

  absl::Status CompareKey(const std::string& key, const std::set<Revision>& known) const {
    std::optional<Revision> before;
    for (auto it = known.begin(); it != known.end(); before = *it++) {
      const auto next = std::next(it);
      const bool is_newest = next == known.end();
      // A version leaves when the sweep passes its successor, a tombstone when it passes itself.
      const bool is_replaced = !is_newest && *next < sweep_;
      const auto stored = stored_.find(*it);
      if (stored == stored_.end()) {
        if (is_replaced || (*it < sweep_ && !(is_newest && living_.contains(key)))) continue;
        return Broken("a missing version", key, *it);
      }
      const Stored& version = stored->second;
      if (version.key != key) return Broken("another key's version", key, *it);
      if (is_replaced) return Broken("an unswept version", key, *it);
      if (is_newest && version.is_tombstone == living_.contains(key)) {
        return Broken("deleted without a trace", key, *it);
      }
      if (version.previous.has_value() && before.has_value() && *version.previous != *before) {
        return Broken("a wrong predecessor", key, *it);
      }
    }
    return absl::OkStatus();
  }

  const machine::StoreView& view_;
  Head head_;
  Revision sweep_;
  std::map<Revision, Stored> stored_;
  std::map<std::string, std::set<Revision>> known_;  // what rows and blocks of the keys name
  std::set<std::string> living_;
  std::set<std::pair<std::string, Revision>> blocks_;
};

}  // namespace

absl::Status CheckKeySpace(Fiber& fiber, const machine::StoreView& view) {
  return KeySpaceCheck(view).Run(fiber);
}

}  // namespace lockstep::kv
