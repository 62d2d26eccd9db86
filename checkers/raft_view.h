// RaftView: what the omniscient oracles may see of a replica. They share no code with the core.
#ifndef LOCKSTEP_CHECKERS_RAFT_VIEW_H_
#define LOCKSTEP_CHECKERS_RAFT_VIEW_H_

#include "framework/raft/raft.h"

namespace lockstep::checkers {

// The const views of raft::Raft, as an interface, so that the oracles can be tried on replicas that
// break the rules.
class RaftView {
 public:
  virtual ~RaftView() = default;

  virtual raft::Role role() const = 0;
  virtual raft::Term term() const = 0;
  virtual NodeId vote() const = 0;
  virtual raft::Index commit() const = 0;
  virtual raft::Index applied() const = 0;
  virtual raft::Index first_index() const = 0;
  virtual raft::Index last_index() const = 0;
  virtual const raft::Entry& EntryAt(raft::Index index) const = 0;
  virtual const raft::SnapshotMeta& snapshot() const = 0;
};

// Borrows the core; make one per look.
class CoreView final : public RaftView {
 public:
  explicit CoreView(const raft::Raft& core) : core_(core) {}

  raft::Role role() const override { return core_.role(); }
  raft::Term term() const override { return core_.term(); }
  NodeId vote() const override { return core_.vote(); }
  raft::Index commit() const override { return core_.commit(); }
  raft::Index applied() const override { return core_.applied(); }
  raft::Index first_index() const override { return core_.first_index(); }
  raft::Index last_index() const override { return core_.last_index(); }
  const raft::Entry& EntryAt(raft::Index index) const override { return core_.EntryAt(index); }
  const raft::SnapshotMeta& snapshot() const override { return core_.snapshot(); }

 private:
  const raft::Raft& core_;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_RAFT_VIEW_H_
