#include "framework/replica/client_sessions.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "framework/base/mutant_on.h"
#include "framework/replica/mutants.h"
#include "framework/store/memory_store.h"
#include "tests/framework/replica/support.h"

namespace lockstep::replica {
namespace {

constexpr SessionId kSession(77);

class ClientSessionsTest : public testing::Test {
 protected:
  // One batch, committed.
  void Batch(Fiber& fiber, const std::function<void(machine::StoreTransaction&)>& changes) {
    auto store = group_->Begin();
    changes(*store);
    sessions_.FinishBatch(*store);
    CHECK_OK(group_->Commit(fiber, std::move(store)));
  }

  void Register(Fiber& fiber, SessionId session, NodeId owner) {
    Batch(fiber, [&](auto& store) { sessions_.Register(session, owner, store); });
  }

  Admission Admit(uint64_t number, uint64_t acked_below = 0, SessionId session = kSession) {
    result_ = nullptr;
    return sessions_.Admit({EnvelopeKind::kCommand, session, RequestNumber(number),
                            RequestNumber(acked_below), NodeId(0), "command"},
                           &result_);
  }

  // Admits and executes.
  void Execute(Fiber& fiber, uint64_t number, std::string_view result, uint64_t acked_below = 0) {
    Batch(fiber, [&](auto&) {
      ASSERT_EQ(Admit(number, acked_below), Admission::kNew);
      sessions_.Record(kSession, RequestNumber(number), result);
    });
  }

  size_t RowsInStore(Fiber& fiber) {
    const auto view = group_->Snapshot();
    const auto at = view->NewIterator(machine::Column::kSystem);
    size_t rows = 0;
    for (at->Seek(fiber, ""); at->Valid(); at->Next(fiber)) ++rows;
    return rows;
  }

  store::MemoryStore store_;
  const std::unique_ptr<machine::GroupStore> group_ = store_.Group(GroupId(1));
  ClientSessions sessions_;
  const std::string* result_ = nullptr;
};

TEST_F(ClientSessionsTest, ARetriedRequestIsAnsweredFromItsResult) {
  RunInFiber([this](Fiber& fiber) {
    Register(fiber, kSession, NodeId(1));
    Execute(fiber, 1, "first");
    ASSERT_EQ(Admit(1), Admission::kDuplicate);
    EXPECT_EQ(*result_, "first");
    EXPECT_EQ(Admit(2), Admission::kNew);
  });
}

TEST_F(ClientSessionsTest, PlantedBugExecutesARetryAgain) {
  RunInFiber([this](Fiber& fiber) {
    Register(fiber, kSession, NodeId(1));
    Execute(fiber, 1, "first");
    mutant::Plant(mutant::kM71SessionResultForgotten);
    EXPECT_EQ(Admit(1), Admission::kNew);
    mutant::Plant(mutant::Id::kNone);
  });
}

TEST_F(ClientSessionsTest, RequestsMayArriveInAnyOrder) {
  RunInFiber([this](Fiber& fiber) {
    Register(fiber, kSession, NodeId(1));
    Execute(fiber, 3, "third");
    Execute(fiber, 1, "first");
    EXPECT_EQ(Admit(2), Admission::kNew);
    ASSERT_EQ(Admit(3), Admission::kDuplicate);
    EXPECT_EQ(*result_, "third");
  });
}

TEST_F(ClientSessionsTest, WhatTheClientAcknowledgedIsForgottenAndNeverExecutedAgain) {
  RunInFiber([this](Fiber& fiber) {
    Register(fiber, kSession, NodeId(1));
    Execute(fiber, 1, "first");
    Execute(fiber, 2, "second", /*acked_below=*/2);
    EXPECT_EQ(Admit(1), Admission::kStale);
    EXPECT_EQ(sessions_.Find(kSession, RequestNumber(1)), nullptr);
    EXPECT_EQ(Admit(2), Admission::kDuplicate);
  });
}

TEST_F(ClientSessionsTest, AFloorNeverGoesBack) {
  RunInFiber([this](Fiber& fiber) {
    Register(fiber, kSession, NodeId(1));
    Execute(fiber, 5, "fifth", /*acked_below=*/5);
    EXPECT_EQ(Admit(4, /*acked_below=*/1), Admission::kStale);
  });
}

TEST_F(ClientSessionsTest, AnUnregisteredSessionIsRefused) {
  EXPECT_EQ(Admit(1), Admission::kUnknownSession);
}

TEST_F(ClientSessionsTest, TheWindowIsBounded) {
  RunInFiber([this](Fiber& fiber) {
    Register(fiber, kSession, NodeId(1));
    EXPECT_EQ(Admit(ClientSessions::kWindowMax), Admission::kNew);
    EXPECT_EQ(Admit(ClientSessions::kWindowMax + 1), Admission::kTooFarAhead);
  });
}

TEST_F(ClientSessionsTest, RegisteringAgainKeepsResults) {
  RunInFiber([this](Fiber& fiber) {
    Register(fiber, kSession, NodeId(1));
    Execute(fiber, 1, "first");
    Register(fiber, kSession, NodeId(1));
    EXPECT_EQ(Admit(1), Admission::kDuplicate);
  });
}

TEST_F(ClientSessionsTest, ALaterIncarnationClosesTheEarlierOneAndRemovesItsRows) {
  RunInFiber([this](Fiber& fiber) {
    Register(fiber, SessionId(5), NodeId(2));
    Register(fiber, kSession, NodeId(1));
    Execute(fiber, 1, "first");
    EXPECT_EQ(RowsInStore(fiber), 3u);
    Register(fiber, SessionId(78), NodeId(1));
    EXPECT_EQ(Admit(2), Admission::kUnknownSession);
    EXPECT_TRUE(sessions_.Knows(SessionId(5))) << "another owner's session";
    EXPECT_EQ(RowsInStore(fiber), 2u);
  });
}

TEST_F(ClientSessionsTest, LoadingGivesTheSameAnswersAsBefore) {
  RunInFiber([this](Fiber& fiber) {
    Register(fiber, kSession, NodeId(1));
    Execute(fiber, 1, "first");
    Execute(fiber, 2, "second", /*acked_below=*/2);
    Execute(fiber, 4, "fourth");
    ASSERT_TRUE(sessions_.Load(fiber, *group_->Snapshot()).ok());
    EXPECT_EQ(Admit(1), Admission::kStale);
    ASSERT_EQ(Admit(2), Admission::kDuplicate);
    EXPECT_EQ(*result_, "second");
    EXPECT_EQ(Admit(3), Admission::kNew);
    ASSERT_EQ(Admit(4), Admission::kDuplicate);
    EXPECT_EQ(*result_, "fourth");
    EXPECT_EQ(sessions_.size(), 1u);
  });
}

TEST_F(ClientSessionsTest, TheResultsOfABatchShareARow) {
  RunInFiber([this](Fiber& fiber) {
    Register(fiber, kSession, NodeId(1));
    const size_t rows = RowsInStore(fiber);
    Batch(fiber, [&](auto&) {
      for (const uint64_t number : {3, 1, 5, 4}) {
        ASSERT_EQ(Admit(number, /*acked_below=*/number == 4 ? 3 : 0), Admission::kNew);
        sessions_.Record(kSession, RequestNumber(number), absl::StrCat("result ", number));
      }
    });
    EXPECT_EQ(RowsInStore(fiber), rows + 1);
    ASSERT_TRUE(sessions_.Load(fiber, *group_->Snapshot()).ok());
    EXPECT_EQ(Admit(1), Admission::kStale);
    for (const uint64_t number : {3, 4, 5}) {
      ASSERT_EQ(Admit(number), Admission::kDuplicate);
      EXPECT_EQ(*result_, absl::StrCat("result ", number));
    }
  });
}

// Replicas cut the log into different batches and restart at different places.
TEST_F(ClientSessionsTest, RowsDependOnTheLogAndNotOnBatchesOrReloads) {
  RunInFiber([this](Fiber& fiber) {
    const auto rows_after = [&](uint64_t group, uint64_t batch, bool reload) {
      const auto store = store_.Group(GroupId(group));
      ClientSessions sessions;
      for (uint64_t number = 0; number <= 5000;) {
        auto transaction = store->Begin();
        for (uint64_t i = 0; i < batch && number <= 5000; ++i, ++number) {
          if (number == 0) {
            sessions.Register(kSession, NodeId(1), *transaction);
            continue;
          }
          const std::string* known = nullptr;
          const RequestNumber below(number < 100 ? 0 : number - 90 - number % 7);
          CHECK(sessions.Admit(
                    {EnvelopeKind::kCommand, kSession, RequestNumber(number), below, NodeId(0), ""},
                    &known) == Admission::kNew);
          sessions.Record(kSession, RequestNumber(number),
                          std::string(number % 50 == 0 ? 3000 : number % 20, 'r'));
        }
        sessions.FinishBatch(*transaction);
        CHECK_OK(store->Commit(fiber, std::move(transaction)));
        if (reload) CHECK_OK(sessions.Load(fiber, *store->Snapshot()));
      }
      std::vector<std::pair<std::string, std::string>> rows;
      const auto view = store->Snapshot();
      const auto at = view->NewIterator(machine::Column::kSystem);
      for (at->Seek(fiber, ""); at->Valid(); at->Next(fiber))
        rows.emplace_back(at->key(), at->value());
      return rows;
    };
    const auto rows = rows_after(2, 1, false);
    EXPECT_GT(rows.size(), 3u);
    EXPECT_EQ(rows_after(3, 17, false), rows);
    EXPECT_EQ(rows_after(4, 1000, false), rows);
    EXPECT_EQ(rows_after(5, 13, true), rows);
  });
}

TEST_F(ClientSessionsTest, AMalformedRowIsDataLoss) {
  RunInFiber([this](Fiber& fiber) {
    Batch(fiber, [](auto& store) { store.Put(machine::Column::kSystem, "S123", "x"); });
    EXPECT_TRUE(absl::IsDataLoss(sessions_.Load(fiber, *group_->Snapshot())));
  });
}

TEST_F(ClientSessionsTest, AMalformedRowOfResultsIsDataLoss) {
  RunInFiber([this](Fiber& fiber) {
    Register(fiber, kSession, NodeId(1));
    Execute(fiber, 1, "first");
    std::string key;
    {
      const auto view = group_->Snapshot();
      const auto at = view->NewIterator(machine::Column::kSystem);
      at->Seek(fiber, "s");
      ASSERT_TRUE(at->Valid());
      key = at->key();
    }
    Batch(fiber, [&](auto& store) { store.Put(machine::Column::kSystem, key, "short"); });
    EXPECT_TRUE(absl::IsDataLoss(sessions_.Load(fiber, *group_->Snapshot())));
  });
}

TEST_F(ClientSessionsTest, RowsOfAcknowledgedResultsGoEventually) {
  RunInFiber([this](Fiber& fiber) {
    Register(fiber, kSession, NodeId(1));
    size_t rows_max = 0;
    for (uint64_t number = 1; number <= 3000; ++number) {
      Execute(fiber, number, "result", /*acked_below=*/number);
      rows_max = std::max(rows_max, RowsInStore(fiber));
    }
    EXPECT_LT(rows_max, 1100u);
  });
}

}  // namespace
}  // namespace lockstep::replica
