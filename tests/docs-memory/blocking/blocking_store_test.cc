#include "docs-memory/blocking/blocking_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "docs-memory/bson/error.h"
#include "framework/base/check.h"

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

TEST_F(BlockingStoreTest, RefusesASecondOpen) {
  const auto store = Open();
  EXPECT_EQ(CodeOf(BlockingStore::Open(directory_).status()), "E_STORE_IN_USE");
  EXPECT_TRUE(store->collection("c").InsertOne(Json("{}")).ok());
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

}  // namespace
}  // namespace lockstep::docs
