// DurabilityLedger: what a replica says to others must be on its disk at that very instant.
//
// It finds a missing or late data sync at once, without the unlucky power cut that would make
// the loss visible. It keeps a mirror of what each replica's log reported durable, compares every
// promise that leaves the node with the mirror, and now and then the mirror with what an
// independent reader finds in the durable image of the disk.
//
// A log may go back to an earlier state of its own if its node abstains from then on: its votes and
// its term stay, and what it held counts as long as it abstains.
//
// Promises: a granted vote and a candidacy (term and vote), an accepted append (log up to an index,
// and the term), and a commit (the entry is durable at a quorum). Nothing here suspends.
#ifndef LOCKSTEP_CHECKERS_DURABILITY_LEDGER_H_
#define LOCKSTEP_CHECKERS_DURABILITY_LEDGER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checkers/violation.h"
#include "framework/base/ids.h"
#include "framework/raft/effects.h"
#include "framework/raft/message.h"

namespace lockstep::checkers {

// What recovery would find if the power failed now.
struct RecoveredState final {
  raft::HardState hard_state;
  raft::SnapshotMeta snapshot;       // the log begins behind it
  std::vector<raft::Entry> entries;  // contiguous from snapshot.index + 1
};

// Reads the durable bytes of a node's disk, by other code than the node's own. Does not suspend.
class DurableImage {
 public:
  virtual ~DurableImage() = default;
  // Absent: the image cannot be read, which is a violation in itself.
  virtual std::optional<RecoveredState> Read(NodeId node, GroupId group) = 0;
};

class DurabilityLedger final {
 public:
  using Found = std::optional<Violation>;

  // Every `full_read_period`-th promise of a replica reads the image; 0: only power losses do.
  // The image is borrowed.
  DurabilityLedger(DurableImage& image, uint64_t full_read_period)
      : image_(image), full_read_period_(full_read_period) {}

  // The universe begins, or the replica has recovered: this is its log now.
  Found OnRecovered(NodeId node, GroupId group, const RecoveredState& state);
  // The log reported this write durable. In order of the writes.
  void OnDurable(NodeId node, GroupId group, const raft::Persist& persist);
  // The message leaves the node.
  Found OnSent(GroupId group, const raft::Message& message);
  // A leader's commit index reached `index`, an entry of `term`.
  Found OnCommitted(GroupId group, const raft::Configuration& configuration, raft::Index index,
                    raft::Term term) const;
  // The node's power fails now: what is left must cover everything that was reported durable.
  Found OnPowerLost(NodeId node, GroupId group);

 private:
  using Key = std::pair<NodeId, GroupId>;
  struct Fact {
    raft::Term term;
    uint64_t hash = 0;
  };
  // Invariant: facts[i] is about index base + 1 + i.
  struct Mirror {
    raft::HardState hard_state;
    raft::Index base;
    raft::Term base_term;
    std::vector<Fact> facts;
    // While it abstains: what it held before its log went back. Nobody is elected against these
    // with its help, which is as good as holding them.
    std::map<raft::Index, Fact> vouched;
    uint64_t promises = 0;
    raft::Index last() const { return base + facts.size(); }
  };

  static void TakeEntries(const std::vector<raft::Entry>& entries, Mirror& mirror);
  static std::map<raft::Index, Fact> Vouched(const Mirror& mirror);
  static void TakeSnapshot(const raft::SnapshotMeta& snapshot, Mirror& mirror);
  Found CheckVote(Key key, const Mirror& mirror, raft::Term term, NodeId candidate) const;
  Found CheckAppend(Key key, const Mirror& mirror, raft::Term term, raft::Index index) const;
  Found CheckImage(Key key, const Mirror& mirror);
  Found CompareLogs(Key key, const Mirror& mirror, const RecoveredState& image) const;
  bool Holds(NodeId node, GroupId group, raft::Index index, raft::Term term) const;

  DurableImage& image_;
  const uint64_t full_read_period_;
  std::map<Key, Mirror> mirrors_;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_DURABILITY_LEDGER_H_
