// The real world, as RocksDB sees it. For composers, which include no RocksDB.
#ifndef LOCKSTEP_FRAMEWORK_STORE_REAL_ENV_H_
#define LOCKSTEP_FRAMEWORK_STORE_REAL_ENV_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace rocksdb {
class Env;
}

namespace lockstep::store {

// The process's own; never null, never destroyed.
rocksdb::Env* RealEnv();

// While it lives, nobody opens the database to write.
class HeldFiles {
 public:
  virtual ~HeldFiles() = default;
};
// UNAVAILABLE: somebody has it open. REQUIRES: the database exists.
absl::StatusOr<std::unique_ptr<HeldFiles>> HoldFiles(const std::string& path);

}  // namespace lockstep::store

#endif  // LOCKSTEP_FRAMEWORK_STORE_REAL_ENV_H_
