#include "kv/alarms.h"

#include <gtest/gtest.h>

#include <string>

#include "framework/base/mutant_on.h"
#include "kv/mutants.h"
#include "tests/kv/test_kv.h"

namespace lockstep::kv {
namespace {

constexpr char kNoSpaceText[] = "etcdserver: mvcc: database space exceeded";
constexpr char kCorruptText[] = "etcdserver: corrupt cluster";

etcdserverpb::AlarmRequest AlarmOf(etcdserverpb::AlarmRequest::AlarmAction action,
                                   etcdserverpb::AlarmType type, uint64_t member) {
  etcdserverpb::AlarmRequest request;
  request.set_action(action);
  request.set_alarm(type);
  request.set_memberid(member);
  return request;
}
etcdserverpb::AlarmRequest Raise(etcdserverpb::AlarmType type, uint64_t member) {
  return AlarmOf(etcdserverpb::AlarmRequest::ACTIVATE, type, member);
}
etcdserverpb::AlarmRequest TakeBack(etcdserverpb::AlarmType type, uint64_t member) {
  return AlarmOf(etcdserverpb::AlarmRequest::DEACTIVATE, type, member);
}

class AlarmsTest : public testing::Test {
 protected:
  ~AlarmsTest() override { mutant::Plant(mutant::Id::kNone); }

  // "NOSPACE:7 CORRUPT:1", as the machine lists or answers them.
  static std::string Show(const std::string& outcome) {
    const auto decoded = DecodeOutcome(outcome);
    CHECK(decoded.ok() && decoded->ok());
    etcdserverpb::AlarmResponse response;
    CHECK(response.ParseFromString(std::string(decoded->body)));
    std::string text;
    for (const auto& alarm : response.alarms()) {
      text += (text.empty() ? "" : " ") + etcdserverpb::AlarmType_Name(alarm.alarm()) + ":" +
              std::to_string(alarm.memberid());
    }
    return text;
  }
  std::string Change(const etcdserverpb::AlarmRequest& request) {
    return Show(kv_.machine.Apply(EncodeCommand(CommandKind::kAlarm, request)));
  }
  std::string List(etcdserverpb::AlarmType type = etcdserverpb::NONE) {
    const auto request = AlarmOf(etcdserverpb::AlarmRequest::GET, type, 0);
    return Show(kv_.machine.Query(EncodeCommand(CommandKind::kAlarms, request)));
  }
  // "" or the refusal's text.
  std::string Try(CommandKind kind, const google::protobuf::MessageLite& request) {
    return Refusal(kv_.machine.Apply(EncodeCommand(kind, request)));
  }
  std::string Ask(CommandKind kind, const google::protobuf::MessageLite& request) {
    return Refusal(kv_.machine.Query(EncodeCommand(kind, request)));
  }
  static std::string Refusal(const std::string& outcome) {
    const auto decoded = DecodeOutcome(outcome);
    CHECK(decoded.ok());
    return decoded->ok() ? "" : std::string(decoded->body);
  }

  TestKv kv_;
};

TEST_F(AlarmsTest, AreRaisedOnceAndTakenBackOnce) {
  EXPECT_EQ(Change(Raise(etcdserverpb::NOSPACE, 7)), "NOSPACE:7");
  EXPECT_EQ(Change(Raise(etcdserverpb::NOSPACE, 7)), "NOSPACE:7");
  EXPECT_EQ(Change(Raise(etcdserverpb::CORRUPT, 1)), "CORRUPT:1");
  EXPECT_EQ(List(), "NOSPACE:7 CORRUPT:1");
  EXPECT_EQ(List(etcdserverpb::CORRUPT), "CORRUPT:1");
  EXPECT_EQ(Change(TakeBack(etcdserverpb::NOSPACE, 8)), "") << "another member's";
  EXPECT_EQ(Change(TakeBack(etcdserverpb::NOSPACE, 7)), "NOSPACE:7");
  EXPECT_EQ(Change(TakeBack(etcdserverpb::NOSPACE, 7)), "");
  EXPECT_EQ(Change(Raise(etcdserverpb::NONE, 7)), "");
  EXPECT_EQ(List(), "CORRUPT:1");
}

TEST_F(AlarmsTest, WithoutSpaceNothingIsPutButTheRestGoesOn) {
  kv_.Put("a", "1");
  kv_.Put("a", "2");
  Change(Raise(etcdserverpb::NOSPACE, 7));
  EXPECT_EQ(Try(CommandKind::kPut, PutOp("a", "3").request_put()), kNoSpaceText);
  EXPECT_EQ(Try(CommandKind::kTxn, MakeTxn({PutOp("a", "3")})), kNoSpaceText);
  EXPECT_EQ(Try(CommandKind::kTxn, MakeTxn({}, {PutOp("a", "3")})), kNoSpaceText)
      << "the branch that is not taken counts, too";
  etcdserverpb::RequestOp nested;
  *nested.mutable_request_txn() = MakeTxn({PutOp("a", "3")});
  EXPECT_EQ(Try(CommandKind::kTxn, MakeTxn({nested})), kNoSpaceText);
  EXPECT_EQ(Ask(CommandKind::kRange, RangeOp("a").request_range()), "");
  etcdserverpb::CompactionRequest compaction;
  compaction.set_revision(3);
  EXPECT_EQ(Try(CommandKind::kCompact, compaction), "");
  EXPECT_EQ(Try(CommandKind::kTxn, MakeTxn({DeleteOp("b")})), "");
  EXPECT_EQ(Try(CommandKind::kDeleteRange, DeleteOp("a").request_delete_range()), "");
  Change(TakeBack(etcdserverpb::NOSPACE, 7));
  EXPECT_EQ(Try(CommandKind::kPut, PutOp("a", "3").request_put()), "");
}

TEST_F(AlarmsTest, CorruptionStopsTheKeySpaceAltogether) {
  Change(Raise(etcdserverpb::CORRUPT, 7));
  EXPECT_EQ(Try(CommandKind::kPut, PutOp("a", "3").request_put()), kCorruptText);
  EXPECT_EQ(Try(CommandKind::kDeleteRange, DeleteOp("a").request_delete_range()), kCorruptText);
  EXPECT_EQ(Ask(CommandKind::kRange, RangeOp("a").request_range()), kCorruptText);
  EXPECT_EQ(Ask(CommandKind::kTxn, MakeTxn({RangeOp("a")})), kCorruptText);
  EXPECT_EQ(Ask(CommandKind::kHashKv, etcdserverpb::HashKVRequest()), "");
}

TEST_F(AlarmsTest, AreFoundAgainInTheStore) {
  Change(Raise(etcdserverpb::NOSPACE, 0xFEDCBA9876543210));
  kv_.machine.InFiber([&](Fiber& fiber) {
    const auto found = Alarms::Read(fiber, kv_.machine.store());
    ASSERT_TRUE(found.ok());
    etcdserverpb::AlarmResponse response;
    found->List({}, response);
    ASSERT_EQ(response.alarms_size(), 1);
    EXPECT_EQ(response.alarms(0).memberid(), 0xFEDCBA9876543210);
    EXPECT_EQ(DescribeAlarm(response.alarms(0)), "memberID:18364758544493064720 alarm:NOSPACE ");
    kv_.machine.store().Put(machine::Column::kPrimary, std::string("\0alarm\1x", 8), "1");
    EXPECT_TRUE(absl::IsDataLoss(Alarms::Read(fiber, kv_.machine.store()).status()));
  });
}

TEST_F(AlarmsTest, PlantedTransactionThatPutsIsSeenByTheInvariants) {
  mutant::Plant(mutant::kM78QuotaIgnoredByTxn);
  const auto invariants = [&] {
    absl::Status status;
    kv_.machine.InFiber([&](Fiber& fiber) { status = CheckAlarms(fiber, kv_.machine.store()); });
    return status;
  };
  kv_.Put("a", "1");
  Change(Raise(etcdserverpb::NOSPACE, 7));
  EXPECT_TRUE(invariants().ok());
  EXPECT_EQ(Try(CommandKind::kTxn, MakeTxn({PutOp("b", "3")})), "");
  EXPECT_TRUE(absl::IsInternal(invariants()));
}

TEST(PutCost, CountsEveryPutOfTheCostlierBranch) {
  EXPECT_EQ(PutCost(PutOp("key", "value").request_put()), 256u + 8);
  EXPECT_EQ(PutCost(MakeTxn({PutOp("k", "v"), PutOp("l", "v")}, {PutOp("k", "value")})), 2u * 258);
  EXPECT_EQ(PutCost(MakeTxn({DeleteOp("k"), RangeOp("k")})), 0u);
}

}  // namespace
}  // namespace lockstep::kv
