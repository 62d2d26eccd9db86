// EdgeDisks: what befalls the disks of stores in a universe, and what their owners do about it.
#ifndef LOCKSTEP_DOCS_MEMORY_TESTING_EDGE_DISKS_H_
#define LOCKSTEP_DOCS_MEMORY_TESTING_EDGE_DISKS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "docs-memory/testing/sync_edge.h"
#include "docs-memory/testing/sync_universe.h"
#include "framework/base/random.h"
#include "sim/sim_node.h"
#include "sim/world.h"

namespace lockstep::docs {

// Borrows everything. Each disaster plans the next one of its kind, until Heal.
class EdgeDisks final {
 public:
  // `boot_later`: a store whose power is gone.
  EdgeDisks(sim::World& world, base::SequentialRandom& random, SyncUniverseReport& report,
            std::function<void(SyncEdge&)> boot_later)
      : world_(world), random_(random), report_(report), boot_later_(std::move(boot_later)) {}
  EdgeDisks(const EdgeDisks&) = delete;
  EdgeDisks& operator=(const EdgeDisks&) = delete;

  // A sector goes, or most of a table; mostly, the store has to begin with what is there.
  enum class Extent { kSector, kTable };
  void Damage(SyncEdge& edge, Extent extent);
  // The disk hangs, and then the power fails.
  void Hang(SyncEdge& edge);
  // From now on it reads and writes elsewhere now and then.
  void Misdirect(SyncEdge& edge);
  // The disk is put aside, or comes back from there, or goes to another's place while the store
  // itself goes on. `shelf`: a machine of the universe that is never on.
  void Copy(SyncEdge& edge, sim::SimNode& shelf);
  // A new one: it gets everything that the hub has from there.
  void Replace(SyncEdge& edge);
  // What is on it has room, and little more, for a while.
  void Fill(SyncEdge& edge, base::SequentialRandom& random);
  void Heal() { is_healed_ = true; }

 private:
  struct Shelf final {
    SyncEdge* edge = nullptr;
    sim::SimNode* machine = nullptr;
    bool is_filled = false;
    uint64_t writes = 0;  // that the store had made when its disk was put there
  };

  void Later(SyncEdge& edge, Duration delay, std::function<void()> run);
  void CopySomewhere(Shelf& shelf);
  void PlanCopy(Shelf& shelf);

  sim::World& world_;
  base::SequentialRandom& random_;
  SyncUniverseReport& report_;
  const std::function<void(SyncEdge&)> boot_later_;
  std::map<std::string, Shelf> shelves_;  // by the store's name
  bool is_healed_ = false;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_TESTING_EDGE_DISKS_H_
