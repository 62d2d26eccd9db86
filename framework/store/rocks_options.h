// How RocksDB is set up, for both profiles.
#ifndef LOCKSTEP_FRAMEWORK_STORE_ROCKS_OPTIONS_H_
#define LOCKSTEP_FRAMEWORK_STORE_ROCKS_OPTIONS_H_

#include "framework/store/rocks_store.h"

namespace rocksdb {
struct ColumnFamilyOptions;
struct Options;
}  // namespace rocksdb

namespace lockstep::store {

rocksdb::Options ToRocksOptions(const RocksStoreOptions& options);
// Of one column of a database with these options.
rocksdb::ColumnFamilyOptions ToColumnOptions(const rocksdb::Options& options,
                                             machine::Column column, bool embedded);

}  // namespace lockstep::store

#endif  // LOCKSTEP_FRAMEWORK_STORE_ROCKS_OPTIONS_H_
