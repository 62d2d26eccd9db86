// The worlds that RocksDB runs in, as others see their files.
#ifndef LOCKSTEP_FRAMEWORK_STORE_ROCKS_ENV_H_
#define LOCKSTEP_FRAMEWORK_STORE_ROCKS_ENV_H_

#include <memory>

namespace rocksdb {
class Env;
class FileSystem;
}  // namespace rocksdb

namespace lockstep::store {

// The same world with other files. `base` outlives the result.
std::unique_ptr<rocksdb::Env> WithFiles(rocksdb::Env& base,
                                        std::shared_ptr<rocksdb::FileSystem> files);

// The same world, in which OPTIONS files cannot be created. RocksDB writes, syncs and reads back
// one at every open, which takes most of the time of an open, and we never read any. `base`
// outlives the result.
std::unique_ptr<rocksdb::Env> WithoutOptionsFiles(rocksdb::Env& base);

}  // namespace lockstep::store

#endif  // LOCKSTEP_FRAMEWORK_STORE_ROCKS_ENV_H_
