// SimDisk: the files of one node as its shards see them: SimDiskCore plus the time that it takes.
#ifndef LOCKSTEP_SIM_SIM_DISK_H_
#define LOCKSTEP_SIM_SIM_DISK_H_

#include <memory>
#include <string>
#include <vector>

#include "framework/runtime/disk.h"
#include "sim/process.h"
#include "sim/sim_disk_core.h"

namespace lockstep::sim {

// Every operation waits for a sampled latency and then takes effect at once; between the begin and
// the end of a data sync the power may fail. One per node; every operation suspends.
class SimDisk final : public runtime::Disk {
 public:
  SimDisk(SimDiskCore& core, Process& process) : core_(core), process_(process) {}

  absl::StatusOr<std::unique_ptr<runtime::File>> Open(Fiber& fiber, const std::string& path,
                                                      runtime::OpenMode mode) override;
  absl::Status Rename(Fiber& fiber, const std::string& from, const std::string& to) override;
  absl::Status Remove(Fiber& fiber, const std::string& path) override;
  absl::Status CreateDirectory(Fiber& fiber, const std::string& path) override;
  absl::Status RemoveDirectory(Fiber& fiber, const std::string& path) override;
  absl::Status SyncDirectory(Fiber& fiber, const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(Fiber& fiber, const std::string& path) override;
  absl::StatusOr<bool> Exists(Fiber& fiber, const std::string& path) override;
  absl::StatusOr<runtime::Space> FreeSpace(Fiber& fiber) override;

 private:
  void Wait(Fiber& fiber, Duration latency);

  SimDiskCore& core_;
  Process& process_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_SIM_DISK_H_
