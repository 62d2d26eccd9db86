// What a store is told of damage when it syncs: its own, and that of the hub's nodes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "docs-memory/hub/hub_request.h"
#include "docs-memory/sync/syncer.h"
#include "framework/edge/http_server.h"
#include "tests/docs-memory/store/device.h"

namespace lockstep::docs {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

constexpr uint64_t kSector = 512;

absl::Status SyncOnce(Fiber& fiber, Store& store, std::vector<runtime::Address> hub) {
  SyncOptions options;
  options.hub.addresses = std::move(hub);
  options.scope.tenant = "t";
  options.scope.space = "s";
  options.timeout = Seconds(1);
  options.retry_max = Milliseconds(100);
  runtime::Environment& environment = store.environment();
  return Syncer(store, environment, environment.network, options).Once(fiber);
}

void Fill(Fiber& fiber, Store& store) {
  for (int i = 0; i < 200; ++i)
    ASSERT_TRUE(
        Collection(store, "c").InsertOne(fiber, {{"_id", i}, {"t", std::string(100, 'x')}}).ok());
  // (Nobody is there: it is a synced store with a queue now.)
  ASSERT_TRUE(IsHubFailure(SyncOnce(fiber, store, {"nowhere:1"})));
  ASSERT_TRUE(store.Close(fiber).ok());
}

// A store with a queue, of which a sector of a file of rows has gone bad. (Where files end is what
// a store needs to open.)
class Damaged final {
 public:
  Damaged(size_t which, sim::SimDiskCore::Damage damage) {
    device_.Live(Fill);
    size_t at = 0;
    for (const auto& site : device_.universe.node(1).disk().DamageSites()) {
      if (!absl::EndsWith(site.path, ".sst")) continue;
      for (uint64_t sector = 0; (sector + 4) * kSector < site.end; ++sector) {
        if (at++ != which) continue;
        device_.universe.node(1).disk().Spoil(site.path, sector * kSector, damage, 3);
        found_ = true;
      }
    }
  }
  bool found() const { return found_; }
  // OK if the store did not open.
  absl::Status Sync() {
    absl::Status synced;
    device_.universe.Run(1, [&](Fiber& fiber, runtime::Environment& environment) {
      auto rows = OpenSimulatedRows(fiber, environment, device_.universe.node(1), "rows");
      if (!rows.ok()) return;
      auto store = Store::Open(fiber, environment, **rows, device_.options);
      if (store.ok()) synced = SyncOnce(fiber, **store, {"nowhere:1"});
    });
    return synced;
  }

 private:
  Device device_;
  bool found_ = false;
};

TEST(SyncDamage, OfTheStoreIsNotTakenForAHubThatIsAway) {
  for (const auto damage :
       {sim::SimDiskCore::Damage::kFlipBit, sim::SimDiskCore::Damage::kUnreadable}) {
    int told = 0;
    for (size_t which = 0; told == 0; ++which) {
      Damaged store(which, damage);
      ASSERT_TRUE(store.found());
      const absl::Status synced = store.Sync();
      if (synced.ok() || IsHubFailure(synced)) continue;  // (That file is not needed for it.)
      ++told;
      EXPECT_THAT(std::string(synced.message()),
                  AnyOf(HasSubstr("Corruption"), HasSubstr("unreadable sector")));
    }
  }
}

// A node that answers everything with one refusal, or a hub without anything in it.
class FakeNode final : public edge::HttpHandler {
 public:
  explicit FakeNode(absl::Status failure) : failure_(std::move(failure)) {}
  edge::HttpResponse Handle(Fiber&, const edge::HttpRequest&) override {
    PullAnswer page;
    page.epoch = 1;
    const HubReply reply = failure_.ok() ? HubReply{200, Encode(page)} : Unavailable(failure_);
    edge::HttpResponse response;
    response.status = reply.status;
    response.headers.Add("Content-Type", kBsonType);
    response.body = reply.body.bytes();
    return response;
  }
  edge::HttpResponse Refuse(const edge::HttpRefusal&) override { return {}; }

 private:
  const absl::Status failure_;
};

// What a store without a queue is told by the nodes n2 and n3.
absl::Status Ask(const absl::Status& second, const absl::Status& third) {
  sim::CalmUniverse universe(3);
  const absl::Status failures[] = {second, third};
  for (uint32_t i = 2; i <= 3; ++i) {
    universe.Boot(i, [&, i](Fiber& fiber, runtime::Environment& environment) {
      FakeNode node(failures[i - 2]);
      edge::HttpServer server(environment.scheduler, environment.trace, node);
      const auto listener = environment.network.Listen(absl::StrCat("n", i, ":1"));
      CHECK_OK(listener.status());
      server.Serve(fiber, **listener);
    });
  }
  absl::Status synced;
  universe.Run(1, [&](Fiber& fiber, runtime::Environment& environment) {
    auto rows = OpenSimulatedRows(fiber, environment, universe.node(1), "rows");
    CHECK_OK(rows.status());
    auto store = Store::Open(fiber, environment, **rows, StoreOptions());
    CHECK_OK(store.status());
    synced = SyncOnce(fiber, **store, {"n2:1", "n3:1"});
  });
  return synced;
}

TEST(SyncDamage, OfOneNodeOfTheHubIsWhyAnotherIsAsked) {
  EXPECT_TRUE(Ask(absl::DataLossError("rocksdb: Corruption"), absl::OkStatus()).ok());
  EXPECT_TRUE(Ask(absl::OkStatus(), absl::DataLossError("rocksdb: Corruption")).ok());
}

TEST(SyncDamage, OfTheHubIsToldAlsoIfOtherNodesAreAway) {
  const absl::Status synced =
      Ask(absl::DataLossError("rocksdb: Corruption"), absl::UnavailableError("no leader"));
  EXPECT_TRUE(IsHubFailure(synced) && absl::IsDataLoss(synced)) << synced;
  EXPECT_THAT(std::string(synced.message()), HasSubstr("E_DAMAGED: rocksdb: Corruption"));
  EXPECT_THAT(std::string(synced.message()), HasSubstr("n2:1"));
  const absl::Status away =
      Ask(absl::UnavailableError("no leader"), absl::UnavailableError("no leader"));
  EXPECT_TRUE(IsHubFailure(away) && absl::IsUnavailable(away)) << away;
}

}  // namespace
}  // namespace lockstep::docs
