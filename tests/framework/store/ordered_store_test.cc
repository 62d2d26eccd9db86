// What every machine::OrderedStore does, run against each of them.
#include "framework/machine/ordered_store.h"

#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include <string>

#include "framework/store/memory_store.h"
#include "framework/store/rocks_store.h"
#include "tests/framework/store/store_testing.h"

namespace lockstep::store {
namespace {

using machine::Column;
using machine::GroupStore;
using machine::Iterator;
using machine::OrderedStore;
using machine::StoreTransaction;
using machine::StoreView;

struct Memory {
  static std::unique_ptr<OrderedStore> Open(Fiber&) { return std::make_unique<MemoryStore>(); }
};

template <typename Kind>
class OrderedStoreTest : public testing::Test {
 protected:
  // Runs the body with a fresh store and its group 7.
  void Run(const std::function<void(Fiber&, OrderedStore&, GroupStore&)>& body) {
    RunInFiber([&](Fiber& fiber) {
      const std::unique_ptr<OrderedStore> store = Kind::Open(fiber);
      const std::unique_ptr<GroupStore> group = store->Group(GroupId(7));
      body(fiber, *store, *group);
      EXPECT_TRUE(store->health().ok());
    });
  }
};

struct Rocks {
  static std::unique_ptr<OrderedStore> Open(Fiber& fiber, RocksProfile profile) {
    RocksStoreOptions options;
    options.env = rocksdb::Env::Default();
    options.path = FreshDirectory();
    options.profile = profile;
    auto store = RocksStore::Open(fiber, options);
    CHECK_OK(store.status());
    return *std::move(store);
  }
};
struct RocksLight {
  static std::unique_ptr<OrderedStore> Open(Fiber& fiber) {
    return Rocks::Open(fiber, RocksProfile::kLight);
  }
};
struct RocksProduction {
  static std::unique_ptr<OrderedStore> Open(Fiber& fiber) {
    return Rocks::Open(fiber, RocksProfile::kProduction);
  }
};

using Kinds = testing::Types<Memory, RocksLight, RocksProduction>;
TYPED_TEST_SUITE(OrderedStoreTest, Kinds);

TYPED_TEST(OrderedStoreTest, CommittedChangesAreReadBack) {
  this->Run([](Fiber& fiber, OrderedStore&, GroupStore& group) {
    Change(fiber, group, [](StoreTransaction& t) {
      t.Put(Column::kPrimary, "a", "1");
      t.Put(Column::kPrimary, "b", "2");
    });
    Change(fiber, group, [](StoreTransaction& t) {
      t.Delete(Column::kPrimary, "a");
      t.Put(Column::kPrimary, "b", "3");
    });
    const auto view = group.Snapshot();
    EXPECT_EQ(Read(fiber, *view, Column::kPrimary, "a"), std::nullopt);
    EXPECT_EQ(Read(fiber, *view, Column::kPrimary, "b"), "3");
    EXPECT_EQ(Read(fiber, *view, Column::kHistory, "b"), std::nullopt);
  });
}

TYPED_TEST(OrderedStoreTest, AbandonedTransactionLeavesNothing) {
  this->Run([](Fiber& fiber, OrderedStore&, GroupStore& group) {
    group.Begin()->Put(Column::kPrimary, "a", "1");
    Change(fiber, group, [](StoreTransaction& t) { t.Put(Column::kPrimary, "b", "2"); });
    EXPECT_EQ(Scan(fiber, *group.Snapshot(), Column::kPrimary), (Pairs{{"b", "2"}}));
  });
}

TYPED_TEST(OrderedStoreTest, EmptyBinaryAndLargeKeysAndValuesSurvive) {
  this->Run([](Fiber& fiber, OrderedStore&, GroupStore& group) {
    const std::string zero(1, '\0');
    const std::string high(20, '\xff');
    const std::string large(3'000'000, 'v');
    Change(fiber, group, [&](StoreTransaction& t) {
      t.Put(Column::kIndex, "", "empty");
      t.Put(Column::kIndex, zero, "");
      t.Put(Column::kIndex, zero + zero, "zeros");
      t.Put(Column::kIndex, high, large);
    });
    const auto view = group.Snapshot();
    const Pairs all{{"", "empty"}, {zero, ""}, {zero + zero, "zeros"}, {high, large}};
    EXPECT_EQ(Scan(fiber, *view, Column::kIndex), all);
    EXPECT_EQ(ScanBack(fiber, *view, Column::kIndex, high + "x"), Pairs(all.rbegin(), all.rend()));
    EXPECT_EQ(ScanBack(fiber, *view, Column::kIndex, zero), (Pairs{{"", "empty"}}));
    EXPECT_EQ(ScanBack(fiber, *view, Column::kIndex, ""), Pairs());
    EXPECT_EQ(Read(fiber, *view, Column::kIndex, ""), "empty");
    EXPECT_EQ(Read(fiber, *view, Column::kIndex, zero), "");
  });
}

TYPED_TEST(OrderedStoreTest, IteratorWalksBothWaysAndTurns) {
  this->Run([](Fiber& fiber, OrderedStore&, GroupStore& group) {
    Change(fiber, group, [](StoreTransaction& t) {
      for (const char* key : {"a", "c", "e"}) t.Put(Column::kPrimary, key, key);
    });
    const auto view = group.Snapshot();
    const auto at = view->NewIterator(Column::kPrimary);
    EXPECT_FALSE(at->Valid());
    at->Seek(fiber, "b");
    ASSERT_TRUE(at->Valid());
    EXPECT_EQ(at->key(), "c");
    at->Previous(fiber);
    EXPECT_EQ(at->key(), "a");
    at->Next(fiber);
    at->Next(fiber);
    EXPECT_EQ(at->key(), "e");
    at->Next(fiber);
    EXPECT_FALSE(at->Valid());
    at->SeekBefore(fiber, "e");
    EXPECT_EQ(at->key(), "c");
    at->SeekBefore(fiber, "a");
    EXPECT_FALSE(at->Valid());
    EXPECT_TRUE(at->status().ok());
  });
}

TYPED_TEST(OrderedStoreTest, RowsAreReadInPartsOfOneInstant) {
  this->Run([](Fiber& fiber, OrderedStore& store, GroupStore& group) {
    Change(fiber, group, [](StoreTransaction& t) {
      for (const char* key : {"a", "b", "c", "d"}) t.Put(Column::kHistory, key, "12345");
    });
    Change(fiber, *store.Group(GroupId(8)),
           [](StoreTransaction& t) { t.Put(Column::kHistory, "e", "another group's"); });
    const auto view = group.Snapshot();
    Change(fiber, group, [](StoreTransaction& t) {
      t.Delete(Column::kHistory, "c");
      t.Put(Column::kHistory, "bb", "later");
    });
    const auto read = [&](const char* from, size_t bytes_max) {
      std::string found;
      const auto rows = view->ReadRows(fiber, Column::kHistory, from, bytes_max);
      CHECK_OK(rows.status());
      for (const machine::Row& row : *rows) found += row.key + row.value + " ";
      return found;
    };
    EXPECT_EQ(read("", 7), "a12345 b12345 ");
    EXPECT_EQ(read("b", 1), "b12345 ") << "one in any case";
    EXPECT_EQ(read("bb", 1000), "c12345 d12345 ");
    EXPECT_EQ(read("dd", 1000), "");
  });
}

TYPED_TEST(OrderedStoreTest, TransactionReadsThroughItsOwnChanges) {
  this->Run([](Fiber& fiber, OrderedStore&, GroupStore& group) {
    Change(fiber, group, [](StoreTransaction& t) {
      for (const char* key : {"a", "b", "c", "d"}) t.Put(Column::kPrimary, key, "old");
    });
    const auto t = group.Begin();
    t->Put(Column::kPrimary, "b", "new");
    t->Delete(Column::kPrimary, "c");
    t->Put(Column::kPrimary, "e", "new");
    t->Put(Column::kPrimary, "f", "new");
    t->Delete(Column::kPrimary, "f");
    EXPECT_EQ(Read(fiber, *t, Column::kPrimary, "a"), "old");
    EXPECT_EQ(Read(fiber, *t, Column::kPrimary, "b"), "new");
    EXPECT_EQ(Read(fiber, *t, Column::kPrimary, "c"), std::nullopt);
    const Pairs all{{"a", "old"}, {"b", "new"}, {"d", "old"}, {"e", "new"}};
    EXPECT_EQ(Scan(fiber, *t, Column::kPrimary), all);
    EXPECT_EQ(ScanBack(fiber, *t, Column::kPrimary, "z"), Pairs(all.rbegin(), all.rend()));
    EXPECT_EQ(Read(fiber, *group.Snapshot(), Column::kPrimary, "b"), "old");
  });
}

TYPED_TEST(OrderedStoreTest, RangeDeletedInsideATransactionIsGoneForItsReads) {
  this->Run([](Fiber& fiber, OrderedStore&, GroupStore& group) {
    Change(fiber, group, [](StoreTransaction& t) {
      for (const char* key : {"a", "b", "c", "d"}) t.Put(Column::kHistory, key, "old");
    });
    auto t = group.Begin();
    t->Put(Column::kHistory, "bb", "before");
    t->DeleteRange(Column::kHistory, "b", "d");
    t->DeleteRange(Column::kHistory, "z", "y");  // empty
    t->Put(Column::kHistory, "c", "after");
    const Pairs all{{"a", "old"}, {"c", "after"}, {"d", "old"}};
    EXPECT_EQ(Read(fiber, *t, Column::kHistory, "b"), std::nullopt);
    EXPECT_EQ(Read(fiber, *t, Column::kHistory, "bb"), std::nullopt);
    EXPECT_EQ(Scan(fiber, *t, Column::kHistory), all);
    EXPECT_EQ(ScanBack(fiber, *t, Column::kHistory, "z"), Pairs(all.rbegin(), all.rend()));
    ASSERT_TRUE(group.Commit(fiber, std::move(t)).ok());
    EXPECT_EQ(Scan(fiber, *group.Snapshot(), Column::kHistory), all);
  });
}

TYPED_TEST(OrderedStoreTest, OverlappingRangesMerge) {
  this->Run([](Fiber& fiber, OrderedStore&, GroupStore& group) {
    Change(fiber, group, [](StoreTransaction& t) {
      for (char key = 'a'; key <= 'i'; ++key) t.Put(Column::kHistory, std::string(1, key), "");
    });
    auto t = group.Begin();
    t->DeleteRange(Column::kHistory, "b", "d");
    t->DeleteRange(Column::kHistory, "f", "h");
    t->DeleteRange(Column::kHistory, "c", "g");
    const Pairs all{{"a", ""}, {"h", ""}, {"i", ""}};
    EXPECT_EQ(Scan(fiber, *t, Column::kHistory), all);
    ASSERT_TRUE(group.Commit(fiber, std::move(t)).ok());
    EXPECT_EQ(Scan(fiber, *group.Snapshot(), Column::kHistory), all);
  });
}

TYPED_TEST(OrderedStoreTest, WalkMayDeleteAndAddWhereItWalks) {
  this->Run([](Fiber& fiber, OrderedStore&, GroupStore& group) {
    Change(fiber, group, [](StoreTransaction& t) {
      for (const char* key : {"a", "b", "c", "d"}) t.Put(Column::kPrimary, key, "old");
    });
    auto t = group.Begin();
    t->Put(Column::kPrimary, "bb", "mine");
    const auto at = t->NewIterator(Column::kPrimary);
    std::string walked;
    for (at->Seek(fiber, ""); at->Valid(); at->Next(fiber)) {
      const std::string key(at->key());
      t->Delete(Column::kPrimary, key);
      if (key == "c") t->Put(Column::kPrimary, "cc", "added");
      walked += key + "=" + std::string(at->value()) + " ";
    }
    EXPECT_EQ(walked, "a=old b=old bb=mine c=old cc=added d=old ");
    at->SeekBefore(fiber, "z");
    EXPECT_FALSE(at->Valid());
    EXPECT_EQ(Scan(fiber, *t, Column::kPrimary), Pairs());
  });
}

TYPED_TEST(OrderedStoreTest, SnapshotStaysAtItsInstant) {
  this->Run([](Fiber& fiber, OrderedStore& store, GroupStore& group) {
    Change(fiber, group, [](StoreTransaction& t) {
      t.Put(Column::kPrimary, "a", "1");
      t.Put(Column::kPrimary, "b", "1");
    });
    const auto before = group.Snapshot();
    Change(fiber, group, [](StoreTransaction& t) {
      t.Put(Column::kPrimary, "a", "2");
      t.DeleteRange(Column::kPrimary, "b", "c");
      t.Put(Column::kPrimary, "c", "2");
    });
    const auto at = before->NewIterator(Column::kPrimary);
    ASSERT_TRUE(store.Flush(fiber).ok());
    ASSERT_TRUE(group.Clear(fiber).ok());
    at->Seek(fiber, "");
    EXPECT_EQ(at->value(), "1");
    EXPECT_EQ(Scan(fiber, *before, Column::kPrimary), (Pairs{{"a", "1"}, {"b", "1"}}));
    EXPECT_EQ(Read(fiber, *before, Column::kPrimary, "c"), std::nullopt);
    EXPECT_EQ(Scan(fiber, *group.Snapshot(), Column::kPrimary), Pairs());
  });
}

TYPED_TEST(OrderedStoreTest, GroupsDoNotSeeEachOther) {
  this->Run([](Fiber& fiber, OrderedStore& store, GroupStore& group) {
    const auto next = store.Group(GroupId(8));
    const auto far = store.Group(GroupId(7ull << 56));
    for (GroupStore* each : {&group, next.get(), far.get()}) {
      Change(fiber, *each, [&](StoreTransaction& t) {
        t.Put(Column::kPrimary, "", each == &group ? "7" : "other");
        t.Put(Column::kPrimary, "\xff", "last");
      });
    }
    EXPECT_EQ(Scan(fiber, *group.Snapshot(), Column::kPrimary),
              (Pairs{{"", "7"}, {"\xff", "last"}}));
    EXPECT_EQ(ScanBack(fiber, *next->Snapshot(), Column::kPrimary, "a"), (Pairs{{"", "other"}}));
    EXPECT_EQ(ScanBack(fiber, *next->Snapshot(), Column::kPrimary, ""), Pairs());
    const auto t = group.Begin();
    t->DeleteRange(Column::kPrimary, "", "\xff\xff");
    EXPECT_EQ(Scan(fiber, *t, Column::kPrimary), Pairs());
    EXPECT_EQ(Scan(fiber, *far->Snapshot(), Column::kPrimary).size(), 2u);
  });
}

TYPED_TEST(OrderedStoreTest, ClearEmptiesOneGroupInEveryColumn) {
  this->Run([](Fiber& fiber, OrderedStore& store, GroupStore& group) {
    const auto other = store.Group(GroupId(8));
    for (GroupStore* each : {&group, other.get()}) {
      Change(fiber, *each, [](StoreTransaction& t) {
        for (Column column : kAllColumns) t.Put(column, "k", "v");
      });
    }
    ASSERT_TRUE(group.Clear(fiber).ok());
    for (Column column : kAllColumns) {
      EXPECT_EQ(Scan(fiber, *group.Snapshot(), column), Pairs());
      EXPECT_EQ(Scan(fiber, *other->Snapshot(), column), (Pairs{{"k", "v"}}));
    }
    Change(fiber, group, [](StoreTransaction& t) { t.Put(Column::kIndex, "k", "again"); });
    EXPECT_EQ(Read(fiber, *group.Snapshot(), Column::kIndex, "k"), "again");
  });
}

TYPED_TEST(OrderedStoreTest, GetFlushedSeesWhatTheLastFlushSaw) {
  this->Run([](Fiber& fiber, OrderedStore& store, GroupStore& group) {
    Change(fiber, group, [](StoreTransaction& t) { t.Put(Column::kSystem, "applied", "1"); });
    EXPECT_EQ(*group.GetFlushed(fiber, "applied"), std::nullopt);
    ASSERT_TRUE(store.Flush(fiber).ok());
    Change(fiber, group, [](StoreTransaction& t) { t.Put(Column::kSystem, "applied", "2"); });
    EXPECT_EQ(*group.GetFlushed(fiber, "applied"), "1");
    ASSERT_TRUE(store.Flush(fiber).ok());
    ASSERT_TRUE(store.Flush(fiber).ok());  // nothing to do
    EXPECT_EQ(*group.GetFlushed(fiber, "applied"), "2");
    ASSERT_TRUE(group.Clear(fiber).ok());
    EXPECT_EQ(*group.GetFlushed(fiber, "applied"), "2");
    ASSERT_TRUE(store.Flush(fiber).ok());
    EXPECT_EQ(*group.GetFlushed(fiber, "applied"), std::nullopt);
  });
}

TYPED_TEST(OrderedStoreTest, StartedFlushEndsWithoutBeingWaitedFor) {
  this->Run([](Fiber& fiber, OrderedStore& store, GroupStore& group) {
    Change(fiber, group, [](StoreTransaction& t) {
      t.Put(Column::kSystem, "applied", "1");
      t.Put(Column::kPrimary, "k", "v");
    });
    ASSERT_TRUE(store.StartFlush().ok());
    while (*group.GetFlushed(fiber, "applied") != "1") fiber.SleepFor(Milliseconds(1));
    EXPECT_EQ(Read(fiber, *group.Snapshot(), Column::kPrimary, "k"), "v");
    EXPECT_GT(store.DiskBytes(), 0u);
  });
}

}  // namespace
}  // namespace lockstep::store
