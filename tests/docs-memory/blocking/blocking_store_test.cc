#include "docs-memory/blocking/blocking_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "docs-memory/blocking/offline_read.h"
#include "docs-memory/bson/error.h"
#include "framework/base/check.h"
#include "framework/base/random.h"

namespace lockstep::docs {
namespace {

Document Json(const std::string& text) {
  auto document = FromJson(text);
  CHECK_OK(document.status());
  return *std::move(document);
}

class BlockingStoreTest : public testing::Test {
 protected:
  BlockingStoreTest() {
    directory_ = testing::TempDir() + "docs-" +
                 testing::UnitTest::GetInstance()->current_test_info()->name() + "-" +
                 std::to_string(reinterpret_cast<uintptr_t>(this) ^
                                static_cast<uintptr_t>(
                                    std::chrono::steady_clock::now().time_since_epoch().count()));
  }
  ~BlockingStoreTest() override { std::filesystem::remove_all(directory_); }
  std::unique_ptr<BlockingStore> Open() {
    auto store = BlockingStore::Open(directory_);
    CHECK_OK(store.status());
    return *std::move(store);
  }
  std::string directory_;
};

TEST_F(BlockingStoreTest, KeepsDocumentsOverAReopen) {
  {
    const auto store = Open();
    ASSERT_TRUE(store->collection("c").InsertOne(Json(R"({"_id": 1, "n": 5})")).ok());
    ASSERT_TRUE(store->Close().ok());
  }
  const auto store = Open();
  const auto found = store->collection("c").FindOne(Json(R"({"n": {"$gt": 4}})"));
  ASSERT_TRUE(found.ok() && *found);
  EXPECT_EQ(ToJson((*found)->document), R"({ "_id" : 1, "n" : 5 })");
}

TEST_F(BlockingStoreTest, KeepsDocumentsWithoutAClose) {
  { ASSERT_TRUE(Open()->collection("c").InsertMany({Json("{}"), Json("{}")}).ok()); }
  EXPECT_EQ(*Open()->collection("c").Count(), 2u);
}

// All bytes of all files below.
std::string AllBytes(const std::string& directory) {
  std::string all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    all.append(std::istreambuf_iterator<char>(file), {});
  }
  return all;
}

TEST_F(BlockingStoreTest, SealsEverythingAndChangesKeysAndPassphrase) {
  BlockingOptions options;
  options.passphrase = "one";
  options.passphrase_cost = {16, 1, 1};
  const auto opened = [&] { return BlockingStore::Open(directory_, options); };
  {
    const auto store = opened();
    ASSERT_TRUE(store.ok()) << store.status();
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE((*store)->collection("c").InsertOne({{"_id", i}, {"t", "in no file"}}).ok());
    }
    ASSERT_TRUE((*store)->Close().ok());
  }
  ASSERT_TRUE(BlockingStore::ChangePassphrase(directory_, options, "two").ok());
  EXPECT_EQ(CodeOf(opened().status()), "E_BAD_PASSPHRASE");
  options.passphrase = "two";
  ASSERT_TRUE(BlockingStore::Rekey(directory_, options).ok());
  ASSERT_TRUE(BlockingStore::Rekey(directory_, options).ok());
  std::ifstream keys(directory_ + "/KEYS");
  const std::string text(std::istreambuf_iterator<char>(keys), {});
  EXPECT_NE(text.find(R"("id":3)"), std::string::npos) << text;
  EXPECT_EQ(text.find(R"("id":1)"), std::string::npos) << "the first key is still there: " << text;
  const auto store = opened();
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ(*(*store)->collection("c").Count({{"t", "in no file"}}), 50u);
  EXPECT_EQ(AllBytes(directory_).find("in no file"), std::string::npos);
  options.passphrase.reset();
  EXPECT_EQ(CodeOf(opened().status()), "E_BAD_PASSPHRASE");
}

TEST_F(BlockingStoreTest, AWrongPassphraseIsNoticedThoughThereIsNothingToRead) {
  BlockingOptions options;
  options.passphrase = "one";
  options.passphrase_cost = {16, 1, 1};
  { ASSERT_TRUE(BlockingStore::Open(directory_, options).ok()); }
  options.passphrase = "two";
  EXPECT_EQ(CodeOf(BlockingStore::Open(directory_, options).status()), "E_BAD_PASSPHRASE");
  options.passphrase.reset();
  EXPECT_EQ(CodeOf(BlockingStore::Open(directory_, options).status()), "E_BAD_PASSPHRASE");
  options.passphrase = "one";
  EXPECT_TRUE(BlockingStore::Open(directory_, options).ok());
}

TEST_F(BlockingStoreTest, AWatchGoesOnWhereAnotherProcessStopped) {
  Sequence position = 0;
  {
    const auto store = Open();
    BlockingCollection c = store->collection("c");
    BlockingWatch watch = c.WatchFromNow();
    ASSERT_TRUE(c.InsertMany({Json(R"({"_id": 1})"), Json(R"({"_id": 2})")}).ok());
    ASSERT_TRUE(watch.Next(std::chrono::seconds(30))->has_value());
    position = watch.position();
  }
  const auto store = Open();
  BlockingWatch watch = store->collection("c").WatchAfter(position);
  const auto event = watch.Next(std::chrono::seconds(30));
  ASSERT_TRUE(event.ok() && *event);
  EXPECT_EQ(ToText((*event)->id), "2");
}

TEST_F(BlockingStoreTest, EachOfManyThreadsTakesATaskOfItsOwn) {
  const auto store = Open();
  BlockingCollection c = store->collection("c");
  std::vector<Document> tasks;
  for (int i = 0; i < 80; ++i)
    tasks.push_back(Document{{"_id", Value(i)}, {"urgency", Value(i % 5)}});
  ASSERT_TRUE(c.InsertMany(tasks).ok());
  std::mutex mutex;
  std::vector<int> taken;
  const auto work = [&] {
    WriteOptions options;
    options.pick.sort = Json(R"({"urgency": -1})");
    for (;;) {
      const auto task = store->collection("c").FindOneAndDelete({}, options);
      ASSERT_TRUE(task.ok()) << task.status();
      if (!*task) return;
      const std::lock_guard<std::mutex> lock(mutex);
      taken.push_back((*task)->Find("_id")->int32());
    }
  };
  std::thread first(work);
  std::thread second(work);
  first.join();
  second.join();
  std::sort(taken.begin(), taken.end());
  ASSERT_EQ(taken.size(), 80u);
  for (int i = 0; i < 80; ++i) EXPECT_EQ(taken[static_cast<size_t>(i)], i);
}

TEST_F(BlockingStoreTest, RefusesASecondOpen) {
  const auto store = Open();
  EXPECT_EQ(CodeOf(BlockingStore::Open(directory_).status()), "E_STORE_IN_USE");
  EXPECT_TRUE(store->collection("c").InsertOne(Json("{}")).ok());
}

// Writes over the first place in the rows' files where the text stands; false if it does nowhere.
bool Damage(const std::string& directory, const std::string& text) {
  for (const auto& entry : std::filesystem::directory_iterator(directory + "/rows")) {
    if (entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    const std::string all(std::istreambuf_iterator<char>(file), {});
    const size_t at = all.find(text);
    if (at == std::string::npos) continue;
    file.seekp(static_cast<std::streamoff>(at));
    file << std::string(text.size(), '?');
    return true;
  }
  return false;
}

TEST_F(BlockingStoreTest, ADamagedPageIsAnErrorWhereItIsReadAndNowhereElse) {
  std::string needle;  // (no compression finds it anywhere else)
  {
    const auto store = Open();
    base::SequentialRandom random(7);
    std::vector<Document> many;
    for (int i = 1000; i < 3000; ++i) {
      std::string text;
      while (text.size() < 400) text.push_back(static_cast<char>('!' + random.Below(90)));
      if (i == 2000) needle = text.substr(200, 16);
      many.push_back(Document{{"_id", Value(i)}, {"text", Value(text)}});
    }
    ASSERT_TRUE(store->collection("c").InsertMany(std::move(many)).ok());
    ASSERT_TRUE(store->Close().ok());
  }
  ASSERT_TRUE(Damage(directory_, needle));
  {
    const auto store = Open();
    BlockingCollection c = store->collection("c");
    EXPECT_TRUE(absl::IsDataLoss(c.Get(Value(2000)).status()));
    EXPECT_TRUE(absl::IsDataLoss(c.Count().status())) << "not a number that is too small";
    for (const int id : {1000, 1500, 2500, 2999}) EXPECT_TRUE(c.Get(Value(id))->has_value()) << id;
    // (Whether files are being merged, and meet it, is not said.)
    const absl::Status written = c.InsertOne(Document{{"_id", Value(1)}}).status();
    EXPECT_TRUE(written.ok() || Is(written, ErrorCode::kReadOnly)) << written;
    EXPECT_EQ(c.Get(Value(1))->has_value(), written.ok());
    EXPECT_TRUE(c.Get(Value(1000))->has_value());
  }
  EXPECT_TRUE(absl::IsDataLoss(VerifyFiles(directory_, {})));
}

TEST_F(BlockingStoreTest, ServesManyWritersAndReadersAtOnce) {
  const auto store = Open();
  BlockingCollection c = store->collection("c");
  ASSERT_TRUE(c.CreateIndex(Json(R"({"writer": 1, "n": 1})")).ok());
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 4; ++writer) {
    threads.emplace_back([&, writer] {
      BlockingCollection mine = store->collection("c");
      for (int n = 0; n < 50; ++n) {
        EXPECT_TRUE(mine.InsertOne(Document{{"writer", Value(writer)}, {"n", Value(n)}}).ok());
        // What this thread wrote it reads.
        EXPECT_EQ(*mine.Count(Document{{"writer", Value(writer)}}), static_cast<uint64_t>(n + 1));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(*c.Count(), 200u);
  EXPECT_EQ(c.Distinct("writer")->size(), 4u);
}

TEST_F(BlockingStoreTest, CursorsStayAtTheirInstant) {
  const auto store = Open();
  BlockingCollection c = store->collection("c");
  ASSERT_TRUE(c.InsertMany({Json(R"({"_id": 1})"), Json(R"({"_id": 2})")}).ok());
  auto cursor = c.Find({});
  ASSERT_TRUE(c.DeleteMany({}).ok());
  EXPECT_EQ(cursor->All()->size(), 2u);
  EXPECT_EQ(*c.Count(), 0u);
}

TEST_F(BlockingStoreTest, WatchesWakeUp) {
  const auto store = Open();
  BlockingCollection c = store->collection("c");
  BlockingWatch watch = c.WatchFromNow();
  std::thread writer(
      [&] { EXPECT_TRUE(store->collection("c").InsertOne(Json(R"({"_id": 7})")).ok()); });
  const auto event = watch.Next(std::chrono::seconds(30));
  writer.join();
  ASSERT_TRUE(event.ok() && *event);
  EXPECT_EQ(ToText((*event)->id), "7");
  EXPECT_FALSE(watch.Next(std::chrono::milliseconds(1))->has_value());
}

TEST_F(BlockingStoreTest, SaysThatItIsClosed) {
  const auto store = Open();
  ASSERT_TRUE(store->Close().ok());
  EXPECT_EQ(CodeOf(store->collection("c").InsertOne(Json("{}")).status()), "E_READ_ONLY");
}

// Rows that an index leads to are kept for readers; a change is seen by whoever asks after it.
TEST_F(BlockingStoreTest, ReadersByAnIndexNeverGoBack) {
  const auto store = Open();
  BlockingCollection c = store->collection("c");
  ASSERT_TRUE(c.CreateIndex(Json(R"({"g": 1})")).ok());
  for (int id = 0; id < 5; ++id)
    ASSERT_TRUE(c.InsertOne(Document{{"_id", id}, {"g", 1}, {"n", int64_t{0}}}).ok());
  bool done = false;
  std::mutex mutex;
  const auto read = [&] {
    std::vector<int64_t> last(5, 0);
    for (;;) {
      {
        const std::lock_guard<std::mutex> lock(mutex);
        if (done) return;
      }
      const auto found = c.Find(Json(R"({"g": 1})"))->All();
      ASSERT_TRUE(found.ok() && found->size() == 5) << found.status();
      for (const Document& document : *found) {
        const auto id = static_cast<size_t>(document.Find("_id")->int32());
        const int64_t n = document.Find("n")->int64();
        ASSERT_GE(n, last[id]);
        last[id] = n;
      }
    }
  };
  std::thread first(read);
  std::thread second(read);
  for (int i = 0; i < 300; ++i) {
    WriteOptions options;
    if (i % 3 != 0) options.durability = Durability::kAsync;
    const Document by_id{{"_id", i % 5}};
    ASSERT_TRUE(c.UpdateOne(by_id, Json(R"({"$inc": {"n": {"$numberLong": "1"}}})"), options).ok());
    const auto found = c.FindOne(Document{{"g", 1}, {"_id", i % 5}}, {.hint = "g_1"});
    ASSERT_TRUE(found.ok() && *found);
    ASSERT_EQ((*found)->document.Find("n")->int64(), i / 5 + 1) << "its own write";
  }
  {
    const std::lock_guard<std::mutex> lock(mutex);
    done = true;
  }
  first.join();
  second.join();
}

TEST_F(BlockingStoreTest, AnOlderStateStaysAsItWasHoweverOftenTheNewOneIsRead) {
  const auto store = Open();
  BlockingCollection c = store->collection("c");
  ASSERT_TRUE(c.CreateIndex(Json(R"({"g": 1})")).ok());
  ASSERT_TRUE(c.InsertOne(Json(R"({"_id": 1, "g": 1, "n": "old"})")).ok());
  const auto text = [&](const ReadStateRef& state) {
    std::string found;
    store->Read([&](Fiber& fiber) {
      auto cursor = Cursor::Open(fiber, state, "c", Json(R"({"g": 1})"), {}, 0);
      CHECK_OK(cursor.status());
      const auto next = (*cursor)->Next(fiber);
      CHECK_OK(next.status());
      found = *next ? std::string((*next)->document.Find("n")->string()) : "none";
    });
    return found;
  };
  const ReadStateRef old = store->state();
  EXPECT_EQ(text(old), "old");
  ASSERT_TRUE(c.UpdateOne(Json("{}"), Json(R"({"$set": {"n": "new"}})")).ok());
  EXPECT_EQ(text(store->state()), "new");
  EXPECT_EQ(text(old), "old");
  ASSERT_TRUE(c.Purge(Value(1)).ok());
  EXPECT_EQ(text(store->state()), "none");
  EXPECT_EQ(text(old), "old");
}

TEST_F(BlockingStoreTest, ACloseLeavesAShortLogAndPoliciesStay) {
  {
    BlockingOptions unmaintained;
    unmaintained.store.maintenance_interval = Seconds(3600);
    const auto opened = BlockingStore::Open(directory_, unmaintained);
    ASSERT_TRUE(opened.ok()) << opened.status();
    BlockingStore* const store = opened->get();
    BlockingCollection c = store->collection("c");
    ASSERT_TRUE(c.SetPolicy({.versions_max = 3, .append_only = true}).ok());
    const Document large{{"text", std::string(200'000, 'x')}};
    for (int i = 0; i < 100; ++i) {
      WriteOptions later;
      later.durability = Durability::kAsync;
      ASSERT_TRUE(c.InsertOne(large, later).ok());
    }
    ASSERT_TRUE(store->Sync().ok());
    EXPECT_GT(store->status().log_bytes, uint64_t{16} << 20);
    ASSERT_TRUE(store->Close().ok());
    EXPECT_LT(store->status().log_bytes, uint64_t{8} << 20);
  }
  const auto store = Open();
  EXPECT_EQ(store->collection("c").policy(),
            (CollectionPolicy{.versions_max = 3, .append_only = true}));
  EXPECT_EQ(*store->collection("c").Count(), 100u);
  EXPECT_NE(store->Metrics().find("docs_read_only 0"), std::string::npos);
}

}  // namespace
}  // namespace lockstep::docs
