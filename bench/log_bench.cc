// What the log's append path costs: time, CPU and allocations per entry, next to a bare write with
// a data sync of the same bytes on the same disk.
//
//   log_bench DIRECTORY [seconds]      (DIRECTORY must exist and be empty; a second per line)
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "bench/cpu_time.h"
#include "disk/posix_disk.h"
#include "framework/base/check.h"
#include "framework/fiber/sync.h"
#include "framework/replica/log.h"
#include "net/environment.h"

namespace {
std::atomic<uint64_t> allocations{0};
}  // namespace

void* operator new(size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* const memory = std::malloc(bytes);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace lockstep::replica {
namespace {

constexpr size_t kPayloadBytes = 256;
constexpr GroupId kGroup(1);

double Median(std::vector<double>& values) {
  CHECK(!values.empty());
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Wakes whoever waits for the newest write.
class Waiter final : public LogClient {
 public:
  void OnDurable(raft::WriteId) override { durable_.Set(); }
  void Wait(Fiber& fiber) {
    durable_.Wait(fiber);
    durable_.Reset();
  }

 private:
  fiber::Event durable_;
};

struct Appender final {
  Log& log;
  Waiter& waiter;
  uint64_t next_index = 1;
  uint64_t next_write = 1;
};

// One write after the other, each of so many entries.
void MeasureAppends(Fiber& fiber, Appender& to, size_t entries, double seconds) {
  const auto payload = std::make_shared<const std::string>(kPayloadBytes, 'x');
  std::vector<double> waits_us;
  waits_us.reserve(1 << 20);
  const uint64_t allocations_before = allocations.load();
  const double cpu_before = bench::CpuSeconds();
  const MonoTime start = fiber.now();
  size_t made = 0;
  while (std::chrono::duration<double>(fiber.now() - start).count() < seconds) {
    raft::Persist persist;
    persist.id = raft::WriteId(to.next_write++);
    persist.entries.resize(entries);
    for (raft::Entry& entry : persist.entries) {
      entry.index = raft::Index(to.next_index++);
      entry.term = raft::Term(1);
      entry.kind = raft::EntryKind::kCommand;
      entry.payload = payload;
    }
    const MonoTime before = fiber.now();
    to.log.Append(kGroup, std::move(persist));
    to.waiter.Wait(fiber);
    waits_us.push_back(std::chrono::duration<double, std::micro>(fiber.now() - before).count());
    made += entries;
    raft::SnapshotMeta meta;
    meta.index = raft::Index(to.next_index - 1);
    meta.term = raft::Term(1);
    to.log.Compact(kGroup, meta);
  }
  const double cpu_us = (bench::CpuSeconds() - cpu_before) * 1e6;
  const auto allocated = static_cast<double>(allocations.load() - allocations_before);
  std::printf(
      "log, %4zu entries a write : durable in %7.1f us (median), %5.2f us of CPU and %5.2f "
      "allocations per entry\n",
      entries, Median(waits_us), cpu_us / static_cast<double>(made),
      allocated / static_cast<double>(made));
}

// The floor: the same number of bytes written in place and synced by a plain loop.
void MeasureSyncs(const std::string& path, size_t entries, double seconds) {
  const int fd = open(path.c_str(), O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0600);
  CHECK_GE(fd, 0) << path;
  const std::string bytes((entries * (kPayloadBytes + 32) + 511) / 512 * 512, 'y');
  constexpr size_t kFileBytes = size_t{8} << 20;
  const std::string zeros(kFileBytes, '\0');
  CHECK_EQ(pwrite(fd, zeros.data(), zeros.size(), 0), static_cast<ssize_t>(zeros.size()));
  CHECK_EQ(fsync(fd), 0);
  std::vector<double> waits_us;
  const auto start = std::chrono::steady_clock::now();
  auto now = start;
  for (size_t offset = 0; std::chrono::duration<double>(now - start).count() < seconds;) {
    const auto before = now;
    CHECK_EQ(pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)),
             static_cast<ssize_t>(bytes.size()));
    CHECK_EQ(fdatasync(fd), 0);
    now = std::chrono::steady_clock::now();
    waits_us.push_back(std::chrono::duration<double, std::micro>(now - before).count());
    offset = offset + 2 * bytes.size() > kFileBytes ? 0 : offset + bytes.size();
  }
  close(fd);
  unlink(path.c_str());
  std::printf("bare, %4zu entries a write: durable in %7.1f us (median)\n", entries,
              Median(waits_us));
}

void Run(Fiber& fiber, runtime::Environment& environment, const std::string& directory,
         double seconds) {
  LogOptions options;
  options.cluster = ClusterId(1);
  options.directory = "wal";
  std::map<GroupId, RecoveredGroup> recovered;
  auto log = Log::Open(fiber, environment, options, &recovered);
  CHECK_OK(log.status());
  Waiter waiter;
  (*log)->Register(kGroup, waiter);
  fiber::Scope scope(fiber.scheduler());
  scope.Spawn("writer", [&](Fiber& writing) { CHECK_OK((*log)->Run(writing)); });
  Appender appender{**log, waiter};
  for (const size_t entries : {1, 16, 256}) {
    MeasureSyncs(directory + "/bare", entries, seconds);
    // It kept the loop, whose time stood still meanwhile.
    fiber.SleepFor(Milliseconds(50));
    MeasureAppends(fiber, appender, entries, seconds);
  }
}

}  // namespace
}  // namespace lockstep::replica

int main(int argc, char** argv) {
  using namespace lockstep;
  if (argc < 2) {
    std::fprintf(stderr, "usage: log_bench DIRECTORY [seconds]\n");
    return 2;
  }
  const std::string directory = argv[1];
  const double seconds = argc > 2 ? std::max(0.1, std::atof(argv[2])) : 1;
  net::NodeOptions options;
  options.node = NodeId(1);
  auto runtime = net::NodeRuntime::Create(
      options,
      [&](ShardId, runtime::Offload& offload) -> absl::StatusOr<std::unique_ptr<runtime::Disk>> {
        auto disk = disk::PosixDisk::OpenBlocking(offload, directory, "wal");
        if (!disk.ok()) return disk.status();
        return std::unique_ptr<runtime::Disk>(*std::move(disk));
      });
  if (!runtime.ok()) {
    std::fprintf(stderr, "log_bench: %s\n", std::string(runtime.status().message()).c_str());
    return 1;
  }
  (*runtime)->Run([&](net::ShardRuntime& shard) {
    fiber::Scope scope(shard.loop().scheduler());
    scope.Spawn("bench", [&](Fiber& fiber) {
      replica::Run(fiber, shard.environment(), directory, seconds);
      shard.loop().Stop();
    });
    shard.Run();
  });
  return 0;
}
