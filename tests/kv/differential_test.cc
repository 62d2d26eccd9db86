// The machine against the model, and the machine against itself.
#include <gtest/gtest.h>

#include <string>

#include "framework/base/mutant_on.h"
#include "kv/mutants.h"
#include "kv/testing/kv_model.h"
#include "kv/testing/kv_workload.h"
#include "tests/kv/map_store.h"

namespace lockstep::kv {
namespace {

ModelAnswer AskMachine(MachineOnMap& machine, const WorkloadRequest& request) {
  const std::string command = EncodeCommand(request.kind, request.body);
  const std::string bytes = request.is_query ? machine.Query(command) : machine.Apply(command);
  const auto outcome = DecodeOutcome(bytes);
  CHECK(outcome.ok());
  return {static_cast<int>(outcome->code), std::string(outcome->body)};
}

// The number of the first request that was answered differently, or `count`.
// Few keys that live long: many versions each.
KvWorkload::Options HotKeys() {
  KvWorkload::Options options;
  options.keys = 3;
  options.put_percent = 40;
  options.delete_percent = 1;
  return options;
}

int FirstDifference(uint64_t seed, int count, bool check_invariants,
                    const KvWorkload::Options& options = {}) {
  KvWorkload workload(seed, options);
  KvModel model;
  MachineOnMap machine;
  for (int i = 0; i < count; ++i) {
    const WorkloadRequest request = workload.Next(model.revision());
    const ModelAnswer expected = Ask(model, request);
    const ModelAnswer actual = AskMachine(machine, request);
    if (expected != actual) return i;
    if (i % 997 == 0) machine.Load();
    if (check_invariants && i % 100 == 0) {
      const absl::Status status = machine.CheckInvariants();
      EXPECT_TRUE(status.ok()) << "seed " << seed << ", request " << i << ": " << status.ToString();
      if (!status.ok()) return i;
    }
  }
  return count;
}

TEST(KvDifferential, MachineAnswersAsTheModelForManyRequests) {
  constexpr int kRequests = 5000;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_EQ(FirstDifference(seed, kRequests, true), kRequests) << "seed " << seed;
  }
}

TEST(KvDifferential, MachineAnswersAsTheModelForKeysOfManyVersions) {
  constexpr int kRequests = 5000;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    EXPECT_EQ(FirstDifference(seed, kRequests, true, HotKeys()), kRequests) << "seed " << seed;
  }
}

class KvMutants : public testing::TestWithParam<mutant::Id> {
 protected:
  ~KvMutants() override { mutant::Plant(mutant::Id::kNone); }
};

TEST_P(KvMutants, AreNoticedByTheModel) {
  mutant::Plant(GetParam());
  EXPECT_LT(FirstDifference(1, 5000, false), 5000);
}

INSTANTIATE_TEST_SUITE_P(All, KvMutants,
                         testing::Values(mutant::kM72RangeIgnoresRevision,
                                         mutant::kM73DeleteKeepsVersion,
                                         mutant::kM74TxnReadsBeforeOwnWrites,
                                         mutant::kM77DeletedKeyRemembered));

TEST(KvMutant, ForgottenOlderVersionsAreNoticedByTheModel) {
  mutant::Plant(mutant::kM76OlderVersionsForgotten);
  EXPECT_LT(FirstDifference(1, 5000, false, HotKeys()), 5000);
  mutant::Plant(mutant::Id::kNone);
}

TEST(KvDeterminism, SameCommandsGiveTheSameBytesAlsoAcrossReloads) {
  KvWorkload workload(77, {});
  MachineOnMap steady;
  MachineOnMap reloaded;
  int64_t revision = 1;
  for (int i = 0; i < 5000; ++i) {
    const WorkloadRequest request = workload.Next(revision);
    if (request.is_query) continue;
    const std::string command = EncodeCommand(request.kind, request.body);
    ASSERT_EQ(steady.Apply(command), reloaded.Apply(command)) << "request " << i;
    ++revision;
    if (i % 7 == 0) reloaded.Load();
  }
  EXPECT_TRUE(steady.store() == reloaded.store());
}

}  // namespace
}  // namespace lockstep::kv
