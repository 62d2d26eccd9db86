#include "framework/store/table_footer.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "framework/base/check.h"
#include "framework/base/varint.h"
#include "framework/store/rocks_env.h"

namespace lockstep::store {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

// Of block-based tables, little-endian, and where it and the format's number are.
constexpr uint64_t kMagic = 0x88e241b785f4cff7;
constexpr size_t kMagicAt = kTableFooterBytes - 8;
constexpr size_t kFormatAt = kMagicAt - 4;
constexpr size_t kHandlesAt = 1;
// Behind each block: how it is compressed, and its checksum.
constexpr uint64_t kBlockTrailerBytes = 5;

template <typename Number>
Number NumberAt(std::string_view bytes, size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof(number));
  return number;
}

// Takes a number off the front; nothing if it is longer than it need be.
std::optional<uint64_t> TakeNumber(std::string_view& from) {
  const std::string_view all = from;
  const std::optional<uint64_t> number = base::TakeVarint(from);
  const size_t length = all.size() - from.size();
  if (length > 1 && all[length - 1] == '\0') return std::nullopt;
  return number;
}

// Takes the place of a block off the front; false if no such block fits in front of the footer.
bool TakeHandle(std::string_view& from, uint64_t blocks_end) {
  const std::optional<uint64_t> offset = TakeNumber(from);
  const std::optional<uint64_t> size = offset ? TakeNumber(from) : std::nullopt;
  return size && *size > 0 && *offset < blocks_end && *size < blocks_end &&
         *offset + *size + kBlockTrailerBytes <= blocks_end;
}

class CheckedTable final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  CheckedTable(std::unique_ptr<rocksdb::FSRandomAccessFile> base, uint64_t size, std::string name)
      : FSRandomAccessFileOwnerWrapper(std::move(base)), size_(size), name_(std::move(name)) {}

  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) const override {
    IOStatus read =
        FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, debug);
    if (!read.ok() || offset + result->size() != size_) return read;
    if (size_ < kTableFooterBytes || result->size() < kTableFooterBytes) return read;
    const std::string_view footer(result->data() + result->size() - kTableFooterBytes,
                                  kTableFooterBytes);
    if (IsTableFooter(footer, size_)) return read;
    return IOStatus::Corruption("the footer of a table is damaged", name_);
  }

 private:
  const uint64_t size_;
  const std::string name_;
};

class FilesWithCheckedFooters final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "FilesWithCheckedFooters"; }
  IOStatus NewRandomAccessFile(const std::string& name, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                               IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSRandomAccessFile> base;
    IOStatus opened = target()->NewRandomAccessFile(name, options, &base, debug);
    if (!opened.ok() || !absl::EndsWith(name, ".sst")) {
      *file = std::move(base);
      return opened;
    }
    uint64_t size = 0;
    IOStatus measured = target()->GetFileSize(name, options.io_options, &size, debug);
    if (!measured.ok()) return measured;
    *file = std::make_unique<CheckedTable>(std::move(base), size, name);
    return opened;
  }
};

}  // namespace

bool IsTableFooter(std::string_view footer, uint64_t file_bytes) {
  CHECK_EQ(footer.size(), kTableFooterBytes);
  CHECK_GE(file_bytes, kTableFooterBytes);
  if (NumberAt<uint64_t>(footer, kMagicAt) != kMagic) return true;
  if (NumberAt<uint32_t>(footer, kFormatAt) != kTableFormat) return false;
  if (static_cast<unsigned char>(footer.front()) != kTableChecksum) return false;
  std::string_view handles = footer.substr(kHandlesAt, kFormatAt - kHandlesAt);
  const uint64_t blocks_end = file_bytes - kTableFooterBytes;
  if (!TakeHandle(handles, blocks_end) || !TakeHandle(handles, blocks_end)) return false;
  return handles.find_first_not_of('\0') == handles.npos;
}

std::unique_ptr<rocksdb::Env> WithCheckedFooters(rocksdb::Env& base) {
  return WithFiles(base, std::make_shared<FilesWithCheckedFooters>(base.GetFileSystem()));
}

}  // namespace lockstep::store
