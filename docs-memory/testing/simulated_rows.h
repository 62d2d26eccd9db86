// The rows of a store on a simulated node: RocksDB on its disk.
#ifndef LOCKSTEP_DOCS_MEMORY_TESTING_SIMULATED_ROWS_H_
#define LOCKSTEP_DOCS_MEMORY_TESTING_SIMULATED_ROWS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "framework/machine/ordered_store.h"
#include "framework/runtime/cipher.h"
#include "framework/runtime/environment.h"
#include "sim/sim_node.h"

namespace lockstep::docs {

// Of this process of the node; goes before the node. `directory` is created if it is missing.
// `cipher` seals it.
absl::StatusOr<std::unique_ptr<machine::OrderedStore>> OpenSimulatedRows(
    Fiber& fiber, runtime::Environment& environment, sim::SimNode& node,
    const std::string& directory, const runtime::Cipher* cipher = nullptr);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_TESTING_SIMULATED_ROWS_H_
