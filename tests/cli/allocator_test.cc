// The settings in cli/allocator.cc, with the allocator that they are for.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstddef>
#include <cstdlib>

namespace lockstep::cli {
namespace {

constexpr int kRounds = 2000;
constexpr size_t kCompressorStateBytes = 16416;  // LZ4's

long PageFaults() {
  rusage usage{};
  EXPECT_EQ(getrusage(RUSAGE_SELF, &usage), 0);
  return usage.ru_minflt;
}

// One page fault for each page of each block, if it were fresh from the system.
long FaultsOfZeroedBlocks(size_t bytes) {
  const long before = PageFaults();
  for (int round = 0; round < kRounds; ++round) {
    auto* const block = static_cast<char*>(std::calloc(1, bytes));
    for (size_t at = 0; at < bytes; at += 1024) static_cast<volatile char*>(block)[at] = 1;
    std::free(block);
  }
  return PageFaults() - before;
}

TEST(AllocatorTest, CompressorsStateIsNotFaultedInForEveryBlock) {
  FaultsOfZeroedBlocks(kCompressorStateBytes);
  EXPECT_LT(FaultsOfZeroedBlocks(kCompressorStateBytes), kRounds / 10);
}

}  // namespace
}  // namespace lockstep::cli
