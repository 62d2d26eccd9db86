// CURRENT: the one small file of a RocksDB database without a checksum, and what all others hang
// on: it names the manifest that counts.
#ifndef LOCKSTEP_FRAMEWORK_STORE_CURRENT_FILE_H_
#define LOCKSTEP_FRAMEWORK_STORE_CURRENT_FILE_H_

#include <string>

#include "absl/status/status.h"

namespace rocksdb {
class Env;
}

namespace lockstep::store {

// OK: a database can be opened by it, or made where none is. DATA_LOSS: it is damaged, or gone from
// a database that has tables: RocksDB 7.8 begins a new one there, at the second attempt for
// certain, and deletes the tables. Changes nothing, blocks. `env`: as RocksDB is to see the files.
absl::Status CheckCurrentFile(rocksdb::Env& env, const std::string& path, bool is_sealed);

}  // namespace lockstep::store

#endif  // LOCKSTEP_FRAMEWORK_STORE_CURRENT_FILE_H_
