// New keys for a store, while the power fails.
#include "docs-memory/store/rekey.h"

#include <gtest/gtest.h>

#include "docs-memory/crypto/keyring.h"
#include "docs-memory/store/mutants.h"
#include "docs-memory/testing/sealed_disk.h"
#include "framework/base/mutant_on.h"
#include "tests/docs-memory/store/device.h"

namespace lockstep::docs {
namespace {

constexpr ScryptCost kCheap{16, 1, 1};
constexpr int kDocuments = 30;
constexpr char kKeys[] = "KEYS";
constexpr char kPassphrase[] = "secret";

// A sealed store: some documents are in its files, some in its log alone.
class RekeyedDevice final {
 public:
  explicit RekeyedDevice(uint64_t seed) : universe_(1, seed) {
    options_.log_segment_bytes = 16 * 1024;
    Run([&](Fiber& fiber, runtime::Environment& environment) {
      ASSERT_TRUE(Keyring::Create(fiber, environment, kKeys, kPassphrase, kCheap).ok());
      for (int half = 0; half < 2; ++half) {
        WithStore(fiber, environment, [&](Store& store) {
          Collection c(store, "c");
          ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"n": 1})")).ok());
          for (int i = half; i < kDocuments; i += 2) {
            ASSERT_TRUE(c.InsertOne(fiber, Document{{"_id", i}, {"n", i}, {"t", Text(i)}}).ok());
          }
          if (half == 0) {
            ASSERT_TRUE(store.Close(fiber).ok());
          }
        });
      }
    });
  }
  static std::string Text(int i) {
    return "What is known, " + std::string(300, 'x') + char('a' + i);
  }

  using Body = std::function<void(Fiber&, runtime::Environment&)>;
  void Run(const Body& body) { universe_.Run(1, body); }

  absl::Status Rekey(Fiber& fiber, runtime::Environment& environment) {
    SimulatedRowsFiles rows(environment, universe_.node(1), "rows");
    return RekeyStore(fiber, environment, rows, kKeys, kPassphrase, options_);
  }

  // Changes the keys, and cuts the power after so long. Whether all was done by then.
  bool RekeyUntil(Duration cut, bool may_fail = false) {
    bool done = false;
    universe_.Boot(1, [&](Fiber& fiber, runtime::Environment& environment) {
      const absl::Status changed = Rekey(fiber, environment);
      EXPECT_TRUE(changed.ok() || may_fail) << changed;
      done = changed.ok();
    });
    universe_.world.RunFor(cut);
    universe_.node(1).PowerLoss();
    universe_.world.RunFor(Milliseconds(1));
    return done;
  }

  void WithStore(Fiber& fiber, runtime::Environment& environment,
                 const std::function<void(Store&)>& use) {
    const auto keys = Keyring::Open(fiber, environment, kKeys, kPassphrase);
    ASSERT_TRUE(keys.ok()) << keys.status();
    StoreOptions options = options_;
    options.cipher = keys->get();
    auto rows = OpenSimulatedRows(fiber, environment, universe_.node(1), "rows", keys->get());
    ASSERT_TRUE(rows.ok()) << rows.status();
    auto store = Store::Open(fiber, environment, **rows, options);
    ASSERT_TRUE(store.ok()) << store.status();
    use(**store);
  }

  void CheckAll() {
    Run([&](Fiber& fiber, runtime::Environment& environment) {
      WithStore(fiber, environment, [&](Store& store) {
        for (int i = 0; i < kDocuments; ++i) {
          const auto found = Collection(store, "c").FindOne(fiber, Document{{"n", i}});
          ASSERT_TRUE(found.ok() && *found) << i << " " << found.status();
          EXPECT_EQ((*found)->document.Find("t")->string(), Text(i));
        }
        const absl::Status verified = VerifyStore(fiber, *store.state());
        EXPECT_TRUE(verified.ok()) << verified;
      });
    });
    EXPECT_EQ(disk_.Check(universe_.node(1)), "");
  }

  // Changes the keys while any operation on the disk may be the last one. Whether all was done.
  bool RekeyWithWeakPower() {
    universe_.world.rates().power_loss_in_operation_ppm = 20'000;
    const bool done = RekeyUntil(Seconds(10), /*may_fail=*/true);
    universe_.world.rates().power_loss_in_operation_ppm = 0;
    return done;
  }

  // Whether the store opens.
  bool Opens() {
    bool opens = false;
    Run([&](Fiber& fiber, runtime::Environment& environment) {
      const auto keys = Keyring::Open(fiber, environment, kKeys, kPassphrase);
      if (!keys.ok()) return;
      StoreOptions options = options_;
      options.cipher = keys->get();
      auto rows = OpenSimulatedRows(fiber, environment, universe_.node(1), "rows", keys->get());
      opens = rows.ok() && Store::Open(fiber, environment, **rows, options).ok();
    });
    return opens;
  }

  std::set<uint32_t> Keys() {
    std::set<uint32_t> all;
    Run([&](Fiber& fiber, runtime::Environment& environment) {
      all = (*Keyring::Open(fiber, environment, kKeys, kPassphrase))->keys();
    });
    return all;
  }

 private:
  sim::CalmUniverse universe_;
  StoreOptions options_;
  SealedDisk disk_{{"What is known"}};
};

TEST(Rekey, LeavesOneNewKeyAndEverythingReadable) {
  RekeyedDevice device(1);
  const std::set<uint32_t> before = device.Keys();
  for (int round = 0; round < 2; ++round) {
    device.Run([&](Fiber& fiber, runtime::Environment& environment) {
      const absl::Status changed = device.Rekey(fiber, environment);
      ASSERT_TRUE(changed.ok()) << changed;
    });
    device.CheckAll();
    EXPECT_EQ(device.Keys().size(), 1u);
    EXPECT_GT(*device.Keys().begin(), *before.rbegin());
  }
}

// Before, between and after: the store opens with whatever keys there are, and the next attempt
// ends what the power loss has broken off.
TEST(Rekey, SurvivesAPowerLossAtEveryStep) {
  int losses = 0;
  for (int64_t us = 0;; us += 100) {
    RekeyedDevice device(static_cast<uint64_t>(us) + 1);
    const bool done = device.RekeyUntil(Microseconds(us));
    device.CheckAll();
    ASSERT_FALSE(testing::Test::HasFailure()) << "after " << us << " us";
    if (done) {
      EXPECT_EQ(device.Keys().size(), 1u);
      break;
    }
    ++losses;
    if (losses % 4 != 0) continue;
    device.Run([&](Fiber& fiber, runtime::Environment& environment) {
      const absl::Status changed = device.Rekey(fiber, environment);
      ASSERT_TRUE(changed.ok()) << changed << " after " << us << " us";
    });
    device.CheckAll();
    EXPECT_EQ(device.Keys().size(), 1u) << us;
  }
  EXPECT_GT(losses, 20);
}

// Also in the middle of a file that is being written anew.
TEST(Rekey, SurvivesAPowerLossInAnyOperation) {
  int losses = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    RekeyedDevice device(seed);
    for (int attempt = 0; attempt < 3; ++attempt) {
      const bool done = device.RekeyWithWeakPower();
      losses += done ? 0 : 1;
      device.CheckAll();
      ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
      if (done) break;
    }
  }
  EXPECT_GT(losses, 40);
}

TEST(Rekey, KeysThatAreForgottenFirstAreFoundByAPowerLoss) {
  mutant::Plant(mutant::kM196KeysForgottenFirst);
  bool opened = true;
  for (int64_t us = 0; us < 40'000 && opened; us += 400) {
    RekeyedDevice device(static_cast<uint64_t>(us) + 1);
    (void)device.RekeyUntil(Microseconds(us), /*may_fail=*/true);
    opened = device.Opens();
  }
  mutant::Plant(mutant::Id::kNone);
  EXPECT_FALSE(opened);
}

}  // namespace
}  // namespace lockstep::docs
