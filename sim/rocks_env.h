// RocksEnv: the world that RocksDB sees in a simulation.
#ifndef LOCKSTEP_SIM_ROCKS_ENV_H_
#define LOCKSTEP_SIM_ROCKS_ENV_H_

#include <memory>
#include <string>

#include "framework/base/ids.h"

namespace rocksdb {
class Env;
}

namespace lockstep::sim {

class SimNode;

// A rocksdb::Env, FileSystem and SystemClock over one node's SimDiskCore and NodeClock. `directory`
// (which exists) is put before every path. Make one per shard and process, on the process's stack:
// the database is closed before it goes, it goes before the node.
//
// Calls are atomic: they take no virtual time and never wait. Background jobs are queued and run by
// world events, one at a time, after a keyed delay; a job dies with the process. A thread is a
// CHECK failure, a blocking wait a tripwire, so the database must be opened with options that need
// neither (store::RocksProfile::kLight).
//
// Fault model: that of SimDiskCore, with ordered names; besides, the power may fail inside any
// operation that changes something. A dead process gets errors for everything.
std::unique_ptr<rocksdb::Env> MakeRocksEnv(SimNode& node, ShardId shard, std::string directory);

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_ROCKS_ENV_H_
