#include "framework/replica/store_care.h"

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::replica {

absl::StatusOr<bool> StoreCare::Mend(Fiber& fiber, const absl::Status& ended,
                                     const absl::Status& store) {
  CHECK(!ended.ok());
  if (absl::IsResourceExhausted(store) || absl::IsResourceExhausted(ended)) {
    environment_.trace.Emit(runtime::TraceLevel::kWarning, "store.no_space",
                            {{"error", ended.ToString()}});
    fiber.SleepFor(options_.pause);
    return true;
  }
  if (store.ok()) return false;
  const bool is_damaged =
      absl::IsDataLoss(store) || ++device_failures_ >= options_.device_failures_max;
  if (!is_damaged) {
    fiber.SleepFor(options_.pause);
    return true;
  }
  if (!options_.has_peers) return false;
  RETURN_IF_ERROR(SetAside(fiber, store));
  device_failures_ = 0;
  return true;
}

absl::Status StoreCare::SetAside(Fiber& fiber, const absl::Status& cause) {
  const std::string from = absl::StrCat(options_.directory, "/", options_.store_name);
  const std::string to = absl::StrCat(from, ".damaged");
  runtime::Disk& disk = environment_.disk;
  RETURN_IF_ERROR(disk.RemoveDirectory(fiber, to));
  ASSIGN_OR_RETURN(const bool exists, disk.Exists(fiber, from));
  if (exists) RETURN_IF_ERROR(disk.Rename(fiber, from, to));
  RETURN_IF_ERROR(disk.SyncDirectory(fiber, options_.directory));
  environment_.trace.Emit(
      runtime::TraceLevel::kError, "store.set_aside",
      {{"cause", cause.ToString()},
       {"kept_as", to},
       {"advice",
        "nothing to do: the state is fetched from the leader; remove what was kept when "
        "nobody needs it any more"}});
  return absl::OkStatus();
}

}  // namespace lockstep::replica
