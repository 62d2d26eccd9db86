// The rows of a store on a simulated node: RocksDB on its disk.
#ifndef LOCKSTEP_DOCS_MEMORY_TESTING_SIMULATED_ROWS_H_
#define LOCKSTEP_DOCS_MEMORY_TESTING_SIMULATED_ROWS_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "docs-memory/store/rekey.h"
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

// The same files, for whoever changes their keys.
class SimulatedRowsFiles final : public RowsFiles {
 public:
  // All of these outlive it.
  SimulatedRowsFiles(runtime::Environment& environment, sim::SimNode& node,
                     const std::string& directory)
      : environment_(environment), node_(node), directory_(directory) {}

  absl::StatusOr<std::unique_ptr<machine::OrderedStore>> Open(
      Fiber& fiber, const runtime::Cipher* cipher) override;
  absl::Status Rewrite(const runtime::Cipher* cipher) override;
  absl::StatusOr<std::set<uint32_t>> Keys() override;

 private:
  runtime::Environment& environment_;
  sim::SimNode& node_;
  const std::string directory_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_TESTING_SIMULATED_ROWS_H_
