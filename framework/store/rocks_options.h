// How RocksDB is set up, for both profiles.
#ifndef LOCKSTEP_FRAMEWORK_STORE_ROCKS_OPTIONS_H_
#define LOCKSTEP_FRAMEWORK_STORE_ROCKS_OPTIONS_H_

#include "framework/store/rocks_store.h"

namespace rocksdb {
struct Options;
}

namespace lockstep::store {

rocksdb::Options ToRocksOptions(const RocksStoreOptions& options);

}  // namespace lockstep::store

#endif  // LOCKSTEP_FRAMEWORK_STORE_ROCKS_OPTIONS_H_
