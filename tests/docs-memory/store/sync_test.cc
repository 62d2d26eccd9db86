// What sync keeps in a store: heads, the queue, what the hub said.
#include <gtest/gtest.h>

#include <algorithm>

#include "docs-memory/store/heads.h"
#include "docs-memory/store/sync_reader.h"
#include "framework/base/random.h"
#include "tests/docs-memory/store/device.h"

namespace lockstep::docs {
namespace {

Revision Rev(uint64_t ms, uint64_t node = 9) { return {ms, 0, node}; }

Edit Put(uint64_t ms, uint64_t base, std::vector<Revision> resolves = {}) {
  Edit edit;
  edit.head.rev = Rev(ms);
  edit.head.document =
      Document{{"_id", Value("a")}, {"n", Value(static_cast<int64_t>(ms))}}.bytes();
  if (base != 0) edit.base = Rev(base);
  edit.resolves = std::move(resolves);
  return edit;
}

std::string Show(const Heads& heads) {
  std::string text;
  for (const Head& head : heads.all) text += std::to_string(head.rev.ms) + " ";
  return text;
}

TEST(Heads, ASequentialEditReplacesWhatItWasMadeFrom) {
  Heads heads;
  EXPECT_TRUE(heads.Apply(Put(1, 0)));
  EXPECT_TRUE(heads.Apply(Put(2, 1)));
  EXPECT_FALSE(heads.Apply(Put(2, 1)));
  EXPECT_EQ(Show(heads), "2 ");
}

TEST(Heads, ConcurrentEditsAreKeptAndTheHighestRevisionWins) {
  Heads heads;
  heads.Apply(Put(1, 0));
  heads.Apply(Put(5, 1));
  heads.Apply(Put(3, 1));
  EXPECT_EQ(Show(heads), "5 3 ");
  heads.Apply(Put(6, 5, {Rev(3)}));
  EXPECT_EQ(Show(heads), "6 ");
}

TEST(Heads, ATombstoneIsNotUndoneByAnOlderEdit) {
  Heads heads;
  heads.Apply(Put(1, 0));
  Edit gone = Put(5, 1);
  gone.head.deleted = true;
  gone.head.document.clear();
  heads.Apply(gone);
  heads.Apply(Put(3, 1));
  EXPECT_TRUE(heads.winner()->deleted);
  EXPECT_EQ(Show(heads), "5 3 ");
}

TEST(Heads, BeyondElevenTheLowestGo) {
  Heads heads;
  for (uint64_t ms = 1; ms <= 15; ++ms) heads.Apply(Put(ms, 0));
  EXPECT_EQ(heads.all.size(), kHeadsMax);
  EXPECT_EQ(heads.evicted, 4u);
  EXPECT_EQ(heads.all.back().rev, Rev(5));
}

TEST(Heads, SurviveBytesAndTellDamage) {
  Heads heads;
  heads.Apply(Put(1, 0));
  heads.Apply(Put(2, 0));
  heads.sequence = 7;
  std::string row;
  EncodeHeads(heads, row);
  EXPECT_EQ(*DecodeHeads(row), heads);
  for (size_t cut = 0; cut < row.size(); ++cut) EXPECT_FALSE(DecodeHeads(row.substr(0, cut)).ok());
}

// Two nodes' streams, each in its order, but interleaved at will.
TEST(Heads, DoNotDependOnTheOrderOfArrival) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    base::SequentialRandom random(seed);
    std::vector<std::vector<Edit>> streams(3);
    for (uint64_t node = 0; node < streams.size(); ++node) {
      Revision base;
      for (int i = 0; i < 3; ++i) {
        Edit edit = Put(1 + random.Below(100) + 100 * static_cast<uint64_t>(i), 0);
        edit.head.rev.node = node;
        edit.base = base;
        base = edit.head.rev;
        streams[node].push_back(edit);
      }
    }
    Heads outcomes[2];
    for (Heads& heads : outcomes) {
      std::vector<size_t> at(streams.size(), 0);
      for (size_t left = 9; left > 0;) {
        const size_t pick = random.Below(streams.size());
        if (at[pick] == streams[pick].size()) continue;
        heads.Apply(streams[pick][at[pick]++]);
        --left;
      }
    }
    EXPECT_EQ(outcomes[0], outcomes[1]) << seed;
  }
}

Operation Enable() {
  auto scope = std::make_shared<SyncScope>();
  scope->tenant = "t";
  scope->space = "s";
  Operation enable;
  enable.kind = Operation::Kind::kSyncEnable;
  enable.sync_scope = scope;
  return enable;
}

void MustEnable(Fiber& fiber, Store& store) {
  ASSERT_TRUE(store.Write(fiber, Enable()).ok());
  while (!store.state()->state.sync.enqueued) {
    Operation more;
    more.kind = Operation::Kind::kSyncEnqueue;
    ASSERT_TRUE(store.Write(fiber, more).ok());
  }
}

void MustApply(Fiber& fiber, Store& store, const SyncInput& input) {
  Operation apply;
  apply.kind = Operation::Kind::kSyncApply;
  apply.sync_input = std::make_shared<const SyncInput>(input);
  const auto done = store.Write(fiber, apply);
  ASSERT_TRUE(done.ok()) << done.status();
  const absl::Status verified = VerifyStore(fiber, *store.state());
  ASSERT_TRUE(verified.ok()) << verified;
}

std::string Queue(Fiber& fiber, Store& store) {
  std::string text;
  const auto queue = ReadQueue(fiber, *store.state(), 1, 100, SIZE_MAX);
  for (const QueuedChange& change : *queue)
    text += std::to_string(change.number) + ":" + ToText(change.mutation.id) + " ";
  return text;
}

// What the hub would say of a document whose only head is that change.
PulledDocument PulledOf(const QueuedChange& change, uint64_t sequence) {
  PulledDocument pulled;
  pulled.collection = "c";
  pulled.id = change.mutation.id;
  pulled.heads.all.push_back(EditOf(change.mutation).head);
  pulled.heads.sequence = sequence;
  return pulled;
}

TEST(SyncedStore, QueuesWhatWasThereBeforeAndWhatComes) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "old"})")).ok());
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "gone"})")).ok());
    ASSERT_TRUE(c.DeleteOne(fiber, Json(R"({"_id": "gone"})")).ok());
    MustEnable(fiber, store);
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "new"})")).ok());
    EXPECT_EQ(Queue(fiber, store), "1:\"old\" 2:\"new\" ");
    EXPECT_TRUE(Is(c.Purge(fiber, Value("old")).status(), ErrorCode::kSynced));
  });
  device.LosePower();
  device.Live([](Fiber& fiber, Store& store) {
    EXPECT_EQ(Queue(fiber, store), "1:\"old\" 2:\"new\" ");
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
  });
}

TEST(SyncedStore, KeepsChangesOnTopOfWhatTheHubSays) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    MustEnable(fiber, store);
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "a", "n": 1})")).ok());
    const auto first = (*ReadQueue(fiber, *store.state(), 1, 1, 1))[0];
    ASSERT_TRUE(c.UpdateOne(fiber, {}, Json(R"({"$set": {"n": 2}})")).ok());
    PulledDocument pulled = PulledOf(first, 5);
    pulled.dropped = {1};
    MustApply(fiber, store,
              {.documents = {pulled}, .progress = SyncProgress{3, 5, false, 0, false}});
    EXPECT_EQ(Queue(fiber, store), "2:\"a\" ");
    EXPECT_EQ(TextOf(fiber, store, Value("a")), R"({ "_id" : "a", "n" : 2 })");
    EXPECT_EQ(store.state()->state.sync.checkpoint, 5u);
  });
}

TEST(SyncedStore, ShowsTheWinnerAndKeepsTheLoser) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    MustEnable(fiber, store);
    ASSERT_TRUE(c.CreateIndex(fiber, {{"n", Value(1)}}).ok());
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "a", "n": 1})")).ok());
    QueuedChange other = (*ReadQueue(fiber, *store.state(), 1, 1, 1))[0];
    other.mutation.rev.ms += 1000;
    other.mutation.rev.node = 77;
    other.mutation.document = Json(R"({"_id": "a", "n": 9})").bytes();
    MustApply(fiber, store, {.documents = {PulledOf(other, 4)}});
    EXPECT_EQ(IdsOf(fiber, store, R"({"n": 9})"), "a");
    EXPECT_EQ(IdsOf(fiber, store, R"({"n": 1})"), "");
    const auto conflicts = ReadConflicts(fiber, *store.state(), 10);
    ASSERT_EQ(conflicts->size(), 1u);
    const Revision loser = (*conflicts)[0].heads.all[1].rev;
    // What is written now is later than what was seen.
    const auto resolved =
        c.UpdateOne(fiber, {}, Json(R"({"$set": {"n": 1}})"), {.resolves = {loser}});
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    EXPECT_GT(resolved->rev, other.mutation.rev);
    EXPECT_EQ(ReadConflicts(fiber, *store.state(), 10)->size(), 0u);
    const auto queued = ReadQueuedChange(fiber, *store.state(), 2);
    ASSERT_TRUE(queued.ok() && *queued) << "others hear of it";
    EXPECT_EQ((*queued)->resolves, std::vector<Revision>{loser});
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
  });
}

TEST(SyncedStore, PutsWhatWasRefusedAside) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    MustEnable(fiber, store);
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "a", "n": 1})")).ok());
    MustApply(fiber, store, {.rejections = {{1, "E_SCHEMA", "because"}}});
    EXPECT_EQ(TextOf(fiber, store, Value("a")), "nothing");
    EXPECT_EQ(Queue(fiber, store), "");
    const auto rejected = ReadRejected(fiber, *store.state(), 10);
    ASSERT_EQ(rejected->size(), 1u);
    EXPECT_EQ((*rejected)[0].why.code, "E_SCHEMA");
    EXPECT_EQ(ToJson(Document::FromBytes((*rejected)[0].mutation.document)),
              R"({ "_id" : "a", "n" : 1 })");
  });
}

TEST(SyncedStore, TellsOperatorsWhatWaitsWhatWasRefusedAndWhatIsInConflict) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    EXPECT_EQ(MetricsText(store.status(), SyncFacts(), 0).find("docs_sync"), std::string::npos);
    MustEnable(fiber, store);
    for (const char* id : {"a", "b", "d"})
      ASSERT_TRUE(c.InsertOne(fiber, Document{{"_id", Value(id)}}).ok());
    PulledDocument concurrent;
    concurrent.collection = "c";
    concurrent.id = Value("b");
    concurrent.heads.all.push_back({.rev = Rev(1), .document = Document{{"_id", "b"}}.bytes()});
    concurrent.heads.sequence = 7;
    MustApply(fiber, store,
              {.documents = {concurrent}, .rejections = {{1, "E_SCHEMA", "because"}}});
    fiber.SleepFor(Milliseconds(300));
    const auto facts = ReadSyncFacts(fiber, *store.state());
    ASSERT_TRUE(facts.ok()) << facts.status();
    EXPECT_EQ(facts->conflicts, 1u);
    EXPECT_GT(facts->oldest_queued_ms, 0);
    const std::string text = MetricsText(store.status(), *facts, store.now_ms());
    for (const char* line : {"docs_sync_pending 2\n", "docs_sync_dead_letters_total 1\n",
                             "docs_sync_conflicts 1\n", "docs_sync_clock_offset_ms 0\n"})
      EXPECT_NE(text.find(line), std::string::npos) << line << text;
    const size_t at = text.find("\ndocs_sync_oldest_pending_ms ");
    ASSERT_NE(at, std::string::npos);
    EXPECT_GE(std::stoi(text.substr(at + 29)), 300);
  });
}

TEST(SyncedStore, ForgetsWhatHasLeftTheScope) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    MustEnable(fiber, store);
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "a", "n": 1})")).ok());
    PulledDocument removed;
    removed.kind = PulledDocument::Kind::kRemove;
    removed.collection = "c";
    removed.id = Value("a");
    removed.heads.sequence = 8;
    MustApply(fiber, store, {.documents = {removed}});
    EXPECT_NE(TextOf(fiber, store, Value("a")), "nothing") << "it has a change in the queue";
    removed.dropped = {1};
    MustApply(fiber, store, {.documents = {removed}});
    EXPECT_EQ(TextOf(fiber, store, Value("a")), "nothing");
    EXPECT_EQ(Queue(fiber, store), "");
  });
}

TEST(SyncedStore, MendsRevisionsOfAClockThatWasAhead) {
  Device device;
  constexpr int64_t kAhead = 3600 * 1000;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    MustEnable(fiber, store);
    const int64_t hub_ms = store.now_ms() - kAhead;
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "a", "n": 1})")).ok());
    ASSERT_TRUE(c.UpdateOne(fiber, {}, Json(R"({"$set": {"n": 2}})")).ok());
    MustApply(fiber, store, {.progress = SyncProgress{0, 0, false, -kAhead, false}});
    Operation restamp;
    restamp.kind = Operation::Kind::kSyncRestamp;
    restamp.hub_ms = hub_ms;
    ASSERT_TRUE(store.Write(fiber, restamp).ok());
    const auto queue = ReadQueue(fiber, *store.state(), 1, 10, SIZE_MAX);
    EXPECT_EQ((*queue)[1].mutation.base, (*queue)[0].mutation.rev);
    EXPECT_LT((*queue)[1].mutation.rev.ms, static_cast<uint64_t>(hub_ms) + kClockSkewMsMax);
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok()) << VerifyStore(fiber, *store.state());
    const auto later = c.UpdateOne(fiber, {}, Json(R"({"$set": {"n": 3}})"));
    EXPECT_LT(later->rev.ms, static_cast<uint64_t>(hub_ms) + kClockSkewMsMax);
  });
  device.LosePower();
  device.Live([](Fiber& fiber, Store& store) {
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok()) << VerifyStore(fiber, *store.state());
  });
}

TEST(SyncedStore, BecomesAnotherNodeWhenItWasCopied) {
  Device device;
  uint64_t node = 0;
  device.Live([&](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    MustEnable(fiber, store);
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "a"})")).ok());
    const auto first = (*ReadQueue(fiber, *store.state(), 1, 1, 1))[0];
    PulledDocument pulled = PulledOf(first, 5);
    pulled.dropped = {1};
    MustApply(fiber, store, {.documents = {pulled}});
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "b"})")).ok());
    node = store.state()->state.node;
    Operation rejoin;
    rejoin.kind = Operation::Kind::kSyncRejoin;
    ASSERT_TRUE(store.Write(fiber, rejoin).ok());
    EXPECT_EQ(Queue(fiber, store), "1:\"b\" ");
  });
  device.LosePower();
  device.Live([&](Fiber& fiber, Store& store) {
    EXPECT_NE(store.state()->state.node, node);
    ASSERT_TRUE(Collection(store, "c").InsertOne(fiber, Json(R"({"_id": "d"})")).ok());
    EXPECT_EQ(Queue(fiber, store), "1:\"b\" 2:\"d\" ");
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
  });
}

}  // namespace
}  // namespace lockstep::docs
