#include "framework/store/real_env.h"

#include <rocksdb/env.h>

namespace lockstep::store {

namespace {

class Lock final : public HeldFiles {
 public:
  explicit Lock(rocksdb::FileLock* lock) : lock_(lock) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() override { (void)RealEnv()->UnlockFile(lock_); }

 private:
  rocksdb::FileLock* lock_;
};

}  // namespace

rocksdb::Env* RealEnv() { return rocksdb::Env::Default(); }

absl::StatusOr<std::unique_ptr<HeldFiles>> HoldFiles(const std::string& path) {
  rocksdb::FileLock* lock = nullptr;
  const rocksdb::Status locked = RealEnv()->LockFile(path + "/LOCK", &lock);
  if (!locked.ok()) return absl::UnavailableError(locked.ToString());
  return std::make_unique<Lock>(lock);
}

}  // namespace lockstep::store
