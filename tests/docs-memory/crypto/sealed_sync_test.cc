// What a sealed store keeps for its hub: the queue, what the hub said, dead letters.
#include <gtest/gtest.h>

#include "docs-memory/crypto/keyring.h"
#include "docs-memory/store/sync_reader.h"
#include "docs-memory/testing/sealed_disk.h"
#include "tests/docs-memory/store/device.h"

namespace lockstep::docs {
namespace {

constexpr ScryptCost kCheap{16, 1, 1};
constexpr char kSecret[] = "what nobody may read";

Operation Enable() {
  auto scope = std::make_shared<SyncScope>();
  scope->tenant = kSecret;
  scope->space = "s";
  Operation enable;
  enable.kind = Operation::Kind::kSyncEnable;
  enable.sync_scope = scope;
  return enable;
}

void Apply(Fiber& fiber, Store& store, const SyncInput& input) {
  Operation apply;
  apply.kind = Operation::Kind::kSyncApply;
  apply.sync_input = std::make_shared<const SyncInput>(input);
  const auto done = store.Write(fiber, apply);
  ASSERT_TRUE(done.ok()) << done.status();
}

// The hub has a version of "b" that this store has not seen: a conflict.
PulledDocument Concurrent() {
  PulledDocument pulled;
  pulled.collection = "c";
  pulled.id = Value("b");
  Head head;
  head.rev = {1, 0, 9};
  head.document = Document{{"_id", "b"}, {"t", kSecret}}.bytes();
  pulled.heads.all.push_back(head);
  pulled.heads.sequence = 7;
  return pulled;
}

void CheckKept(Fiber& fiber, Store& store) {
  const auto queue = ReadQueue(fiber, *store.state(), 1, 10, SIZE_MAX);
  ASSERT_TRUE(queue.ok()) << queue.status();
  ASSERT_EQ(queue->size(), 1u);
  EXPECT_EQ(ToText((*queue)[0].mutation.id), "\"b\"");
  const auto heads = ReadHeads(fiber, *store.state(), "c", Value("b"));
  ASSERT_TRUE(heads.ok());
  EXPECT_EQ(heads->all.size(), 2u);
  const auto rejected = ReadRejected(fiber, *store.state(), 10);
  ASSERT_TRUE(rejected.ok());
  ASSERT_EQ(rejected->size(), 1u);
  EXPECT_EQ((*rejected)[0].why.code, "E_SCHEMA");
  EXPECT_EQ(Document::FromBytes((*rejected)[0].mutation.document).Find("t")->string(), kSecret);
  EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
}

TEST(SealedSync, QueueConflictsAndDeadLettersAreSealedAndSurviveAPowerLoss) {
  for (const bool flushes : {false, true}) {
    Device device;
    std::unique_ptr<const Keyring> keys;
    device.universe.Run(1, [&](Fiber& fiber, runtime::Environment& environment) {
      keys = *Keyring::ForStore(fiber, environment, "KEYS", "secret", false, kCheap);
    });
    device.options.cipher = keys.get();
    device.options.eager_flush = flushes;
    device.options.maintenance_interval = Milliseconds(5);
    SealedDisk disk({kSecret});
    device.Live([&](Fiber& fiber, Store& store) {
      Collection c(store, "c");
      ASSERT_TRUE(store.Write(fiber, Enable()).ok());
      ASSERT_TRUE(c.InsertOne(fiber, Document{{"_id", "a"}, {"t", kSecret}}).ok());
      ASSERT_TRUE(c.InsertOne(fiber, Document{{"_id", "b"}, {"t", kSecret}}).ok());
      Apply(fiber, store, {.documents = {Concurrent()}, .rejections = {{1, "E_SCHEMA", kSecret}}});
      CheckKept(fiber, store);
      fiber.SleepFor(Milliseconds(50));
    });
    device.LosePower();
    EXPECT_EQ(disk.Check(device.universe.node(1)), "");
    device.Live([](Fiber& fiber, Store& store) {
      CheckKept(fiber, store);
      ASSERT_TRUE(store.Close(fiber).ok());
    });
    EXPECT_EQ(disk.Check(device.universe.node(1)), "");
    // (Nobody else reads it.)
    device.options.cipher = nullptr;
    device.universe.Run(1, [&](Fiber& fiber, runtime::Environment& environment) {
      EXPECT_FALSE(OpenSimulatedRows(fiber, environment, device.universe.node(1), "rows").ok());
    });
  }
}

}  // namespace
}  // namespace lockstep::docs
