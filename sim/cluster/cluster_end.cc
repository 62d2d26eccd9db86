// What is asked of the nodes in the end, when everything has been healed.
#include <algorithm>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/checksum.h"
#include "framework/replica/identity.h"
#include "framework/replica/log_recovery.h"
#include "sim/cluster/cluster.h"

namespace lockstep::sim {
namespace {

// For one read, by any clock: a leader may have to be elected first.
constexpr Duration kReadLimit = Seconds(10);
constexpr int kReadAttempts = 4;

// The hash of everything a view holds, column by column.
absl::StatusOr<uint64_t> HashView(Fiber& fiber, const machine::StoreView& view) {
  uint64_t hash = 0;
  for (size_t column = 0; column < machine::kColumnCount; ++column) {
    auto it = view.NewIterator(static_cast<machine::Column>(column));
    for (it->Seek(fiber, ""); it->Valid(); it->Next(fiber)) {
      hash = base::Checksum64(it->key(), hash + column);
      hash = base::Checksum64(it->value(), hash);
    }
    if (!it->status().ok()) return it->status();
  }
  return hash;
}

// Until then, for so long at most, or until nothing happens any more.
void RunUntil(World& world, Duration limit, absl::FunctionRef<bool()> done) {
  const VirtualTime end = world.now() + limit;
  while (!done() && world.now() < end && world.Step()) {
  }
}

}  // namespace

std::optional<checkers::Violation> Cluster::CompareStates(bool& met_damage) {
  struct Digest {
    bool done = false;
    absl::StatusOr<uint64_t> hash{absl::UnknownError("not read")};
    absl::Status invariants;
  };
  const std::vector<size_t> core = Core();
  std::vector<Digest> digests(core.size());
  std::vector<std::unique_ptr<fiber::Scope>> scopes;
  for (size_t i = 0; i < core.size(); ++i) {
    SimNode& node = *nodes_[core[i]];
    replica::Replica* replica = ReplicaOf(node, kGroup);
    CHECK(replica != nullptr);
    scopes.push_back(
        std::make_unique<fiber::Scope>(ShardOf(node, kGroup)->environment().scheduler));
    scopes.back()->Spawn("oracle.digest", [replica, &digest = digests[i]](Fiber& fiber) {
      const auto view = replica->Snapshot();
      digest.hash = HashView(fiber, *view);
      digest.invariants = replica->machine().CheckInvariants(fiber, *view);
      digest.done = true;
    });
  }
  RunUntil(world_, Seconds(60), [&] {
    return std::all_of(digests.begin(), digests.end(), [](const Digest& one) { return one.done; });
  });
  scopes.clear();
  const FaultCounters& faults = world_.faults();
  const bool is_damaged = faults.of(FaultClass::kBitRot) + faults.of(FaultClass::kLatentSector) +
                              faults.of(FaultClass::kMisdirectedRead) +
                              faults.of(FaultClass::kMisdirectedWrite) >
                          0;
  // A sector that cannot be read is damage, too.
  const bool is_unreadable = faults.of(FaultClass::kLatentSector) > 0;
  const auto tells_damage = [&](const absl::Status& status) {
    return absl::IsDataLoss(status) || (is_unreadable && absl::IsUnavailable(status));
  };
  met_damage = is_damaged && std::any_of(digests.begin(), digests.end(), [&](const Digest& digest) {
                 return tells_damage(digest.invariants) || tells_damage(digest.hash.status());
               });
  if (met_damage) return std::nullopt;
  std::optional<uint64_t> hash;
  for (size_t i = 0; i < core.size(); ++i) {
    const std::string where = absl::StrCat("node ", nodes_[core[i]]->id().value());
    if (!digests[i].invariants.ok()) {
      return checkers::Violation{"state invariants", digests[i].invariants.ToString(), where};
    }
    if (digests[i].hash.ok() && !hash) hash = *digests[i].hash;
    if (!digests[i].hash.ok() || *digests[i].hash != *hash) {
      return checkers::Violation{"convergence",
                                 digests[i].hash.ok()
                                     ? std::string("its state differs from another "
                                                   "node's at the same index")
                                     : digests[i].hash.status().ToString(),
                                 where};
    }
  }
  return std::nullopt;
}

std::optional<checkers::Violation> Cluster::CheckReads() {
  for (const size_t target : Core()) {
    SimNode& node = *nodes_[target];
    // (A node that finds damage just now starts again.)
    bool is_answered = false;
    for (int attempt = 0; attempt < kReadAttempts && !is_answered; ++attempt) {
      is_answered = AnswersRead(node);
    }
    if (is_answered) continue;
    return checkers::Violation{"liveness", "answers no linearizable read after healing",
                               absl::StrCat("node ", node.id().value())};
  }
  return std::nullopt;
}

bool Cluster::AnswersRead(SimNode& node) {
  replica::Replica* replica = ReplicaOf(node, kGroup);
  absl::Status answer = absl::UnavailableError("it is not up");
  bool is_done = false;
  std::optional<fiber::Scope> scope;
  if (replica != nullptr) {
    scope.emplace(ShardOf(node, kGroup)->environment().scheduler);
    scope->Spawn("oracle.read", [&](Fiber& fiber) {
      answer = replica->CatchUp(fiber, fiber.now() + kReadLimit);
      is_done = true;
    });
  }
  RunUntil(world_, kReadLimit, [&] { return is_done; });
  return answer.ok();
}

std::optional<checkers::Violation> Cluster::CheckScrubbed() {
  if (shape_.scrub.bytes_per_second == 0 || world_.rates().damage_every_ns == 0) {
    return std::nullopt;
  }
  for (const size_t target : Core()) {
    SimNode& node = *nodes_[target];
    // Whatever was damaged before has then been read.
    const VirtualTime limit = world_.now() + Seconds(200);
    std::optional<uint64_t> before;
    absl::Status found = absl::DeadlineExceededError("no pass of the scrubber ends");
    while (world_.now() < limit && world_.Step()) {
      replica::Shard* shard = ShardOf(node, kGroup);
      if (shard == nullptr) {
        before.reset();
        continue;
      }
      const uint64_t passes = shard->scrubbed().passes;
      if (!before) before = passes;
      if (passes < *before + 2) continue;
      found = ExamineLogOf(node);
      break;
    }
    if (!found.ok()) {
      return checkers::Violation{"scrubber", found.ToString(),
                                 absl::StrCat("node ", node.id().value())};
    }
  }
  return std::nullopt;
}

// As its medium gives it back.
absl::Status Cluster::ExamineLogOf(SimNode& node) {
  const runtime::Environment& environment = ShardOf(node, kGroup)->environment();
  const std::string directory = replica::ShardPath(environment.shard) + "/log";
  absl::Status found;
  bool is_done = false;
  fiber::Scope scope(environment.scheduler);
  scope.Spawn("oracle.log", [&](Fiber& fiber) {
    // (It may be written meanwhile.)
    for (int attempt = 0; attempt < 3; ++attempt) {
      found = replica::ExamineLog(fiber, environment.disk, directory,
                                  {kCluster, node.id(), environment.shard})
                  .status();
      if (found.ok()) break;
    }
    is_done = true;
  });
  RunUntil(world_, Seconds(60), [&] { return is_done; });
  return found;
}

}  // namespace lockstep::sim
