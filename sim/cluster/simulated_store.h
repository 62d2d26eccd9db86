// The storage engine of production on the disk of a simulated node.
#ifndef LOCKSTEP_SIM_CLUSTER_SIMULATED_STORE_H_
#define LOCKSTEP_SIM_CLUSTER_SIMULATED_STORE_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "framework/machine/ordered_store.h"
#include "framework/replica/node.h"
#include "framework/runtime/environment.h"
#include "sim/sim_node.h"

namespace lockstep::sim {

// Of this process of the node, in `directory`, which exists; goes before the node. Misses are read
// in place, or in `offload`. `cipher`, which outlives it, seals its files.
absl::StatusOr<std::unique_ptr<machine::OrderedStore>> OpenRocksOn(
    Fiber& fiber, SimNode& node, runtime::Environment& environment, const std::string& directory,
    runtime::Offload* offload, const runtime::Cipher* cipher = nullptr);

// The data keys of its files, sealed ones. REQUIRES: nobody has it open.
absl::StatusOr<std::set<uint32_t>> KeysOfRocksOn(SimNode& node, runtime::Environment& environment,
                                                 const std::string& directory);

// Writes its files anew, sealed with the current key. REQUIRES: nobody has it open.
absl::Status RewriteRocksOn(SimNode& node, runtime::Environment& environment,
                            const std::string& directory, const runtime::Cipher* cipher);

// A StoreOpenerFactory. Half of the universes read on the spot, half through the pool: drawn.
replica::StoreOpener OpenSimulatedRocks(SimNode& node);

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_SIMULATED_STORE_H_
