#include "framework/replica/applier.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/base/mutant_on.h"
#include "framework/replica/keys.h"
#include "framework/replica/mutants.h"
#include "framework/store/memory_store.h"
#include "framework/wire/codec.h"
#include "tests/framework/replica/log_test_support.h"
#include "tests/framework/replica/support.h"

namespace lockstep::replica {
namespace {

using machine::Column;

constexpr GroupId kGroup(4);

// Appends each command to a text and answers the text.
class TextMachine final : public machine::StateMachine {
 public:
  absl::StatusOr<std::string> Apply(Fiber& fiber, std::string_view command,
                                    machine::ApplyContext& context) override {
    fiber.Yield();
    ASSIGN_OR_RETURN(const auto text, context.store().Get(fiber, Column::kPrimary, "text"));
    const std::string longer = text.value_or("") + std::string(command);
    context.store().Put(Column::kPrimary, "text", longer);
    context.Publish(absl::StrCat(context.index(), ":", std::string(command)));
    return longer;
  }
  absl::StatusOr<std::string> Query(Fiber&, std::string_view, const machine::StoreView&) override {
    return "";
  }
  absl::Status Load(Fiber&, const machine::StoreView&) override {
    ++loads;
    return absl::OkStatus();
  }
  int loads = 0;
};

// A group's store whose n-th change fails, as if the process had died there.
class BreakingGroup final : public machine::GroupStore {
 public:
  explicit BreakingGroup(std::unique_ptr<machine::GroupStore> inner) : inner_(std::move(inner)) {}

  std::unique_ptr<machine::StoreView> Snapshot() override { return inner_->Snapshot(); }
  std::unique_ptr<machine::StoreTransaction> Begin() override { return inner_->Begin(); }
  absl::Status Commit(Fiber& fiber, std::unique_ptr<machine::StoreTransaction>&& t) override {
    RETURN_IF_ERROR(Change());
    return inner_->Commit(fiber, std::move(t));
  }
  absl::StatusOr<std::optional<std::string>> GetFlushed(Fiber& fiber,
                                                        std::string_view key) override {
    return inner_->GetFlushed(fiber, key);
  }
  absl::Status Clear(Fiber& fiber) override {
    RETURN_IF_ERROR(Change());
    return inner_->Clear(fiber);
  }

  int changes = 0;
  int changes_max = -1;  // -1: never breaks
  int push_back = 0;     // so many commits are refused first

 private:
  absl::Status Change() {
    if (push_back > 0 && push_back-- > 0) return absl::ResourceExhaustedError("busy");
    if (changes == changes_max) return absl::AbortedError("died");
    ++changes;
    return absl::OkStatus();
  }

  std::unique_ptr<machine::GroupStore> inner_;
};

class ApplierTest : public testing::Test, protected ApplySink {
 protected:
  Applier Make() {
    return Applier({kGroup, group_, machine_, snapshots_, *this, no_faults_, nullptr},
                   Meta(0, 0).configuration);
  }

  // Applies until nothing is left to do.
  absl::Status Drain(Fiber& fiber, Applier& applier) {
    absl::Status ended = absl::OkStatus();
    fiber::Scope scope(fiber.scheduler());
    scope.Spawn("apply", [&](Fiber& applying) { ended = applier.Run(applying); });
    fiber.SleepFor(Seconds(1));
    return ended;
  }

  std::string Text(Fiber& fiber) {
    const auto text = group_.Snapshot()->Get(fiber, Column::kPrimary, "text");
    CHECK_OK(text.status());
    return text->value_or("");
  }

  // Stages "text" = "snapshot" at index 20, after which session 77 has executed request 8.
  void StageSnapshot(Fiber& fiber) {
    auto writer = snapshots_.Begin(fiber, kGroup, raft::Index(20));
    CHECK_OK(writer.status());
    const auto append = [&](const wire::Frame& frame) {
      CHECK_OK((*writer)->Append(fiber, frame));
    };
    append(wire::SnapshotBegin{kGroup, Meta(20, 3), raft::Term(3), NodeId(1)});
    append(wire::SnapshotChunk{
        0,
        {{0, std::string(kAppliedKey), wire::EncodeSnapshotMeta(Meta(20, 3))},
         {0, "S" + BigEndian64(77), BigEndian64(1) + BigEndian64(8) + BigEndian64(0)}}});
    append(wire::SnapshotChunk{
        1,
        {{0, "s" + BigEndian64(77) + BigEndian64(0), BigEndian64(8) + BigEndian64(6) + "eighth"}}});
    append(wire::SnapshotChunk{2, {{1, "text", "snapshot"}}});
    append(wire::SnapshotEnd{4, 0});
    CHECK_OK((*writer)->Commit(fiber));
  }

  void OnBatchApplied(raft::Index, std::vector<AppliedRequest> requests) override {
    for (AppliedRequest& request : requests) requests_.push_back(std::move(request));
  }
  void OnSnapshotInstalled(const raft::SnapshotMeta& meta) override {
    installed_.push_back(meta.index.value());
  }
  void OnMembersChanged() override { ++members_changed_; }
  void OnPublished(raft::Index index, const std::string& event) override {
    published_.push_back(absl::StrCat(index.value(), "/", event));
  }

  MemoryDisk disk_;
  Forbidden no_faults_;
  SnapshotStore snapshots_{disk_, "snapshots"};
  store::MemoryStore store_;
  BreakingGroup group_{store_.Group(kGroup)};
  TextMachine machine_;
  std::vector<AppliedRequest> requests_;
  int members_changed_ = 0;
  std::vector<uint64_t> installed_;
  std::vector<std::string> published_;
};

TEST_F(ApplierTest, ARetriedRequestIsExecutedOnceAndAnsweredTwice) {
  RunInFiber([this](Fiber& fiber) {
    Applier applier = Make();
    ASSERT_TRUE(applier.Recover(fiber, Meta(0, 0)).ok());
    applier.Enqueue({EntryOf(1, RegistrationOf(77, 1)), EntryOf(2, CommandOf(77, 1, "a")),
                     EntryOf(3, CommandOf(77, 1, "a")), EntryOf(4, CommandOf(77, 2, "b"))});
    ASSERT_TRUE(Drain(fiber, applier).ok());
    EXPECT_EQ(Text(fiber), "ab");
    ASSERT_EQ(requests_.size(), 4u);
    EXPECT_EQ(requests_[1].result, "a");
    EXPECT_EQ(requests_[2].admission, Admission::kDuplicate);
    EXPECT_EQ(requests_[2].result, "a");
    EXPECT_EQ(applier.applied().index, raft::Index(4));
  });
}

TEST_F(ApplierTest, EventsComeInIndexOrderAndOncePerExecution) {
  RunInFiber([this](Fiber& fiber) {
    Applier applier = Make();
    ASSERT_TRUE(applier.Recover(fiber, Meta(0, 0)).ok());
    applier.Enqueue({EntryOf(1, RegistrationOf(77, 1)), EntryOf(2, CommandOf(77, 1, "a")),
                     EntryOf(3, CommandOf(77, 1, "a")), EntryOf(4, CommandOf(77, 2, "b"))});
    ASSERT_TRUE(Drain(fiber, applier).ok());
    EXPECT_EQ(published_, (std::vector<std::string>{"2/2:a", "4/4:b"}));
  });
}

TEST_F(ApplierTest, AStoreThatPushesBackIsAskedAgain) {
  RunInFiber([this](Fiber& fiber) {
    group_.push_back = 3;
    Applier applier = Make();
    ASSERT_TRUE(applier.Recover(fiber, Meta(0, 0)).ok());
    applier.Enqueue({EntryOf(1, RegistrationOf(77, 1)), EntryOf(2, CommandOf(77, 1, "a"))});
    ASSERT_TRUE(Drain(fiber, applier).ok());
    EXPECT_EQ(Text(fiber), "a");
    EXPECT_EQ(group_.push_back, 0);
  });
}

// Runs entries 1 and 2, dying at each change of the store in turn; then recovers and gets again
// what the store says is missing. A command must never be applied twice.
std::string ApplyThroughADeath(Fiber& fiber, BreakingGroup& group, Applier& first, Applier& second,
                               const std::function<absl::Status(Applier&)>& drain) {
  const std::vector<raft::Entry> entries = {EntryOf(1, RegistrationOf(77, 1)),
                                            EntryOf(2, CommandOf(77, 1, "a"))};
  CHECK_OK(first.Recover(fiber, Meta(0, 0)));
  first.Enqueue(entries);
  (void)drain(first);
  group.changes_max = -1;
  CHECK_OK(second.Recover(fiber, Meta(0, 0)));
  const uint64_t reached = second.applied().index.value();
  second.Enqueue({entries.begin() + static_cast<ptrdiff_t>(reached), entries.end()});
  CHECK_OK(drain(second));
  return group.Snapshot()->Get(fiber, Column::kPrimary, "text")->value_or("");
}

TEST_F(ApplierTest, DeathAtAnyChangeOfTheStoreAppliesNothingTwice) {
  for (int changes_max = 0; changes_max < 2; ++changes_max) {
    store::MemoryStore store;
    BreakingGroup group(store.Group(kGroup));
    group.changes_max = changes_max;
    RunInFiber([&](Fiber& fiber) {
      const Applier::Parts parts{kGroup, group, machine_, snapshots_, *this, no_faults_, nullptr};
      Applier first(parts, Meta(0, 0).configuration);
      Applier second(parts, Meta(0, 0).configuration);
      EXPECT_EQ(ApplyThroughADeath(fiber, group, first, second,
                                   [&](Applier& applier) { return Drain(fiber, applier); }),
                "a")
          << "after " << changes_max << " changes";
    });
  }
}

TEST_F(ApplierTest, PlantedBugWithASeparateAppliedIndexLosesAnEntry) {
  mutant::Plant(mutant::kM19AppliedIndexNotAtomic);
  RunInFiber([this](Fiber& fiber) {
    group_.changes_max = 1;  // the applied index is there, the entry's changes are not
    Applier applier = Make();
    ASSERT_TRUE(applier.Recover(fiber, Meta(0, 0)).ok());
    applier.Enqueue({EntryOf(1, RegistrationOf(77, 1)), EntryOf(2, CommandOf(77, 1, "a"))});
    EXPECT_FALSE(Drain(fiber, applier).ok());
    EXPECT_EQ(Text(fiber), "");
    Applier again = Make();
    ASSERT_TRUE(again.Recover(fiber, Meta(0, 0)).ok());
    EXPECT_GT(again.applied().index, raft::Index(0)) << "the index runs ahead of the state";
  });
  mutant::Plant(mutant::Id::kNone);
}

TEST_F(ApplierTest, ASnapshotReplacesTheStateAndTheSessions) {
  RunInFiber([this](Fiber& fiber) {
    StageSnapshot(fiber);
    Applier applier = Make();
    ASSERT_TRUE(applier.Recover(fiber, Meta(0, 0)).ok());
    applier.Enqueue({EntryOf(1, RegistrationOf(5, 1)), EntryOf(2, CommandOf(5, 1, "old"))});
    ASSERT_TRUE(Drain(fiber, applier).ok());
    applier.EnqueueInstall(Meta(20, 3));
    applier.Enqueue({EntryOf(21, CommandOf(77, 8, "again")), EntryOf(22, CommandOf(77, 9, "+"))});
    ASSERT_TRUE(Drain(fiber, applier).ok());
    EXPECT_EQ(installed_, std::vector<uint64_t>{20});
    EXPECT_EQ(Text(fiber), "snapshot+");
    EXPECT_FALSE(applier.sessions().Knows(SessionId(5)));
    EXPECT_EQ(*applier.sessions().Find(SessionId(77), RequestNumber(8)), "eighth");
  });
}

TEST_F(ApplierTest, EntriesThatWaitWhenASnapshotArrivesAreDropped) {
  RunInFiber([this](Fiber& fiber) {
    StageSnapshot(fiber);
    Applier applier = Make();
    ASSERT_TRUE(applier.Recover(fiber, Meta(0, 0)).ok());
    applier.Enqueue({EntryOf(1, RegistrationOf(5, 1)), EntryOf(2, CommandOf(5, 1, "old"))});
    applier.EnqueueInstall(Meta(20, 3));
    ASSERT_TRUE(Drain(fiber, applier).ok());
    EXPECT_EQ(Text(fiber), "snapshot");
    EXPECT_TRUE(requests_.empty());
  });
}

TEST_F(ApplierTest, AnInstallationThatIsInterruptedAtAnyStepIsFinishedAtTheNextStart) {
  int steps = 0;
  for (bool broke = true; broke; ++steps) {
    store::MemoryStore store;
    BreakingGroup group(store.Group(kGroup));
    const Applier::Parts parts{kGroup, group, machine_, snapshots_, *this, no_faults_, nullptr};
    RunInFiber([&](Fiber& fiber) {
      if (steps == 0) StageSnapshot(fiber);
      Applier applier(parts, Meta(0, 0).configuration);
      ASSERT_TRUE(applier.Recover(fiber, Meta(0, 0)).ok());
      applier.Enqueue({EntryOf(1, RegistrationOf(5, 1)), EntryOf(2, CommandOf(5, 1, "old"))});
      ASSERT_TRUE(Drain(fiber, applier).ok());
      group.changes_max = group.changes + steps;
      applier.EnqueueInstall(Meta(20, 3));
      broke = !Drain(fiber, applier).ok();

      group.changes_max = -1;
      Applier again(parts, Meta(0, 0).configuration);
      const absl::Status recovered = again.Recover(fiber, Meta(20, 3));
      ASSERT_TRUE(recovered.ok()) << "step " << steps << ": " << recovered;
      EXPECT_EQ(again.applied(), Meta(20, 3));
      EXPECT_FALSE(again.sessions().Knows(SessionId(5))) << "step " << steps;
      EXPECT_TRUE(again.sessions().Knows(SessionId(77)));
      EXPECT_EQ(group.Snapshot()->Get(fiber, Column::kPrimary, "text")->value_or(""), "snapshot");
    });
    if (HasFatalFailure()) return;
  }
  EXPECT_GE(steps, 6) << "the clearing, three chunks and the applied index are a step each";
}

TEST_F(ApplierTest, AStateThatEndsBeforeTheLogBeginsIsClearedAway) {
  RunInFiber([this](Fiber& fiber) {
    Applier old = Make();
    ASSERT_TRUE(old.Recover(fiber, Meta(0, 0)).ok());
    old.Enqueue({EntryOf(1, RegistrationOf(77, 1)), EntryOf(2, CommandOf(77, 1, "a"))});
    ASSERT_TRUE(Drain(fiber, old).ok());
    Applier applier = Make();
    ASSERT_TRUE(applier.Recover(fiber, Meta(20, 3)).ok());
    EXPECT_EQ(applier.applied().index, raft::Index(0));
    EXPECT_EQ(Text(fiber), "");
    EXPECT_FALSE(applier.sessions().Knows(SessionId(77)));
  });
}

TEST_F(ApplierTest, ALostStateComesBackAsASnapshot) {
  RunInFiber([this](Fiber& fiber) {
    Applier applier = Make();
    ASSERT_TRUE(applier.Recover(fiber, Meta(15, 3)).ok());
    StageSnapshot(fiber);
    applier.EnqueueInstall(Meta(20, 3));
    applier.Enqueue({EntryOf(21, CommandOf(77, 9, "+"))});
    ASSERT_TRUE(Drain(fiber, applier).ok());
    EXPECT_EQ(Text(fiber), "snapshot+");
  });
}

TEST_F(ApplierTest, AStateAheadOfTheLogsStartNeedsNoSnapshot) {
  RunInFiber([this](Fiber& fiber) {
    Applier applier = Make();
    ASSERT_TRUE(applier.Recover(fiber, Meta(0, 0)).ok());
    applier.Enqueue({EntryOf(1, RegistrationOf(77, 1)), EntryOf(2, CommandOf(77, 1, "a"))});
    ASSERT_TRUE(Drain(fiber, applier).ok());
    Applier again = Make();
    EXPECT_TRUE(again.Recover(fiber, Meta(1, 1)).ok());
    EXPECT_EQ(again.applied().index, raft::Index(2));
  });
}

}  // namespace
}  // namespace lockstep::replica
