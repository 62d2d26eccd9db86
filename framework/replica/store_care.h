// StoreCare: what becomes of a shard whose store has failed.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_STORE_CARE_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_STORE_CARE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/base/time.h"
#include "framework/runtime/environment.h"

namespace lockstep::replica {

struct StoreCareOptions final {
  std::string directory;   // of the shard
  std::string store_name;  // of the store's directory in it
  // Whether somebody else holds the state too.
  bool has_peers = false;
  // So many failures of the device in a row are damage.
  int device_failures_max = 3;
  Duration pause = Milliseconds(200);
};

// The store is derived from the log, and every peer has it: so a damaged one is set aside (under
// its name and ".damaged", for people to look at; one is kept), and the shard opens an empty one
// and fetches the state from the leader (Replica::Open). A full disk is waited for.
//
// Invariant: nothing is set aside while the store is open, nor if nobody else could have it.
// Belongs to RunNode. Methods that take a Fiber suspend.
class StoreCare final {
 public:
  StoreCare(runtime::Environment& environment, StoreCareOptions options)
      : environment_(environment), options_(std::move(options)) {}

  // The shard ended with `ended` because its store, now closed, had failed with `store`. True: open
  // it again. False: the node has to stop.
  absl::StatusOr<bool> Mend(Fiber& fiber, const absl::Status& ended, const absl::Status& store);

 private:
  absl::Status SetAside(Fiber& fiber, const absl::Status& cause);

  runtime::Environment& environment_;
  const StoreCareOptions options_;
  int device_failures_ = 0;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_STORE_CARE_H_
