#include "tests/sim/toy_universe.h"

#include <cstring>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "sim/sim_network.h"
#include "sim/sim_node.h"
#include "sim/world.h"

namespace lockstep::sim {
namespace {

constexpr size_t kRecordBytes = 100;
constexpr uint32_t kServers = 3;
constexpr Duration kRunTime = Seconds(20);

// Fills with the record's number, so that a torn record shows.
std::string RecordOf(uint64_t number) {
  std::string record(kRecordBytes, static_cast<char>('a' + number % 26));
  std::memcpy(record.data(), &number, sizeof(number));
  return record;
}

absl::Status ReadFully(Fiber& fiber, runtime::Stream& stream, absl::Span<char> into) {
  while (!into.empty()) {
    const absl::StatusOr<size_t> n = stream.Read(fiber, into);
    if (!n.ok()) return n.status();
    if (*n == 0) return absl::UnavailableError("end of stream");
    into.remove_prefix(*n);
  }
  return absl::OkStatus();
}

enum class Server { kCareful, kCareless };

class Universe final {
 public:
  Universe(uint64_t seed, const FaultProfile& profile, const Tape* replay, Server server)
      : world_(seed, profile, replay), network_(world_), server_(server) {
    for (uint32_t i = 1; i <= kServers; ++i) {
      servers_.push_back(std::make_unique<SimNode>(
          world_, network_, SimNode::Options{NodeId(i), absl::StrCat("n", i), 2}));
    }
    client_ = std::make_unique<SimNode>(world_, network_, SimNode::Options{NodeId(100), "client"});
    acknowledged_.resize(kServers);
  }

  ToyResult Run() {
    for (uint32_t i = 0; i < kServers; ++i) BootServer(i);
    client_->Boot([this](Fiber& fiber, runtime::Environment& env) { Client(fiber, env); });
    for (uint32_t i = 0; i < kServers; ++i) PlanDeath(i);
    PlanPartition();
    world_.RunUntil({kRunTime.count()});
    ToyResult result{
        world_.log().hash(), world_.log().count(), 0, lost_, world_.log().checkpoints(),
        world_.faults(),     world_.draws().tape()};
    for (const uint64_t count : acknowledged_) result.acknowledged += count;
    return result;
  }

 private:
  void BootServer(uint32_t i) {
    servers_[i]->Boot([this, i](Fiber& fiber, runtime::Environment& env) {
      if (env.shard.value() == 0) Serve(fiber, env, i);
      fiber.SleepFor(kRunTime);
    });
  }

  // Counts the whole records that survived.
  uint64_t Recover(Fiber& fiber, runtime::File& log) {
    uint64_t number = 0;
    std::string record(kRecordBytes, '\0');
    while (true) {
      const auto n = log.Read(fiber, number * kRecordBytes, absl::MakeSpan(record));
      if (!n.ok()) continue;  // an injected error: try again
      if (*n != kRecordBytes || record != RecordOf(number)) return number;
      ++number;
    }
  }

  std::unique_ptr<runtime::File> OpenLog(Fiber& fiber, runtime::Environment& env) {
    auto log = env.disk.Open(fiber, "log", runtime::OpenMode::kReadWrite);
    if (log.ok()) return *std::move(log);
    log = env.disk.Open(fiber, "log", runtime::OpenMode::kCreate);
    CHECK_OK(log.status());
    CHECK_OK(env.disk.SyncDirectory(fiber, ""));
    return *std::move(log);
  }

  absl::Status Store(Fiber& fiber, runtime::File& log, uint64_t number) {
    const uint64_t offset = number * kRecordBytes;
    return server_ == Server::kCareless ? log.Write(fiber, offset, RecordOf(number))
                                        : log.WriteAndSync(fiber, offset, RecordOf(number));
  }

  void Serve(Fiber& fiber, runtime::Environment& env, uint32_t i) {
    const std::unique_ptr<runtime::File> log = OpenLog(fiber, env);
    uint64_t number = Recover(fiber, *log);
    if (number < acknowledged_[i]) lost_ += acknowledged_[i] - number;
    env.trace.Emit(runtime::TraceLevel::kInfo, "toy.recovered", {{"records", number}});
    const auto listener = env.network.Listen(absl::StrCat("n", i + 1, ":1"));
    CHECK_OK(listener.status());
    while (true) {
      auto stream = (*listener)->Accept(fiber);
      if (!stream.ok()) continue;
      std::string record(kRecordBytes, '\0');
      while (true) {
        (*stream)->SetReadDeadline(env.clock.Monotonic() + Seconds(1));
        if (!ReadFully(fiber, **stream, absl::MakeSpan(record)).ok()) break;
        if (env.fault_points.Fire("toy.refuse")) break;
        const absl::Status status = Store(fiber, *log, number);
        if (!status.ok()) return;  // a failed sync: stop
        ++number;
        acknowledged_[i] = number;
        env.offload.Run(fiber, runtime::Lane::kGeneral, [] {});
        if (!(*stream)->Write(fiber, "!").ok()) break;
      }
    }
  }

  void Client(Fiber& fiber, runtime::Environment& env) {
    for (uint64_t round = 0;; ++round) {
      const std::string address =
          absl::StrCat("n", env.random.Below("toy.server", kServers) + 1, ":1");
      auto stream = env.network.Dial(fiber, address, env.clock.Monotonic() + Milliseconds(500));
      if (!stream.ok()) {
        fiber.SleepFor(Milliseconds(20));
        continue;
      }
      (*stream)->SetReadDeadline(env.clock.Monotonic() + Seconds(1));
      for (int i = 0; i < 20; ++i) {
        char answer = 0;
        if (!(*stream)->Write(fiber, RecordOf(round)).ok()) break;
        if (!ReadFully(fiber, **stream, absl::MakeSpan(&answer, 1)).ok()) break;
      }
    }
  }

  void PlanDeath(uint32_t i) {
    const uint64_t every = world_.rates().kill_every_ns;
    if (every == 0) return;
    const Duration wait =
        Milliseconds(100) +
        world_.draws().Exponential("toy.death", i, Duration(static_cast<int64_t>(every)) / 10);
    world_.After(wait, {servers_[i]->id(), EventKind::kNemesis, 0}, [this, i] {
      if (world_.draws().Chance("toy.power", i, kMillion / 2)) {
        servers_[i]->PowerLoss();
      } else {
        servers_[i]->Kill();
      }
      world_.After(Milliseconds(300), {servers_[i]->id(), EventKind::kNemesis, 1}, [this, i] {
        if (servers_[i]->state() == SimNode::State::kOff) BootServer(i);
        PlanDeath(i);
      });
    });
  }

  void PlanPartition() {
    if (world_.rates().partition_every_ns == 0) return;
    world_.After(Seconds(2), {NodeId(0), EventKind::kNemesis, 2}, [this] {
      network_.CutBoth(client_->host(), servers_[0]->host());
      servers_[1]->Pause(Milliseconds(700));
      servers_[2]->clock().StepWall(Seconds(-3));
      world_.After(Seconds(1), {NodeId(0), EventKind::kNemesis, 3}, [this] {
        network_.RestoreAll();
        PlanPartition();
      });
    });
  }

  World world_;
  SimNetwork network_;
  Server server_;
  std::vector<std::unique_ptr<SimNode>> servers_;
  std::unique_ptr<SimNode> client_;
  std::vector<uint64_t> acknowledged_;
  uint64_t lost_ = 0;
};

}  // namespace

ToyResult RunToyUniverse(uint64_t seed, const FaultProfile& profile, const Tape* replay) {
  return std::make_unique<Universe>(seed, profile, replay, Server::kCareful)->Run();
}

ToyResult RunCarelessToyUniverse(uint64_t seed, const FaultProfile& profile) {
  return std::make_unique<Universe>(seed, profile, nullptr, Server::kCareless)->Run();
}

}  // namespace lockstep::sim
