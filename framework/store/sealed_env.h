// RocksDB's files, sealed. (docs/formats.md, "Sealed files".)
#ifndef LOCKSTEP_FRAMEWORK_STORE_SEALED_ENV_H_
#define LOCKSTEP_FRAMEWORK_STORE_SEALED_ENV_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "framework/runtime/cipher.h"

namespace rocksdb {
class Env;
}

namespace lockstep::store {

// How the files of one database are sealed.
struct SealOptions final {
  const runtime::Cipher* cipher = nullptr;  // null: they are not; outlives the store
  // Drawn anew for every opening: what streams of this process are called.
  uint64_t high = 0;
  uint64_t low = 0;
};

// The same world, in which every file's content is sealed: sorted tables, manifests, and what else
// RocksDB writes. Only names and sizes show. Each file is a stream of its own, each page of it a
// piece that is sealed once: files are written from their beginning to their end and never again.
// `base` outlives the result. Called by RocksDB's threads, too.
std::unique_ptr<rocksdb::Env> SealedEnv(rocksdb::Env& base, const SealOptions& options);

// The data keys of the database's files. Blocks.
absl::StatusOr<std::set<uint32_t>> KeysOfFiles(rocksdb::Env& base, const std::string& path);

}  // namespace lockstep::store

#endif  // LOCKSTEP_FRAMEWORK_STORE_SEALED_ENV_H_
