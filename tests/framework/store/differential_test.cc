// The same random operations on the memory store and on RocksDB give the same answers.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <rocksdb/env.h>

#include <array>
#include <sstream>
#include <string>
#include <vector>

#include "framework/store/memory_store.h"
#include "framework/store/rocks_store.h"
#include "tests/framework/store/store_testing.h"

namespace lockstep::store {
namespace {

using machine::Column;

enum class Kind {
  kPut,
  kDelete,
  kDeleteRange,
  kGet,
  kSeek,
  kSeekBefore,
  kNext,
  kPrevious,
  kPin,
  kScanPinned,
  kCommit,
  kAbandon,
  kClear,
  kFlush,
};
constexpr int kKinds = static_cast<int>(Kind::kFlush) + 1;

struct Operation final {
  Kind kind;
  Column column;
  std::string key;
  std::string other;  // a value, or the end of a range
};

std::ostream& operator<<(std::ostream& out, const Operation& operation) {
  return out << static_cast<int>(operation.kind) << "(" << static_cast<int>(operation.column)
             << ", '" << operation.key << "', '" << operation.other << "')";
}

void showValue(const Operation& operation, std::ostream& out) { out << operation; }

// Thirteen keys, so that operations meet.
rc::Gen<std::string> ShortKey() {
  return rc::gen::resize(2, rc::gen::container<std::string>(rc::gen::element('\0', 'a', '\xff')));
}

rc::Gen<Operation> AnyOperation() {
  // Rare kinds come up one time in sixteen each, so there are enough changes between them.
  return rc::gen::map(
      rc::gen::tuple(rc::gen::inRange(0, 2 * kKinds),
                     rc::gen::element(Column::kPrimary, Column::kSystem), ShortKey(), ShortKey()),
      [](const std::tuple<int, Column, std::string, std::string>& drawn) {
        const int kind = std::get<0>(drawn);
        return Operation{kind < kKinds ? static_cast<Kind>(kind) : static_cast<Kind>(kind % 8),
                         std::get<1>(drawn), std::get<2>(drawn), std::get<3>(drawn)};
      });
}

std::string Show(const Pairs& pairs) {
  std::ostringstream out;
  for (const auto& [key, value] : pairs) out << key << "=" << value << ";";
  return out.str();
}

// Executes operations on one store and says what each one saw.
class Subject final {
 public:
  Subject(machine::OrderedStore& store, GroupId id) : store_(store), group_(store.Group(id)) {}

  std::string Execute(Fiber& fiber, const Operation& operation) {
    if (transaction_ == nullptr) transaction_ = group_->Begin();
    machine::StoreTransaction& t = *transaction_;
    const Column column = operation.column;
    switch (operation.kind) {
      case Kind::kPut:
        t.Put(column, operation.key, operation.other);
        return Both(fiber, column);
      case Kind::kDelete:
        t.Delete(column, operation.key);
        return Both(fiber, column);
      case Kind::kDeleteRange:
        t.DeleteRange(column, operation.key, operation.other);
        return Both(fiber, column);
      case Kind::kGet:
        return Read(fiber, t, column, operation.key).value_or("nothing");
      default:
        return Walk(fiber, operation);
    }
  }

 private:
  std::string Both(Fiber& fiber, Column column) const {
    return Show(Scan(fiber, *transaction_, column)) + "/" +
           Show(ScanBack(fiber, *transaction_, column, "\xff\xff\xff"));
  }

  std::string Walk(Fiber& fiber, const Operation& operation) {
    auto& at = walks_[static_cast<size_t>(operation.column)];
    if (at == nullptr) at = transaction_->NewIterator(operation.column);
    switch (operation.kind) {
      case Kind::kSeek:
        at->Seek(fiber, operation.key);
        break;
      case Kind::kSeekBefore:
        at->SeekBefore(fiber, operation.key);
        break;
      case Kind::kNext:
        if (at->Valid()) at->Next(fiber);
        break;
      case Kind::kPrevious:
        if (at->Valid()) at->Previous(fiber);
        break;
      default:
        return End(fiber, operation);
    }
    return at->Valid() ? std::string(at->key()) + "=" + std::string(at->value()) : "end";
  }

  // What closes the transaction, and what looks past it.
  std::string End(Fiber& fiber, const Operation& operation) {
    if (operation.kind == Kind::kPin) {
      pinned_ = group_->Snapshot();
      return "";
    }
    if (operation.kind == Kind::kScanPinned) {
      return pinned_ == nullptr ? "" : Show(Scan(fiber, *pinned_, operation.column));
    }
    for (auto& at : walks_) at = nullptr;
    if (operation.kind == Kind::kCommit) {
      CHECK_OK(group_->Commit(fiber, std::move(transaction_)));
    }
    transaction_ = nullptr;
    if (operation.kind == Kind::kClear) CHECK_OK(group_->Clear(fiber));
    if (operation.kind == Kind::kFlush) CHECK_OK(store_.Flush(fiber));
    const auto flushed = group_->GetFlushed(fiber, operation.key);
    CHECK_OK(flushed.status());
    return flushed->value_or("nothing") + "/" +
           Show(Scan(fiber, *group_->Snapshot(), operation.column));
  }

  machine::OrderedStore& store_;
  const std::unique_ptr<machine::GroupStore> group_;
  std::unique_ptr<machine::StoreView> pinned_;
  std::unique_ptr<machine::StoreTransaction> transaction_;
  std::array<std::unique_ptr<machine::Iterator>, machine::kColumnCount> walks_;
};

// The first disagreement, or nothing.
std::string Compare(machine::OrderedStore& left, machine::OrderedStore& right, GroupId group,
                    const std::vector<Operation>& operations) {
  std::string difference;
  RunInFiber([&](Fiber& fiber) {
    Subject first(left, group);
    Subject second(right, group);
    for (const Operation& operation : operations) {
      const std::string a = first.Execute(fiber, operation);
      const std::string b = second.Execute(fiber, operation);
      if (a == b) continue;
      std::ostringstream out;
      out << operation << ": " << a << " against " << b;
      difference = out.str();
      return;
    }
  });
  return difference;
}

// One database for all cases: each takes a group of its own, and the groups below and above it hold
// what earlier cases left.
class Pair final {
 public:
  Pair() {
    RunInFiber([this](Fiber& fiber) {
      RocksStoreOptions options;
      options.env = rocksdb::Env::Default();
      options.path = FreshDirectory();
      options.profile = RocksProfile::kLight;
      auto opened = RocksStore::Open(fiber, options);
      CHECK_OK(opened.status());
      rocks_ = *std::move(opened);
    });
  }
  std::string Compare(const std::vector<Operation>& operations) {
    // Neighbours in the order of keys must not matter: fill the gaps from both sides.
    ++cases_;
    const GroupId group(cases_ % 2 == 0 ? 1'000'000 + cases_ : 1'000'000 - cases_);
    return store::Compare(memory_, *rocks_, group, operations);
  }

 private:
  MemoryStore memory_;
  std::unique_ptr<machine::OrderedStore> rocks_;
  uint64_t cases_ = 0;
};

TEST(Differential, RandomOperationsAnswerAlikeOnBothStores) {
  Pair stores;
  const bool ok = rc::check("memory and RocksDB agree", [&] {
    const auto operations =
        *rc::gen::scale(3.0, rc::gen::container<std::vector<Operation>>(AnyOperation()));
    const std::string difference = stores.Compare(operations);
    RC_ASSERT(difference == std::string());
  });
  EXPECT_TRUE(ok);
}

}  // namespace
}  // namespace lockstep::store
