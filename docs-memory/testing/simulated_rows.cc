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

absl::StatusOr<std::unique_ptr<machine::OrderedStore>> SimulatedRowsFiles::Open(
    Fiber& fiber, const runtime::Cipher* cipher) {
  return OpenSimulatedRows(fiber, environment_, node_, directory_, cipher);
}

absl::Status SimulatedRowsFiles::Rewrite(const runtime::Cipher* cipher) {
  return sim::RewriteRocksOn(node_, environment_, directory_, cipher);
}

absl::StatusOr<std::set<uint32_t>> SimulatedRowsFiles::Keys() {
  return sim::KeysOfRocksOn(node_, environment_, directory_);
}

}  // namespace lockstep::docs
