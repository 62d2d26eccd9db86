// RevisionMonitor: the revision certificate while the run goes on.
//
// Judges order, real time, freshness and content of every linearizable answer of an etcd-like store
// as soon as it is decided, which is at the latest when the operations that were open at its return
// are finished. What needs the past (ranges at old revisions, serializable reads, compaction) is
// the certificate's.
#ifndef LOCKSTEP_CHECKERS_MONITORS_REVISION_MONITOR_H_
#define LOCKSTEP_CHECKERS_MONITORS_REVISION_MONITOR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "checkers/kv_history.h"
#include "checkers/kv_replay.h"
#include "checkers/violation.h"

namespace lockstep::checkers {

// Calls come in the order of time. After a violation nothing more is judged.
//
// Invariants:
//   1. The replay is at revision done_; every open operation answers at its floor or later, and all
//      floors are at or above done_.
//   2. pending_ holds what was answered at revisions above done_.
// Memory: the store's state, what happened since the call of the oldest open operation, and the
// writes of unknown outcome.
class RevisionMonitor final {
 public:
  explicit RevisionMonitor(int64_t initial_revision = 1)
      : initial_(initial_revision), done_(initial_revision), floor_(initial_revision) {}

  void OnCall(uint64_t id, uint64_t client, int64_t now, KvRequest request);
  std::optional<Violation> OnReturn(uint64_t id, int64_t now, KvResponse response);
  // Nobody will ever know; the operation may still take effect.
  std::optional<Violation> OnUnknown(uint64_t id);
  // It had no effect and will have none.
  std::optional<Violation> OnRefused(uint64_t id);

  // Operations that are held: open, or answered and not yet judged.
  size_t held() const { return open_.size() + waiting_; }

 private:
  using Found = std::optional<Violation>;

  struct Open {
    KvOperation op;
    int64_t floor;  // the newest revision that was known at its call
  };
  struct Pending {
    std::optional<KvOperation> author;
    std::vector<KvOperation> answers;
    int64_t known = INT64_MAX;  // the first return that knew of the revision
  };

  static bool IsJudged(const KvRequest& request);
  Found CheckRealTime(const KvOperation& op, int64_t floor) const;
  Found Keep(KvOperation op);
  Found Advance();
  Found Step(int64_t revision);
  Found FillGap(int64_t revision);
  Found Compare(const KvOperation& op);

  const int64_t initial_;
  int64_t done_;
  int64_t floor_;            // the newest revision in any answer
  std::string floor_owner_;  // in words
  absl::btree_map<uint64_t, Open> open_;
  absl::btree_map<int64_t, Pending> pending_;
  size_t waiting_ = 0;
  std::vector<KvOperation> unknown_;  // writes
  size_t gaps_ = 0;
  KvReplay replay_;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_MONITORS_REVISION_MONITOR_H_
