// What ends each of RocksDB's table files, which nothing else protects.
#ifndef LOCKSTEP_FRAMEWORK_STORE_TABLE_FOOTER_H_
#define LOCKSTEP_FRAMEWORK_STORE_TABLE_FOOTER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace rocksdb {
class Env;
}

namespace lockstep::store {

// Of formats 1 to 5: the kind of checksum, 40 bytes of two handles and padding, the format, a magic
// number [RocksDB 7.8, table/format.h].
inline constexpr size_t kTableFooterBytes = 53;
// What our stores write, and have always written.
inline constexpr uint32_t kTableFormat = 5;
inline constexpr uint8_t kTableChecksum = 4;  // rocksdb::kXXH3

// Whether the last bytes of a table that our stores wrote, of `file_bytes` in all, can be right. A
// wrong magic number passes: RocksDB looks at that, and at nothing else.
// REQUIRES: footer.size() == kTableFooterBytes.
bool IsTableFooter(std::string_view footer, uint64_t file_bytes);

// The same world, in which a table whose footer cannot be right reads as damaged. Until format 6 a
// footer has no checksum of its own: one flipped bit and RocksDB compares no checksum of the whole
// table; with a foreign sector in it the process aborts. `base` outlives the result.
std::unique_ptr<rocksdb::Env> WithCheckedFooters(rocksdb::Env& base);

}  // namespace lockstep::store

#endif  // LOCKSTEP_FRAMEWORK_STORE_TABLE_FOOTER_H_
