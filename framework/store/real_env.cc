#include "framework/store/real_env.h"

#include <rocksdb/env.h>

namespace lockstep::store {

rocksdb::Env* RealEnv() { return rocksdb::Env::Default(); }

}  // namespace lockstep::store
