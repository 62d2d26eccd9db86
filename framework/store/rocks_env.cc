#include "framework/store/rocks_env.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <string>
#include <utility>

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

class EnvWithFiles final : public rocksdb::EnvWrapper {
 public:
  EnvWithFiles(rocksdb::Env& base, std::shared_ptr<rocksdb::FileSystem> files) : EnvWrapper(&base) {
    file_system_ = std::move(files);
    system_clock_ = base.GetSystemClock();
  }
  const char* Name() const override { return "EnvWithFiles"; }
};

}  // namespace

std::unique_ptr<rocksdb::Env> WithFiles(rocksdb::Env& base,
                                        std::shared_ptr<rocksdb::FileSystem> files) {
  return std::make_unique<EnvWithFiles>(base, std::move(files));
}

std::unique_ptr<rocksdb::Env> WithoutOptionsFiles(rocksdb::Env& base) {
  return WithFiles(base, std::make_shared<FilesWithoutOptions>(base.GetFileSystem()));
}

}  // namespace lockstep::store
