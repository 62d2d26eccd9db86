// SyncEdge: one device of a universe: its store, its syncer, and a client that writes.
#ifndef LOCKSTEP_DOCS_MEMORY_TESTING_SYNC_EDGE_H_
#define LOCKSTEP_DOCS_MEMORY_TESTING_SYNC_EDGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "docs-memory/store/collection.h"
#include "docs-memory/sync/syncer.h"
#include "docs-memory/testing/hub_watch.h"
#include "docs-memory/testing/sync_oracle.h"
#include "framework/base/random.h"
#include "sim/sim_node.h"

namespace lockstep::docs {

struct EdgePlan final {
  std::string name;
  std::string tenant;
  std::vector<runtime::Address> hub;
  bool speaks_json = false;
  int64_t pull_count = 5;
  size_t push_count = 5;
  int documents = 6;         // hot ones, shared by all
  bool goes_deep = false;    // writes documents that the hub refuses
  bool expires = false;      // writes documents that end soon
  bool has_private = false;  // writes what is not synced, too, and waits for none of it
  Document filter;           // what it pulls
};

// Lives through its process's deaths; what must survive them is in the oracle.
class SyncEdge final {
 public:
  SyncEdge(EdgePlan plan, uint64_t seed, sim::SimNode& node, SyncOracle& oracle, HubWatch& watch)
      : plan_(std::move(plan)), node_(node), oracle_(oracle), watch_(watch), random_(seed) {}
  SyncEdge(const SyncEdge&) = delete;
  SyncEdge& operator=(const SyncEdge&) = delete;

  // The process: until the power fails, or the universe says that it is over. `token` is filled in
  // some time.
  void Live(Fiber& fiber, runtime::Environment& environment, const std::string& token);

  // No more writes.
  void Calm() { is_calm_ = true; }
  // Then: compare with the truth, once everything is pulled.
  void Compare(const HubTruth* truth) { truth_ = truth; }

  // Nothing is queued, and the last pull found nothing new.
  bool is_quiet() const { return is_quiet_; }
  // Why not, as far as it is known.
  const std::string& noise() const { return noise_; }
  bool is_compared() const { return is_compared_; }
  const std::string& failure() const { return failure_; }
  const EdgePlan& plan() const { return plan_; }
  uint64_t restamped() const { return restamped_; }
  // Its disk has no room, or had none lately: what it cannot write is refused, and it may have to
  // open its store again.
  void ExpectTrouble() { has_trouble_ = true; }
  // Damages a place of its disk that nobody can take for something harmless, if there is one.
  bool Spoil(base::SequentialRandom& random);
  // The same for most of a table of rows; and from now on it is for the syncer to find such out.
  bool SpoilTable(base::SequentialRandom& random);
  // From now on its disk may take reads and writes for others.
  void Misdirect() {
    misdirects_ = true;
    media_ = Media::kSpoiled;
    node_.disk().set_misdirects(true);
  }
  // It has said that its disk is damaged: nothing but a new one helps.
  bool is_broken() const { return media_ == Media::kBroken; }
  // Its disk is empty, or another's. What the hub has not heard of is lost.
  void Replaced();
  // Its disk is that of when it had written so much.
  void WentBack(uint64_t writes) { oracle_.Forgive(plan_.name, writes); }
  uint64_t writes() const { return writes_; }
  uint64_t requests() const { return requests_; }
  sim::SimNode& node() { return node_; }

 private:
  class Beginnings;
  enum class Media { kWell, kSpoiled, kBroken };

  void Fail(const std::string& text);
  void FailUnlessInTrouble(const std::string& text);
  void Salvage(Fiber& fiber, runtime::Environment& environment, machine::OrderedStore& rows,
               const StoreOptions& options);
  void Act(Fiber& fiber, Store& store);
  void WritePrivately(Fiber& fiber, Store& store);
  void TakeTurn(Fiber& fiber, Store& store);
  Document Draw(const std::string& id, bool deep);
  absl::Status Resolve(Fiber& fiber, Store& store, const std::string& id);
  void Watch(Fiber& fiber, Store& store, const Syncer& syncer, Beginnings& beginnings);

  const EdgePlan plan_;
  sim::SimNode& node_;
  SyncOracle& oracle_;
  HubWatch& watch_;
  base::SequentialRandom random_;
  uint64_t writes_ = 0;
  uint64_t restamped_ = 0;
  uint64_t requests_ = 0;
  bool has_trouble_ = false;
  Media media_ = Media::kWell;
  bool misdirects_ = false;
  bool trusts_its_disk_ = false;  // a store is not verified when it is opened
  bool is_calm_ = false;
  bool is_quiet_ = false;
  bool is_compared_ = false;
  const HubTruth* truth_ = nullptr;
  std::string failure_;
  std::string noise_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_TESTING_SYNC_EDGE_H_
