// WatchMonitor: what a watch delivers against what the store did.
//
//   filter        only events of the watched keys;
//   ordered       revisions never go back;
//   unique        no event twice;
//   atomic        the events of one revision come together;
//   reliable      between the first and the last event nothing is left out, and each is as it was;
//   resumable     the first event is the first one at or behind the revision asked for;
//   bookmarkable  after a progress notice of revision r nothing at or before r comes.
#ifndef LOCKSTEP_CHECKERS_MONITORS_WATCH_MONITOR_H_
#define LOCKSTEP_CHECKERS_MONITORS_WATCH_MONITOR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "checkers/violation.h"

namespace lockstep::checkers {

struct WatchEvent final {
  int64_t revision = 0;
  std::string key;
  std::string value;
  bool is_delete = false;
  // What was there before; compared where the watch asked for it.
  std::optional<std::string> previous;
  bool operator==(const WatchEvent&) const = default;
};

struct WatchRequest final {
  std::string key;
  std::string range_end;       // as etcd has it: "": the key alone; one zero byte: all from the key
  int64_t start_revision = 0;  // the first revision wanted
  bool wants_previous = false;
};

// The log is what the store did, in order of the revisions; it must be ahead of every watch, or
// what a watch says first is judged when the log gets there. Memory: the log since the watch that
// is furthest behind, and what waits for the log.
class WatchMonitor final {
 public:
  // The store did this: all events of one revision, in any order of the keys.
  std::optional<Violation> OnCommit(std::vector<WatchEvent> events);

  void Open(uint64_t watch, const WatchRequest& request);
  std::optional<Violation> OnEvents(uint64_t watch, const std::vector<WatchEvent>& events);
  // "Nothing at or before `revision` will come any more."
  std::optional<Violation> OnProgress(uint64_t watch, int64_t revision);
  // The watch must have delivered everything that the log holds: the cluster is whole again and had
  // its time.
  std::optional<Violation> OnSettled(uint64_t watch);
  void Close(uint64_t watch);

  size_t log_size() const { return log_.size(); }

 private:
  struct Batch {
    std::vector<WatchEvent> events;  // empty: a notice of progress
    int64_t progress = 0;
  };
  struct Watch {
    WatchRequest request;
    int64_t done = 0;  // everything at or before this revision was delivered or is not wanted
    std::vector<Batch> waiting;  // for the log
  };

  static bool Wants(const WatchRequest& request, const std::string& key);
  std::optional<Violation> Take(uint64_t id, Watch& watch, Batch batch);
  std::optional<Violation> Judge(uint64_t id, Watch& watch, const Batch& batch);
  std::optional<Violation> JudgeRevision(uint64_t id, Watch& watch, int64_t revision,
                                         std::vector<WatchEvent> events);
  // The first event that the watch wants behind `after`, up to `until`; null: none.
  const WatchEvent* FirstWanted(const Watch& watch, int64_t after, int64_t until) const;
  void Trim();

  absl::btree_map<int64_t, std::vector<WatchEvent>> log_;
  int64_t head_ = 0;  // the newest revision in the log
  absl::btree_map<uint64_t, Watch> watches_;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_MONITORS_WATCH_MONITOR_H_
