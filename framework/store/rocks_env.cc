#include "framework/store/rocks_env.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <string>

namespace lockstep::store {
namespace {

class FilesWithoutOptions final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "FilesWithoutOptions"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    if (name.find("/OPTIONS-") != std::string::npos) {
      return rocksdb::IOStatus::NotSupported("no OPTIONS files");
    }
    return FileSystemWrapper::NewWritableFile(name, options, file, debug);
  }
};

class EnvWithoutOptions final : public rocksdb::EnvWrapper {
 public:
  explicit EnvWithoutOptions(rocksdb::Env* base) : EnvWrapper(base) {
    file_system_ = std::make_shared<FilesWithoutOptions>(base->GetFileSystem());
    system_clock_ = base->GetSystemClock();
  }
  const char* Name() const override { return "EnvWithoutOptions"; }
};

}  // namespace

std::unique_ptr<rocksdb::Env> WithoutOptionsFiles(rocksdb::Env& base) {
  return std::make_unique<EnvWithoutOptions>(&base);
}

}  // namespace lockstep::store
