// The real world, as RocksDB sees it. For composers, which include no RocksDB.
#ifndef LOCKSTEP_FRAMEWORK_STORE_REAL_ENV_H_
#define LOCKSTEP_FRAMEWORK_STORE_REAL_ENV_H_

namespace rocksdb {
class Env;
}

namespace lockstep::store {

// The process's own; never null, never destroyed.
rocksdb::Env* RealEnv();

}  // namespace lockstep::store

#endif  // LOCKSTEP_FRAMEWORK_STORE_REAL_ENV_H_
