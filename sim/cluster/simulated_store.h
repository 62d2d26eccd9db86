// The storage engine of production on the disk of a simulated node.
#ifndef LOCKSTEP_SIM_CLUSTER_SIMULATED_STORE_H_
#define LOCKSTEP_SIM_CLUSTER_SIMULATED_STORE_H_

#include "framework/replica/node.h"
#include "sim/sim_node.h"

namespace lockstep::sim {

// A StoreOpenerFactory. Half of the universes read on the spot, half through the pool: drawn.
replica::StoreOpener OpenSimulatedRocks(SimNode& node);

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_SIMULATED_STORE_H_
