// Synced stores and their hub in a simulated universe: clients that write wherever they are, power
// losses, wrong clocks, cut links, a hub of three nodes with faults of its own, and a verdict.
#ifndef LOCKSTEP_DOCS_MEMORY_TESTING_SYNC_UNIVERSE_H_
#define LOCKSTEP_DOCS_MEMORY_TESTING_SYNC_UNIVERSE_H_

#include <cstdint>
#include <string>

#include "framework/base/time.h"

namespace lockstep::docs {

struct SyncUniverseOptions final {
  uint64_t seed = 1;
  Duration disasters = Seconds(12);  // of virtual time; then all must converge
  Duration limit = Seconds(300);     // within which
};

struct SyncUniverseReport final {
  std::string failure;  // empty: all is well
  uint64_t acknowledged = 0;
  uint64_t versions = 0;   // at the hub
  uint64_t conflicts = 0;  // documents with more than one head, in the end
  uint64_t rejected = 0;
  uint64_t power_losses = 0;  // of stores
  uint64_t restamped = 0;     // clocks that were too far ahead
  uint64_t requests = 0;
  uint64_t expired = 0;   // documents, by hubs
  uint64_t purged = 0;    // tombstones
  uint64_t restored = 0;  // hubs, from backups
  uint64_t full = 0;      // disks of stores
  uint64_t spoiled = 0;   // sectors of stores
  uint64_t replaced = 0;  // disks of stores, once their stores had said that they are damaged
  uint64_t copied = 0;    // disks of stores, to another's place, or to where they were
  uint64_t events = 0;    // told to who listens
  int64_t virtual_ms = 0;
  uint64_t hash = 0;
};

// Runs the universe of that seed to its end. The stores, the syncers, HTTP in JSON and BSON, and
// the hub are what production runs. After healing: queues are empty; every store of a tenant has
// what the hub has, heads and bodies; every acknowledged write is at the hub or a dead letter; the
// heads are what nothing has replaced; what was deleted and purged stays away; the hub deletes only
// what has ended; no document of one tenant is at another's, none is where a filter keeps it away;
// no document went back at any store; who listens to events over connections that end anywhere was
// told all of it; and the hub's replicas are equal.
SyncUniverseReport RunSyncUniverse(const SyncUniverseOptions& options);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_TESTING_SYNC_UNIVERSE_H_
