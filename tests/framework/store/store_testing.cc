#include "tests/framework/store/store_testing.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace lockstep::store {
namespace {

// Directories made by this process; removed when it ends.
class Directories final {
 public:
  ~Directories() {
    std::error_code ignored;
    std::filesystem::remove_all(parent_, ignored);
  }
  std::string Next() { return parent_ + "/" + std::to_string(++count_); }

 private:
  static std::string MakeParent() {
    std::string path = testing::TempDir() + "lockstep-store-XXXXXX";
    CHECK(mkdtemp(path.data()) != nullptr) << path;
    return path;
  }

  const std::string parent_ = MakeParent();
  int count_ = 0;
};

}  // namespace

std::string FreshDirectory() {
  static Directories directories;
  return directories.Next();
}

}  // namespace lockstep::store
