#include "docs-memory/testing/simulated_rows.h"

#include "framework/base/status_macros.h"
#include "sim/cluster/simulated_store.h"

namespace lockstep::docs {

absl::StatusOr<std::unique_ptr<machine::OrderedStore>> OpenSimulatedRows(
    Fiber& fiber, runtime::Environment& environment, sim::SimNode& node,
    const std::string& directory, const runtime::Cipher* cipher) {
  RETURN_IF_ERROR(environment.disk.CreateDirectory(fiber, directory));
  RETURN_IF_ERROR(environment.disk.SyncDirectory(fiber, ""));
  return sim::OpenRocksOn(fiber, node, environment, directory, /*offload=*/nullptr, cipher);
}

}  // namespace lockstep::docs
