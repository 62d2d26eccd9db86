#include "framework/store/sealed_env.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <algorithm>
#include <atomic>  // lint: allow(atomic) RocksDB's threads make files; see StreamNumbers
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "framework/store/mutants.h"
#include "framework/store/rocks_env.h"
#include "framework/store/sealed_format.h"

namespace lockstep::store {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using StreamRef = std::unique_ptr<const runtime::StreamCipher>;

std::string_view View(const Slice& slice) { return {slice.data(), slice.size()}; }
std::string_view Bytes(const PageLength& length) {
  return {reinterpret_cast<const char*>(&length), sizeof(length)};
}

// Numbers streams. RocksDB's threads ask for them, in any order; that they differ is all that
// counts. (In a simulation there is one thread.)
class StreamNumbers final {
 public:
  uint64_t Next() { return next_.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> next_{1};  // lint: allow(atomic) see above
};

// Appends the sealed pages of `plain`.
void SealPages(const runtime::StreamCipher& stream, uint64_t* piece, std::string_view plain,
               std::string* out) {
  while (!plain.empty()) {
    const std::string_view page = plain.substr(0, kPageBytes);
    plain.remove_prefix(page.size());
    const auto length = static_cast<PageLength>(page.size());
    out->append(Bytes(length));
    stream.Seal((*piece)++, Bytes(length), page, out);
  }
}

// The page at the start of `bytes`, appended to `out`; how many bytes it took, 0 if it is not all
// there, nothing if it is not what was sealed.
std::optional<size_t> OpenPage(const runtime::StreamCipher& stream, uint64_t piece,
                               std::string_view bytes, std::string* out) {
  PageLength length = 0;
  if (bytes.size() < sizeof(length)) return 0;
  std::memcpy(&length, bytes.data(), sizeof(length));
  if (length == 0 || length > kPageBytes) return std::nullopt;
  const size_t size = length + kPageOverhead;
  if (bytes.size() < size) return 0;
  const std::string_view sealed = bytes.substr(sizeof(length), length + runtime::kSealBytes);
  if (!stream.Open(piece, Bytes(length), sealed, out)) return std::nullopt;
  return size;
}

IOStatus Changed(const std::string& name, uint64_t page) {
  return IOStatus::Corruption(
      absl::StrCat(name, ": page ", page, " is not what was sealed: damaged or changed"));
}

// The stream of the file whose header this is.
IOStatus StreamOf(const runtime::Cipher& cipher, const std::string& name, std::string_view bytes,
                  StreamRef* stream) {
  SealedHeader header;
  if (bytes.size() < sizeof(header)) return IOStatus::Corruption(name + ": cut in its header");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kSealedMagic, sizeof(header.magic)) != 0) {
    return IOStatus::Corruption(name + ": is not sealed");
  }
  if (header.checksum != ChecksumOf(header) || header.version != kSealedVersion) {
    return IOStatus::Corruption(name + ": its header is damaged or of another version");
  }
  *stream = cipher.Stream({header.key, header.high, header.low, header.number});
  if (*stream != nullptr) return IOStatus::OK();
  return IOStatus::Corruption(
      absl::StrCat(name, ": sealed with key ", header.key, ", which is not known"));
}

class SealedWritableFile final : public rocksdb::FSWritableFile {
 public:
  SealedWritableFile(std::unique_ptr<rocksdb::FSWritableFile> file, StreamRef stream)
      : file_(std::move(file)), stream_(std::move(stream)) {}

  IOStatus Begin(const SealedHeader& header, const IOOptions& options, IODebugContext* debug) {
    return file_->Append(Slice(reinterpret_cast<const char*>(&header), sizeof(header)), options,
                         debug);
  }

  using FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    size_ += data.size();
    pending_.append(data.data(), data.size());
    const size_t whole = pending_.size() / kPageBytes * kPageBytes;
    if (whole == 0) return IOStatus::OK();
    const IOStatus written = Write(std::string_view(pending_).substr(0, whole), options, debug);
    pending_.erase(0, whole);
    return written;
  }
  // What is not a whole page waits for more of it, until somebody needs it to be there.
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    const IOStatus written = WritePending(options, debug);
    return written.ok() ? file_->Sync(options, debug) : written;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    const IOStatus written = WritePending(options, debug);
    return written.ok() ? file_->Fsync(options, debug) : written;
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    const IOStatus written = WritePending(options, debug);
    const IOStatus closed = file_->Close(options, debug);
    return written.ok() ? closed : written;
  }
  IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override {
    return size == size_ ? IOStatus::OK() : IOStatus::NotSupported("a sealed file is not cut");
  }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return size_; }
  // (Of the part that has been written, in pages.)
  IOStatus RangeSync(uint64_t offset, uint64_t bytes, const IOOptions& options,
                     IODebugContext* debug) override {
    return file_->RangeSync(offset, bytes, options, debug);
  }

 private:
  IOStatus WritePending(const IOOptions& options, IODebugContext* debug) {
    if (pending_.empty()) return IOStatus::OK();
    const std::string last = std::exchange(pending_, {});
    return Write(last, options, debug);
  }
  IOStatus Write(std::string_view plain, const IOOptions& options, IODebugContext* debug) {
    sealed_.clear();
    SealPages(*stream_, &pieces_, plain, &sealed_);
    return file_->Append(sealed_, options, debug);
  }

  const std::unique_ptr<rocksdb::FSWritableFile> file_;
  const StreamRef stream_;
  uint64_t size_ = 0;
  uint64_t pieces_ = 0;
  std::string pending_;  // less than a page
  std::string sealed_;
};

// From the beginning to the end. A page that is cut off is not there: a power loss left it so.
class SealedSequentialFile final : public rocksdb::FSSequentialFile {
 public:
  SealedSequentialFile(std::unique_ptr<rocksdb::FSSequentialFile> file, std::string name)
      : file_(std::move(file)), name_(std::move(name)) {}

  IOStatus Begin(const runtime::Cipher& cipher, const IOOptions& options, IODebugContext* debug) {
    IOStatus filled = Fill(sizeof(SealedHeader) + 1, options, debug);
    // A header and nothing else, or part of it: there is nothing in it.
    if (!filled.ok() || sealed_.size() <= sizeof(SealedHeader)) return filled;
    IOStatus known = StreamOf(cipher, name_, sealed_, &stream_);
    if (known.ok()) sealed_.erase(0, sizeof(SealedHeader));
    return known;
  }

  IOStatus Read(size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) override {
    size_t copied = 0;
    while (copied < n) {
      if (plain_.empty()) {
        const IOStatus opened = NextPage(options, debug);
        if (!opened.ok()) return opened;
        if (plain_.empty()) break;
      }
      const size_t take = std::min(n - copied, plain_.size());
      std::memcpy(scratch + copied, plain_.data(), take);
      plain_.erase(0, take);
      copied += take;
    }
    *result = Slice(scratch, copied);
    return IOStatus::OK();
  }
  IOStatus Skip(uint64_t n) override {
    std::string scratch(static_cast<size_t>(std::min<uint64_t>(n, kPageBytes)), '\0');
    while (n > 0) {
      Slice read;
      const size_t step = static_cast<size_t>(std::min<uint64_t>(n, scratch.size()));
      const IOStatus status = Read(step, IOOptions(), &read, scratch.data(), nullptr);
      if (!status.ok() || read.empty()) return status;
      n -= read.size();
    }
    return IOStatus::OK();
  }

 private:
  // At least so many bytes, unless the file ends before.
  IOStatus Fill(size_t wanted, const IOOptions& options, IODebugContext* debug) {
    std::string scratch(kSealedPageBytes, '\0');
    while (sealed_.size() < wanted && !at_end_) {
      Slice read;
      const IOStatus status = file_->Read(scratch.size(), options, &read, scratch.data(), debug);
      if (!status.ok()) return status;
      at_end_ = read.empty();
      sealed_.append(read.data(), read.size());
    }
    return IOStatus::OK();
  }
  // Leaves plain_ empty at the end.
  IOStatus NextPage(const IOOptions& options, IODebugContext* debug) {
    if (stream_ == nullptr) return IOStatus::OK();
    IOStatus filled = Fill(kSealedPageBytes + 1, options, debug);
    if (!filled.ok()) return filled;
    const auto taken = OpenPage(*stream_, piece_, sealed_, &plain_);
    if (taken) {
      sealed_.erase(0, *taken);
      ++piece_;
      return IOStatus::OK();
    }
    // Some file systems fill with zeros what a power loss cut off.
    plain_.clear();
    if (sealed_.find_first_not_of('\0') == std::string::npos) return IOStatus::OK();
    return Changed(name_, piece_);
  }

  const std::unique_ptr<rocksdb::FSSequentialFile> file_;
  const std::string name_;
  StreamRef stream_;    // null: the file is empty
  std::string sealed_;  // read, and not opened
  std::string plain_;   // opened, and not handed out
  uint64_t piece_ = 0;
  bool at_end_ = false;
};

// Anywhere in a file that was written in one go: only the last page is short.
class SealedRandomAccessFile final : public rocksdb::FSRandomAccessFile {
 public:
  SealedRandomAccessFile(std::unique_ptr<rocksdb::FSRandomAccessFile> file, std::string name)
      : file_(std::move(file)), name_(std::move(name)) {}

  IOStatus Begin(const runtime::Cipher& cipher, const IOOptions& options, IODebugContext* debug) {
    std::string scratch(sizeof(SealedHeader), '\0');
    Slice header;
    IOStatus read = file_->Read(0, scratch.size(), options, &header, scratch.data(), debug);
    return read.ok() ? StreamOf(cipher, name_, View(header), &stream_) : read;
  }

  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) const override {
    *result = Slice(scratch, 0);
    if (n == 0) return IOStatus::OK();
    const uint64_t first = offset / kPageBytes;
    const uint64_t last = (offset + n - 1) / kPageBytes;
    std::string sealed(static_cast<size_t>((last - first + 1) * kSealedPageBytes), '\0');
    Slice read;
    const IOStatus status = file_->Read(sizeof(SealedHeader) + first * kSealedPageBytes,
                                        sealed.size(), options, &read, sealed.data(), debug);
    if (!status.ok()) return status;
    std::string plain;
    plain.reserve(static_cast<size_t>((last - first + 1) * kPageBytes));
    std::string_view rest = View(read);
    for (uint64_t page = first; !rest.empty(); ++page) {
      const size_t taken = OpenPage(*stream_, page, rest, &plain).value_or(0);
      if (taken == 0) return Changed(name_, page);
      rest.remove_prefix(taken);
      if (taken != kSealedPageBytes && !rest.empty()) return Changed(name_, page);
    }
    const uint64_t skip = offset - first * kPageBytes;
    if (plain.size() <= skip) return IOStatus::OK();
    const size_t copied = std::min(n, plain.size() - static_cast<size_t>(skip));
    std::memcpy(scratch, plain.data() + skip, copied);
    *result = Slice(scratch, copied);
    return IOStatus::OK();
  }

 private:
  const std::unique_ptr<rocksdb::FSRandomAccessFile> file_;
  const std::string name_;
  StreamRef stream_;
};

// Planted bug M122: who reads a manifest?
bool IsClear(const std::string& name) {
  return mutant::Enabled(mutant::kM122SmallFilesInClear) && !absl::EndsWith(name, ".sst");
}

class SealedFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  SealedFileSystem(const std::shared_ptr<rocksdb::FileSystem>& base, const SealOptions& options)
      : FileSystemWrapper(base), options_(options) {}
  const char* Name() const override { return "SealedFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* debug) override {
    if (IsClear(name)) return target()->NewWritableFile(name, options, file, debug);
    std::unique_ptr<rocksdb::FSWritableFile> base;
    IOStatus made = target()->NewWritableFile(name, options, &base, debug);
    if (!made.ok()) return made;
    const runtime::SealedStreamId id{options_.cipher->current_key(), options_.high, options_.low,
                                     numbers_.Next()};
    StreamRef stream = options_.cipher->Stream(id);
    if (stream == nullptr) return IOStatus::IOError("the current key is not known");
    auto sealed = std::make_unique<SealedWritableFile>(std::move(base), std::move(stream));
    IOStatus begun = sealed->Begin(MakeSealedHeader(id), options.io_options, debug);
    if (begun.ok()) *file = std::move(sealed);
    return begun;
  }
  IOStatus NewSequentialFile(const std::string& name, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* file,
                             IODebugContext* debug) override {
    if (IsClear(name)) return target()->NewSequentialFile(name, options, file, debug);
    std::unique_ptr<rocksdb::FSSequentialFile> base;
    IOStatus opened = target()->NewSequentialFile(name, options, &base, debug);
    if (!opened.ok()) return opened;
    auto sealed = std::make_unique<SealedSequentialFile>(std::move(base), name);
    IOStatus begun = sealed->Begin(*options_.cipher, options.io_options, debug);
    if (begun.ok()) *file = std::move(sealed);
    return begun;
  }
  IOStatus NewRandomAccessFile(const std::string& name, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                               IODebugContext* debug) override {
    if (IsClear(name)) return target()->NewRandomAccessFile(name, options, file, debug);
    std::unique_ptr<rocksdb::FSRandomAccessFile> base;
    IOStatus opened = target()->NewRandomAccessFile(name, options, &base, debug);
    if (!opened.ok()) return opened;
    auto sealed = std::make_unique<SealedRandomAccessFile>(std::move(base), name);
    IOStatus begun = sealed->Begin(*options_.cipher, options.io_options, debug);
    if (begun.ok()) *file = std::move(sealed);
    return begun;
  }
  IOStatus GetFileSize(const std::string& name, const IOOptions& options, uint64_t* size,
                       IODebugContext* debug) override {
    IOStatus got = target()->GetFileSize(name, options, size, debug);
    if (got.ok()) *size = PlainBytes(*size);
    return got;
  }
  IOStatus ReopenWritableFile(const std::string&, const FileOptions&,
                              std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("a sealed file is written once");
  }
  IOStatus ReuseWritableFile(const std::string&, const std::string&, const FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("a sealed file is written once");
  }
  IOStatus NewRandomRWFile(const std::string&, const FileOptions&,
                           std::unique_ptr<rocksdb::FSRandomRWFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("a sealed file is written once");
  }
  IOStatus NewMemoryMappedFileBuffer(const std::string&,
                                     std::unique_ptr<rocksdb::MemoryMappedFileBuffer>*) override {
    return IOStatus::NotSupported("a sealed file is not mapped");
  }

 private:
  const SealOptions options_;
  StreamNumbers numbers_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> SealedEnv(rocksdb::Env& base, const SealOptions& options) {
  return WithFiles(base, std::make_shared<SealedFileSystem>(base.GetFileSystem(), options));
}

absl::StatusOr<std::set<uint32_t>> KeysOfFiles(rocksdb::Env& base, const std::string& path) {
  std::set<uint32_t> keys;
  std::vector<std::string> names;
  const std::shared_ptr<rocksdb::FileSystem>& files = base.GetFileSystem();
  const IOStatus listed = files->GetChildren(path, IOOptions(), &names, nullptr);
  if (!listed.ok()) return absl::UnavailableError(listed.ToString());
  for (const std::string& name : names) {
    if (name == "." || name == ".." || name == "LOCK") continue;
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    const IOStatus opened =
        files->NewSequentialFile(path + "/" + name, FileOptions(), &file, nullptr);
    if (!opened.ok()) return absl::UnavailableError(opened.ToString());
    SealedHeader header;
    std::string scratch(sizeof(header) + 1, '\0');
    Slice read;
    const IOStatus got = file->Read(scratch.size(), IOOptions(), &read, scratch.data(), nullptr);
    if (!got.ok()) return absl::UnavailableError(got.ToString());
    if (read.size() <= sizeof(header)) continue;  // nothing is in it
    std::memcpy(&header, read.data(), sizeof(header));
    if (std::memcmp(header.magic, kSealedMagic, sizeof(header.magic)) != 0) continue;
    if (header.checksum == ChecksumOf(header)) keys.insert(header.key);
  }
  return keys;
}

}  // namespace lockstep::store
