#include "framework/replica/effect_runner.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/base/mutant_on.h"
#include "framework/replica/mutants.h"
#include "framework/store/memory_store.h"
#include "tests/framework/replica/log_test_support.h"
#include "tests/framework/replica/support.h"

namespace lockstep::replica {
namespace {

constexpr GroupId kGroup(4);

class EchoMachine final : public machine::StateMachine {
 public:
  absl::StatusOr<std::string> Apply(Fiber&, std::string_view command,
                                    machine::ApplyContext&) override {
    return std::string(command);
  }
  absl::StatusOr<std::string> Query(Fiber&, std::string_view, const machine::StoreView&) override {
    return "";
  }
  absl::Status Load(Fiber&, const machine::StoreView&) override { return absl::OkStatus(); }
};

// Node 3 of three: a real core, a real log on a memory disk, a real applier. What happens is
// written down, in order, in `events_`.
class EffectRunnerTest : public testing::Test,
                         protected MessageSink,
                         protected EffectListener,
                         protected ApplySink {
 protected:
  EffectRunnerTest()
      : raft_(OptionsOf(), InitialOf()),
        applier_({kGroup, *group_, machine_, snapshots_, *this, no_faults_, nullptr},
                 Meta(0, 0).configuration) {
    CHECK_OK(bench_.Start());
    runner_ = std::make_unique<EffectRunner>(
        EffectRunner::Parts{kGroup, raft_, *bench_.log, *this, applier_, *this, nullptr});
    bench_.log->Register(kGroup, *runner_);
    bench_.disk.hook = [this](const std::string& operation, const std::string&) {
      if (operation == "write and sync") events_.push_back("sync");
      return absl::OkStatus();
    };
  }
  ~EffectRunnerTest() override {
    mutant::Plant(mutant::Id::kNone);
    bench_.log->Unregister(kGroup);
    bench_.Kill();
  }

  static raft::Options OptionsOf() {
    raft::Options options;
    options.self = NodeId(3);
    return options;
  }
  static raft::InitialState InitialOf() {
    raft::InitialState initial;
    initial.snapshot = Meta(0, 0);
    initial.configuration = initial.snapshot.configuration;
    return initial;
  }

  void Receive(NodeId from, uint64_t term, raft::MessageBody body) {
    runner_->Run(raft_.Step({from, NodeId(3), raft::Term(term), std::move(body)}));
  }
  void Append(uint64_t term, uint64_t prev, std::vector<raft::Entry> entries, uint64_t commit) {
    raft::AppendRequest request;
    request.prev_index = raft::Index(prev);
    request.prev_term = raft::Term(prev == 0 ? 0 : term);
    request.commit = raft::Index(commit);
    request.entries = std::move(entries);
    Receive(NodeId(1), term, std::move(request));
  }
  // Lets the log write and the applier apply, until nothing moves.
  void Settle() {
    bench_.Pump();
    RunInFiber([this](Fiber& fiber) {
      fiber::Scope scope(fiber.scheduler());
      scope.Spawn("apply", [this](Fiber& applying) { CHECK_OK(applier_.Run(applying)); });
      fiber.SleepFor(Seconds(1));
    });
  }
  bool Happened(const std::string& event) const {
    return std::find(events_.begin(), events_.end(), event) != events_.end();
  }
  size_t PlaceOf(const std::string& event) const {
    return static_cast<size_t>(std::find(events_.begin(), events_.end(), event) - events_.begin());
  }

  void Send(GroupId, raft::Message message) override {
    const char* names[] = {"vote request", "vote reply",      "append",  "append reply",
                           "heartbeat",    "heartbeat reply", "install", "timeout now",
                           "read index",   "read index reply"};
    events_.push_back(names[message.body.index()]);
  }
  void OnReads(std::vector<raft::ReadReady>, std::vector<raft::ReadId>) override {}
  void OnSnapshotWanted(NodeId) override {}
  void OnEvent(const raft::Event&) override {}
  void OnBatchApplied(raft::Index index, std::vector<AppliedRequest>) override {
    events_.push_back(absl::StrCat("applied ", index.value()));
  }
  void OnSnapshotInstalled(const raft::SnapshotMeta& meta) override {
    events_.push_back(absl::StrCat("installed ", meta.index.value()));
  }
  void OnMembersChanged() override {}
  void OnPublished(raft::Index, const std::string&) override {}

  LogBench bench_;
  Forbidden no_faults_;
  SnapshotStore snapshots_{bench_.disk, "snapshots"};
  store::MemoryStore store_;
  const std::unique_ptr<machine::GroupStore> group_ = store_.Group(kGroup);
  EchoMachine machine_;
  raft::Raft raft_;
  Applier applier_;
  std::unique_ptr<EffectRunner> runner_;
  std::vector<std::string> events_;
};

TEST_F(EffectRunnerTest, AVoteLeavesOnlyWhenItIsDurable) {
  Receive(NodeId(1), 1, raft::VoteRequest{});
  EXPECT_FALSE(Happened("vote reply"));
  Settle();
  ASSERT_TRUE(Happened("vote reply"));
  EXPECT_LT(PlaceOf("sync"), PlaceOf("vote reply"));
}

TEST_F(EffectRunnerTest, AnAcknowledgementLeavesOnlyWhenItsEntriesAreDurable) {
  Append(1, 0, {EntryOf(1, RegistrationOf(77, 1))}, 0);
  EXPECT_FALSE(Happened("append reply"));
  Settle();
  ASSERT_TRUE(Happened("append reply"));
  EXPECT_LT(PlaceOf("sync"), PlaceOf("append reply"));
}

TEST_F(EffectRunnerTest, PlantedBugAcknowledgesBeforeTheSync) {
  mutant::Plant(mutant::kM16ApplyBeforeSync);
  Append(1, 0, {EntryOf(1, RegistrationOf(77, 1))}, 0);
  EXPECT_TRUE(Happened("append reply"));
  EXPECT_FALSE(Happened("sync"));
}

TEST_F(EffectRunnerTest, ALeadersAppendsDoNotWaitForItsOwnDisk) {
  runner_->Run(raft_.Campaign());
  Receive(NodeId(1), 1, raft::VoteReply{true, true, {}, {}});  // the pre-vote
  Settle();
  events_.clear();
  Receive(NodeId(1), 1, raft::VoteReply{false, true, {}, {}});
  ASSERT_EQ(raft_.role(), raft::Role::kLeader);
  EXPECT_TRUE(Happened("append"));
  EXPECT_FALSE(Happened("sync"));
}

TEST_F(EffectRunnerTest, CommittedEntriesAreAppliedOnlyWhenTheyAreDurableHere) {
  Append(1, 0, {EntryOf(1, RegistrationOf(77, 1)), EntryOf(2, CommandOf(77, 1, "a"))}, 2);
  RunInFiber([this](Fiber& fiber) {
    fiber::Scope scope(fiber.scheduler());
    scope.Spawn("apply", [this](Fiber& applying) { (void)applier_.Run(applying); });
    fiber.SleepFor(Seconds(1));
  });
  EXPECT_FALSE(Happened("applied 2")) << "the log has not been written";
  Settle();
  ASSERT_TRUE(Happened("applied 2"));
  EXPECT_LT(PlaceOf("sync"), PlaceOf("applied 2"));
}

TEST_F(EffectRunnerTest, MessagesKeepTheOrderInWhichTheCoreMadeThem) {
  Receive(NodeId(1), 1, raft::VoteRequest{});
  Append(1, 0, {EntryOf(1, RegistrationOf(77, 1))}, 0);
  Settle();
  ASSERT_TRUE(Happened("append reply"));
  EXPECT_LT(PlaceOf("vote reply"), PlaceOf("append reply"));
}

TEST_F(EffectRunnerTest, ASnapshotIsInstalledBehindTheLogAndBeforeLaterEntries) {
  RunInFiber([this](Fiber& fiber) {
    auto writer = snapshots_.Begin(fiber, kGroup, raft::Index(20));
    CHECK_OK(writer.status());
    CHECK_OK((*writer)->Append(fiber,
                               wire::SnapshotBegin{kGroup, Meta(20, 1), raft::Term(1), NodeId(1)}));
    CHECK_OK((*writer)->Append(fiber, wire::SnapshotEnd{0, 0}));
    CHECK_OK((*writer)->Commit(fiber));
  });
  Receive(NodeId(1), 1, raft::InstallSnapshot{Meta(20, 1)});
  Append(1, 20, {EntryOf(21, RegistrationOf(77, 1))}, 21);
  EXPECT_FALSE(Happened("installed 20"));
  Settle();
  ASSERT_TRUE(Happened("installed 20"));
  ASSERT_TRUE(Happened("applied 21"));
  EXPECT_LT(PlaceOf("sync"), PlaceOf("installed 20"));
  EXPECT_LT(PlaceOf("installed 20"), PlaceOf("applied 21"));
}

}  // namespace
}  // namespace lockstep::replica
