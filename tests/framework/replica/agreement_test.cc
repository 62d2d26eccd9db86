#include "framework/replica/agreement.h"

#include <gtest/gtest.h>

#include "framework/store/memory_store.h"
#include "tests/framework/fiber/run_in_fiber.h"

namespace lockstep::replica {
namespace {

raft::Payload PayloadOf(EnvelopeKind kind) {
  return std::make_shared<const std::string>(
      EncodeEnvelope({kind, SessionId(1), RequestNumber(1), {}, {}, "3"}));
}

TEST(Agreement, OnlyNewKindsNeedANewVersion) {
  for (const EnvelopeKind kind :
       {EnvelopeKind::kRegister, EnvelopeKind::kCommand, EnvelopeKind::kMembers}) {
    EXPECT_EQ(VersionNeeded(PayloadOf(kind)), wire::kProtocolVersionMin);
  }
  EXPECT_EQ(VersionNeeded(PayloadOf(EnvelopeKind::kAgree)), wire::kAgreeingVersion);
  EXPECT_EQ(VersionNeeded(nullptr), wire::kProtocolVersionMin) << "an entry of Raft itself";
}

TEST(Agreement, GoesUpOnlyAndSurvives) {
  RunInFiber([](Fiber& fiber) {
    store::MemoryStore store;
    const auto group = store.Group(GroupId(1));
    Agreement agreement;
    ASSERT_TRUE(agreement.Load(fiber, *group->Snapshot()).ok());
    EXPECT_EQ(agreement.version(), wire::kProtocolVersionMin);
    for (const char* const wanted : {"7", "5", "", "x", "-1", "0"}) {
      auto transaction = group->Begin();
      agreement.Apply(wanted, *transaction);
      ASSERT_TRUE(group->Commit(fiber, std::move(transaction)).ok());
      EXPECT_EQ(agreement.version(), 7u) << wanted;
    }
    Agreement later;
    ASSERT_TRUE(later.Load(fiber, *group->Snapshot()).ok());
    EXPECT_EQ(later.version(), 7u);
    auto transaction = group->Begin();
    transaction->Put(machine::Column::kSystem, "v", "many");
    ASSERT_TRUE(group->Commit(fiber, std::move(transaction)).ok());
    EXPECT_TRUE(absl::IsDataLoss(later.Load(fiber, *group->Snapshot())));
  });
}

}  // namespace
}  // namespace lockstep::replica
