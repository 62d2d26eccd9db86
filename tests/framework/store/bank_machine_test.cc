#include "examples/bank/bank_machine.h"

#include <gtest/gtest.h>

#include <string>

#include "framework/store/memory_store.h"
#include "tests/framework/store/store_testing.h"

namespace lockstep::bank {
namespace {

// One entry's surroundings.
class Context final : public machine::ApplyContext {
 public:
  explicit Context(machine::StoreTransaction& store) : store_(store) {}
  machine::StoreTransaction& store() override { return store_; }
  uint64_t index() const override { return 1; }
  uint64_t term() const override { return 1; }
  WallTime time() const override { return {}; }
  void Publish(std::string) override {}

 private:
  machine::StoreTransaction& store_;
};

class BankMachineTest : public testing::Test {
 protected:
  void Run(const std::function<void(Fiber&)>& body) { RunInFiber(body); }

  // Applies the command as a batch of its own and checks the books.
  std::string Apply(Fiber& fiber, std::string_view command) {
    auto transaction = group_->Begin();
    Context context(*transaction);
    const absl::StatusOr<std::string> result = bank_.Apply(fiber, command, context);
    CHECK_OK(result.status());
    CHECK_OK(group_->Commit(fiber, std::move(transaction)));
    EXPECT_TRUE(bank_.CheckInvariants(fiber, *group_->Snapshot()).ok());
    return *result;
  }
  std::string Balance(Fiber& fiber, std::string_view account) {
    const auto result = bank_.Query(fiber, account, *group_->Snapshot());
    CHECK_OK(result.status());
    return *result;
  }

  store::MemoryStore store_;
  const std::unique_ptr<machine::GroupStore> group_ = store_.Group(GroupId(1));
  BankMachine bank_;
};

TEST_F(BankMachineTest, TransferMovesMoney) {
  Run([this](Fiber& fiber) {
    EXPECT_EQ(Apply(fiber, "deposit ann 10"), "10");
    EXPECT_EQ(Apply(fiber, "deposit ann 5"), "15");
    EXPECT_EQ(Apply(fiber, "transfer ann bob 15"), "15");
    EXPECT_EQ(Balance(fiber, "ann"), "0");
    EXPECT_EQ(Balance(fiber, "bob"), "15");
    EXPECT_EQ(Balance(fiber, "nobody"), "0");
  });
}

TEST_F(BankMachineTest, TransferToOneselfChangesNothing) {
  Run([this](Fiber& fiber) {
    Apply(fiber, "deposit ann 10");
    EXPECT_EQ(Apply(fiber, "transfer ann ann 4"), "10");
    EXPECT_EQ(Balance(fiber, "ann"), "10");
  });
}

TEST_F(BankMachineTest, BadCommandsAreRefusedAndChangeNothing) {
  Run([this](Fiber& fiber) {
    Apply(fiber, "deposit ann 10");
    EXPECT_EQ(Apply(fiber, "transfer ann bob 11"), "refused: insufficient funds");
    EXPECT_EQ(Apply(fiber, "deposit ann 18446744073709551606"), "refused: too much money");
    EXPECT_EQ(Apply(fiber, "deposit ann -1"), "refused: no amount");
    EXPECT_EQ(Apply(fiber, "transfer ann 1"), "refused: unknown command");
    EXPECT_EQ(Apply(fiber, ""), "refused: no amount");
    EXPECT_EQ(Balance(fiber, "ann"), "10");
    EXPECT_EQ(Balance(fiber, "bob"), "0");
  });
}

TEST_F(BankMachineTest, InventedMoneyIsNoticed) {
  Run([this](Fiber& fiber) {
    Apply(fiber, "deposit ann 10");
    store::Change(fiber, *group_, [](machine::StoreTransaction& t) {
      t.Put(machine::Column::kPrimary, "eve", "1");
    });
    EXPECT_FALSE(bank_.CheckInvariants(fiber, *group_->Snapshot()).ok());
  });
}

}  // namespace
}  // namespace lockstep::bank
