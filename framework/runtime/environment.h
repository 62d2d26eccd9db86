// Environment: everything that a shard did not compute itself enters through here.
#ifndef LOCKSTEP_FRAMEWORK_RUNTIME_ENVIRONMENT_H_
#define LOCKSTEP_FRAMEWORK_RUNTIME_ENVIRONMENT_H_

#include "framework/base/ids.h"
#include "framework/fiber/scheduler.h"
#include "framework/runtime/clock.h"
#include "framework/runtime/disk.h"
#include "framework/runtime/fault_points.h"
#include "framework/runtime/mailbox.h"
#include "framework/runtime/network.h"
#include "framework/runtime/offload.h"
#include "framework/runtime/random.h"
#include "framework/runtime/trace.h"

namespace lockstep::runtime {

// One per shard; borrowed by everything that runs on it and outlives it. net:: and sim:: make it.
struct Environment final {
  NodeId node;
  ShardId shard;
  fiber::Scheduler& scheduler;
  Clock& clock;
  Random& random;
  Network& network;
  Disk& disk;
  Offload& offload;
  Mailbox& mailbox;
  FaultPoints& fault_points;
  Trace& trace;
};

}  // namespace lockstep::runtime

#endif  // LOCKSTEP_FRAMEWORK_RUNTIME_ENVIRONMENT_H_
