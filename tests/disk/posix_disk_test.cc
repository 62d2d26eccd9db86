#include "disk/posix_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "disk/data_directory.h"
#include "disk/errno_status.h"
#include "disk/posix_file.h"
#include "framework/base/check.h"
#include "framework/base/random.h"
#include "net/loop.h"
#include "net/thread_offload.h"

namespace lockstep::disk {
namespace {

using runtime::File;
using runtime::Lane;
using runtime::OpenMode;

// A directory of its own, gone at the end.
class TemporaryDirectory final {
 public:
  TemporaryDirectory() {
    std::string name = testing::TempDir() + "lockstep-disk-XXXXXX";
    CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Notes the lanes of the jobs that pass through.
class LaneRecorder final : public runtime::Offload {
 public:
  explicit LaneRecorder(runtime::Offload& target) : target_(target) {}
  void Run(Fiber& fiber, Lane lane, absl::FunctionRef<void()> work) override {
    lanes.push_back(lane);
    target_.Run(fiber, lane, work);
  }
  std::vector<Lane> lanes;

 private:
  runtime::Offload& target_;
};

class PosixDiskTest : public testing::Test {
 protected:
  PosixDiskTest() {
    auto opened = PosixDisk::OpenBlocking(lanes_, directory_.path(), "log");
    CHECK(opened.ok()) << opened.status().ToString();
    disk_ = *std::move(opened);
  }

  void Run(std::function<void(Fiber&)> body) {
    fiber::Scope scope(loop_.scheduler());
    scope.Spawn("test", [&](Fiber& fiber) {
      body(fiber);
      loop_.Stop();
    });
    loop_.Run();
  }

  std::unique_ptr<File> MustOpen(Fiber& fiber, const std::string& path, OpenMode mode) {
    auto file = disk_->Open(fiber, path, mode);
    CHECK(file.ok()) << file.status().ToString();
    return *std::move(file);
  }

  static std::string ReadAt(Fiber& fiber, File& file, uint64_t offset, size_t bytes) {
    std::string text(bytes, '\0');
    const auto n = file.Read(fiber, offset, absl::MakeSpan(text));
    CHECK(n.ok()) << n.status().ToString();
    text.resize(*n);
    return text;
  }

  TemporaryDirectory directory_;
  net::Loop loop_;
  net::ThreadOffload offload_{loop_};
  LaneRecorder lanes_{offload_};
  std::unique_ptr<PosixDisk> disk_;
};

TEST_F(PosixDiskTest, ReadsBackWhatWasWritten) {
  Run([&](Fiber& f) {
    const auto file = MustOpen(f, "data", OpenMode::kCreate);
    CHECK_OK(file->Write(f, 0, "hello world"));
    CHECK_OK(file->Write(f, 6, "disks"));
    CHECK_OK(file->DataSync(f));
    EXPECT_EQ(ReadAt(f, *file, 0, 11), "hello disks");
    EXPECT_EQ(ReadAt(f, *file, 6, 100), "disks") << "short at the end of the file";
    EXPECT_EQ(ReadAt(f, *file, 11, 100), "");
    EXPECT_EQ(ReadAt(f, *file, 1000, 100), "") << "beyond the end";
    EXPECT_EQ(*file->Size(f), 11u);
  });
}

TEST_F(PosixDiskTest, WritesBeyondTheEndLeaveAHoleOfZeros) {
  Run([&](Fiber& f) {
    const auto file = MustOpen(f, "data", OpenMode::kCreate);
    CHECK_OK(file->WriteAndSync(f, 5, "x"));
    EXPECT_EQ(ReadAt(f, *file, 0, 6), std::string(5, '\0') + "x");
    CHECK_OK(file->Truncate(f, 2));
    EXPECT_EQ(*file->Size(f), 2u);
    CHECK_OK(file->Truncate(f, 4));
    EXPECT_EQ(ReadAt(f, *file, 0, 10), std::string(4, '\0'));
  });
}

TEST_F(PosixDiskTest, CarriesLargeBlocksWhole) {
  std::string block(9 << 20, '\0');
  base::SequentialRandom random(1);
  for (char& c : block) c = static_cast<char>(random.Next());
  Run([&](Fiber& f) {
    const auto file = MustOpen(f, "data", OpenMode::kCreate);
    CHECK_OK(file->WriteAndSync(f, 3, block));
    EXPECT_TRUE(ReadAt(f, *file, 3, block.size()) == block);
  });
}

TEST_F(PosixDiskTest, OpenModesDecideWhetherTheFileMustExist) {
  Run([&](Fiber& f) {
    for (const OpenMode mode : {OpenMode::kRead, OpenMode::kReadWrite}) {
      const auto missing = disk_->Open(f, "missing", mode);
      EXPECT_TRUE(absl::IsNotFound(missing.status())) << missing.status();
      EXPECT_TRUE(absl::StrContains(missing.status().message(), directory_.path() + "/missing"));
    }
    MustOpen(f, "there", OpenMode::kCreate);
    const auto again = disk_->Open(f, "there", OpenMode::kCreate);
    EXPECT_TRUE(absl::IsAlreadyExists(again.status())) << again.status();
    const auto read_only = MustOpen(f, "there", OpenMode::kRead);
    EXPECT_FALSE(read_only->Write(f, 0, "x").ok());
    CHECK_OK(MustOpen(f, "there", OpenMode::kReadWrite)->Write(f, 0, "x"));
    EXPECT_EQ(ReadAt(f, *read_only, 0, 9), "x");
  });
}

TEST_F(PosixDiskTest, RenameReplacesTheTarget) {
  Run([&](Fiber& f) {
    CHECK_OK(MustOpen(f, "old", OpenMode::kCreate)->Write(f, 0, "old"));
    CHECK_OK(MustOpen(f, "new", OpenMode::kCreate)->Write(f, 0, "new"));
    CHECK_OK(disk_->Rename(f, "new", "old"));
    CHECK_OK(disk_->SyncDirectory(f, ""));
    EXPECT_FALSE(*disk_->Exists(f, "new"));
    EXPECT_EQ(ReadAt(f, *MustOpen(f, "old", OpenMode::kRead), 0, 9), "new");
    EXPECT_TRUE(absl::IsNotFound(disk_->Rename(f, "new", "old")));
  });
}

TEST_F(PosixDiskTest, DirectoriesAreMadeWithTheirParentsAndRemovedWithAllThatIsInThem) {
  Run([&](Fiber& f) {
    CHECK_OK(disk_->CreateDirectory(f, "a/b/c"));
    CHECK_OK(disk_->CreateDirectory(f, "a/b"));
    MustOpen(f, "a/b/c/deep", OpenMode::kCreate);
    MustOpen(f, "a/b/z", OpenMode::kCreate);
    MustOpen(f, "a/b/y", OpenMode::kCreate);
    EXPECT_EQ(*disk_->List(f, "a/b"), (std::vector<std::string>{"c", "y", "z"}));
    CHECK_OK(disk_->SyncDirectory(f, "a/b"));
    CHECK_OK(disk_->RemoveDirectory(f, "a"));
    CHECK_OK(disk_->RemoveDirectory(f, "a"));
    EXPECT_FALSE(*disk_->Exists(f, "a/b/c/deep"));
    EXPECT_TRUE(disk_->List(f, "")->empty());
  });
}

TEST_F(PosixDiskTest, RemovingADirectoryFollowsNoSymbolicLink) {
  TemporaryDirectory elsewhere;
  std::ofstream(elsewhere.path() + "/precious") << "x";
  std::filesystem::create_directory(directory_.path() + "/a");
  std::filesystem::create_directory_symlink(elsewhere.path(), directory_.path() + "/a/link");
  Run([&](Fiber& f) { CHECK_OK(disk_->RemoveDirectory(f, "a")); });
  EXPECT_TRUE(std::filesystem::exists(elsewhere.path() + "/precious"));
  EXPECT_FALSE(std::filesystem::exists(directory_.path() + "/a"));
}

TEST_F(PosixDiskTest, ErrorsNameTheCauseAndThePath) {
  Run([&](Fiber& f) {
    MustOpen(f, "file", OpenMode::kCreate);
    EXPECT_TRUE(absl::IsNotFound(disk_->Remove(f, "missing")));
    EXPECT_TRUE(absl::IsNotFound(disk_->List(f, "missing").status()));
    EXPECT_TRUE(absl::IsNotFound(disk_->SyncDirectory(f, "missing")));
    EXPECT_TRUE(absl::IsFailedPrecondition(disk_->CreateDirectory(f, "file")));
    EXPECT_TRUE(absl::IsFailedPrecondition(disk_->CreateDirectory(f, "file/below")));
    EXPECT_TRUE(absl::IsFailedPrecondition(disk_->RemoveDirectory(f, "file")));
    const absl::Status status = disk_->Remove(f, "file/below");
    EXPECT_TRUE(absl::StrContains(status.message(), directory_.path() + "/file/below")) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "Not a directory")) << status;
    EXPECT_FALSE(*disk_->Exists(f, "file/below"));
  });
}

TEST(ErrnoStatus, FollowsTheInterface) {
  EXPECT_TRUE(absl::IsResourceExhausted(ErrnoStatus(ENOSPC, "write", "f")));
  EXPECT_TRUE(absl::IsResourceExhausted(ErrnoStatus(EDQUOT, "write", "f")));
  EXPECT_TRUE(absl::IsDataLoss(ErrnoStatus(EIO, "read", "f")));
  EXPECT_TRUE(absl::IsUnavailable(ErrnoStatus(ENODEV, "read", "f")));
  EXPECT_TRUE(absl::IsUnavailable(ErrnoStatus(EROFS, "write", "f")));
}

// /dev/full takes no byte, and pipes cannot be synced: failures that need no broken disk.
TEST_F(PosixDiskTest, AFullDeviceIsResourceExhausted) {
  Run([&](Fiber& f) {
    PosixFile full(offload_, Lane::kGeneral, open("/dev/full", O_RDWR | O_CLOEXEC), "/dev/full");
    EXPECT_TRUE(absl::IsResourceExhausted(full.Write(f, 0, "x")));
    EXPECT_TRUE(absl::IsResourceExhausted(full.WriteAndSync(f, 0, "x")));
  });
}

TEST_F(PosixDiskTest, AFailedSyncIsNeverFollowedByASuccess) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const std::string path = directory_.path() + "/data";
  Run([&](Fiber& f) {
    PosixFile file(offload_, Lane::kLog, ends[1], "pipe");
    const absl::Status failed = file.DataSync(f);
    EXPECT_FALSE(failed.ok());
    // From here on the descriptor could sync.
    const int good = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_EQ(dup3(good, ends[1], O_CLOEXEC), ends[1]);
    close(good);
    EXPECT_EQ(file.DataSync(f), failed);
    EXPECT_EQ(file.WriteAndSync(f, 0, "x"), failed);
  });
  close(ends[0]);
}

TEST_F(PosixDiskTest, OnlyTheLogsBatchesTakeItsLane) {
  Run([&](Fiber& f) {
    CHECK_OK(disk_->CreateDirectory(f, "log"));
    const auto segment = MustOpen(f, "log/1", OpenMode::kCreate);
    CHECK_OK(disk_->SyncDirectory(f, "log"));
    CHECK_OK(segment->Write(f, 0, "prepared"));
    CHECK_OK(segment->DataSync(f));
    const auto other = MustOpen(f, "logbook", OpenMode::kCreate);
    CHECK_OK(other->WriteAndSync(f, 0, "x"));
    EXPECT_EQ(lanes_.lanes, std::vector<Lane>(7, Lane::kGeneral));
    lanes_.lanes.clear();
    CHECK_OK(segment->WriteAndSync(f, 0, "x"));
    EXPECT_EQ(lanes_.lanes, std::vector<Lane>(1, Lane::kLog));
    EXPECT_EQ(ReadAt(f, *segment, 0, 9), "xrepared");
  });
}

TEST_F(PosixDiskTest, ReportsSpace) {
  Run([&](Fiber& f) {
    const auto space = disk_->FreeSpace(f);
    ASSERT_TRUE(space.ok()) << space.status();
    EXPECT_GT(space->total_bytes, 0u);
    EXPECT_LE(space->free_bytes, space->total_bytes);
  });
}

TEST_F(PosixDiskTest, UnwindingAnOpenLeaksNoDescriptor) {
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                         std::filesystem::directory_iterator());
  };
  Run([&](Fiber& f) {
    MustOpen(f, "data", OpenMode::kCreate);
    const auto before = descriptors();
    for (int i = 0; i < 200; ++i) {
      fiber::Scope scope(f.scheduler());
      scope.Spawn("opener", [&](Fiber& opener) { MustOpen(opener, "data", OpenMode::kRead); });
      for (int turns = i % 3; turns >= 0; --turns) f.Yield();
    }
    EXPECT_EQ(descriptors(), before);
  });
}

TEST(PosixDisk, NeedsItsDirectory) {
  net::Loop loop;
  net::ThreadOffload offload(loop);
  const auto missing = PosixDisk::OpenBlocking(offload, "/nonexistent/lockstep", "log");
  EXPECT_TRUE(absl::IsNotFound(missing.status())) << missing.status();
}

TEST(PosixDiskDeathTest, APathThatLeavesTheDataDirectoryIsABug) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto open_path = [](const std::string& path) {
    net::Loop loop;
    net::ThreadOffload offload(loop);
    const auto disk = PosixDisk::OpenBlocking(offload, "/tmp", "");
    fiber::Scope scope(loop.scheduler());
    scope.Spawn("test", [&](Fiber& f) { (*disk)->Exists(f, path).IgnoreError(); });
    loop.scheduler().RunReady();
  };
  EXPECT_DEATH(open_path("a/../../etc"), "leaves the data directory");
  EXPECT_DEATH(open_path("/etc"), "absolute path");
}

TEST(DataDirectory, HasOneHolderAtATime) {
  TemporaryDirectory parent;
  const std::string path = parent.path() + "/nodes/1";
  auto first = DataDirectory::LockBlocking(path);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = DataDirectory::LockBlocking(path);
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_TRUE(absl::StrContains(second.status().message(), path)) << second.status();
  first->reset();
  EXPECT_TRUE(DataDirectory::LockBlocking(path).ok());
}

TEST(DataDirectory, IsForItsOwnerOnly) {
  TemporaryDirectory parent;
  const std::string path = parent.path() + "/data";
  const auto held = DataDirectory::LockBlocking(path);
  ASSERT_TRUE(held.ok()) << held.status();
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST(DataDirectory, CannotBeAFile) {
  TemporaryDirectory parent;
  std::ofstream(parent.path() + "/file") << "x";
  EXPECT_FALSE(DataDirectory::LockBlocking(parent.path() + "/file").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(DataDirectory::LockBlocking("").status()));
}

}  // namespace
}  // namespace lockstep::disk
