#include "kv/service.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/base/mutant_on.h"
#include "kv/mutants.h"
#include "tests/kv/test_kv.h"

namespace lockstep::kv {
namespace {

// A replica that is alone: applies at once, remembers what it was asked, fails when told to.
class LocalBackend final : public Backend {
 public:
  explicit LocalBackend(TestKv& kv) : kv_(kv) {}

  absl::StatusOr<std::string> Propose(Fiber& fiber, std::string command,
                                      MonoTime deadline) override {
    ++proposals;
    last_deadline = deadline;
    if (!failure.ok()) return failure;
    MachineOnMap::Context context(kv_.machine.store());
    return kv_.machine.machine().Apply(fiber, command, context);
  }
  absl::Status CatchUp(Fiber&, MonoTime deadline, Duration max_staleness) override {
    last_deadline = deadline;
    last_staleness = max_staleness;
    has_caught_up = true;
    return failure;
  }
  absl::StatusOr<std::string> Query(Fiber& fiber, std::string_view query, Consistency consistency,
                                    MonoTime deadline) override {
    last_deadline = deadline;
    last_consistency =
        std::exchange(has_caught_up, false) ? Consistency::kLinearizable : consistency;
    if (!failure.ok()) return failure;
    return kv_.machine.machine().Query(fiber, query, kv_.machine.store());
  }
  HeaderFields Header(Fiber&) override {
    return {.cluster_id = 11, .member_id = 22, .raft_term = 33};
  }
  NodeStatus Status(Fiber&) override { return status; }
  int64_t StoreBytes(Fiber&) override { return store_bytes; }
  std::optional<uint64_t> FreeBytes(Fiber&) override { return free_bytes; }
  std::vector<std::string> StorageTrouble(Fiber&) override { return trouble; }
  absl::Status Defragment(Fiber&) override {
    ++defragmentations;
    return absl::OkStatus();
  }
  std::vector<replica::Member> Members(Fiber&) override { return list.members; }
  absl::StatusOr<replica::MemberRefusal> ChangeMembers(Fiber&, const replica::MemberChange& change,
                                                       MonoTime) override {
    if (!failure.ok()) return failure;
    raft::Configuration configuration;
    configuration.voters = {NodeId(22)};
    const auto seen = replica::WithSights(replica::EncodeMemberChange(change), sights);
    CHECK(seen.has_value());
    return replica::Grant(*seen, configuration, list);
  }
  NodeId DrawMemberId() override { return NodeId(next_member++); }
  absl::Status MoveLeader(Fiber&, NodeId, MonoTime) override { return move; }

  static replica::MemberList TheOnlyMember() {
    replica::Member member;
    member.id = NodeId(22);
    member.name = "n1";
    member.peers = {"p:1"};
    member.client_urls = {"c"};
    member.directories = {7};
    return replica::InitialList({member});
  }

  replica::MemberList list = TheOnlyMember();
  std::vector<replica::MemberSight> sights = {{NodeId(22), true, true}};
  uint64_t next_member = 100;
  absl::Status move;

  absl::Status failure;
  NodeStatus status;
  int64_t store_bytes = 0;
  std::optional<uint64_t> free_bytes;
  std::vector<std::string> trouble;
  int defragmentations = 0;
  int proposals = 0;
  MonoTime last_deadline;
  Duration last_staleness{0};
  std::optional<Consistency> last_consistency;
  bool has_caught_up = false;

 private:
  TestKv& kv_;
};

// As much room as a test says.
class FakeRoom final : public edge::ResponseRoom {
 public:
  bool Reserve(Fiber&, size_t bytes) override {
    reserved += bytes;
    return has_room;
  }
  edge::GrpcStatus Busy() const override { return ToGrpcStatus(kTooManyRequests); }

  bool has_room = true;
  size_t reserved = 0;
};

class KvServiceTest : public testing::Test {
 protected:
  KvServiceTest()
      : service_(backend_, NodeId(22), {.txn_ops_max = 200, .quota_bytes = 10'000'000}) {
    service_.Register(registry_);
  }
  ~KvServiceTest() override { mutant::Plant(mutant::Id::kNone); }

  template <typename Request>
  edge::GrpcStatus Call(const std::string& method, const Request& request) {
    return CallRaw(method, request.SerializeAsString());
  }
  edge::GrpcStatus CallRaw(const std::string& method, const std::string& message) {
    edge::GrpcStatus status;
    response_.clear();
    kv_.machine.InFiber([&](Fiber& fiber) {
      const edge::GrpcRequest call{method, message, metadata_, deadline_, peer_, room_};
      status = registry_.Find(method)->unary(fiber, call, &response_);
    });
    return status;
  }
  template <typename Response>
  Response Parsed() {
    Response response;
    CHECK(response.ParseFromString(response_));
    return response;
  }
  static etcdserverpb::PutRequest PutOf(const std::string& key, const std::string& value) {
    return PutOp(key, value).request_put();
  }
  static edge::GrpcStatus Unavailable(const std::string& text) {
    return {edge::GrpcCode::kUnavailable, text};
  }

  TestKv kv_;
  LocalBackend backend_{kv_};
  KvService service_;
  edge::GrpcRegistry registry_;
  edge::Metadata metadata_;
  MonoTime deadline_ = kNoDeadline;
  std::string peer_;
  FakeRoom room_;
  std::string response_;
};

const std::string kPut = "/etcdserverpb.KV/Put";
const std::string kRange = "/etcdserverpb.KV/Range";
const std::string kTxn = "/etcdserverpb.KV/Txn";
const std::string kCompact = "/etcdserverpb.KV/Compact";

TEST_F(KvServiceTest, PutThenRangeWithCompleteHeaders) {
  ASSERT_TRUE(Call(kPut, PutOf("a", "1")).ok());
  const auto header = Parsed<etcdserverpb::PutResponse>().header();
  EXPECT_EQ(header.cluster_id(), 11u);
  EXPECT_EQ(header.member_id(), 22u);
  EXPECT_EQ(header.revision(), 2);
  EXPECT_EQ(header.raft_term(), 33u);
  ASSERT_TRUE(Call(kRange, RangeOp("a").request_range()).ok());
  EXPECT_EQ(Show(Parsed<etcdserverpb::RangeResponse>()), "a=1");
}

TEST_F(KvServiceTest, BadRequestsAreRefusedWithoutAProposal) {
  const edge::GrpcStatus status = Call(kPut, PutOf("", "1"));
  EXPECT_EQ(status.code, edge::GrpcCode::kInvalidArgument);
  EXPECT_EQ(status.message, "etcdserver: key is not provided");
  EXPECT_EQ(CallRaw(kPut, "\xFF").code, edge::GrpcCode::kInternal);
  const edge::GrpcStatus large = Call(kPut, PutOf("a", std::string(1'572'865, 'x')));
  EXPECT_EQ(large.code, edge::GrpcCode::kInvalidArgument);
  EXPECT_EQ(large.message, "etcdserver: request is too large");
  EXPECT_EQ(backend_.proposals, 0);
}

// What one node takes in is its own affair; what every replica applies is not.
TEST_F(KvServiceTest, TransactionsMayBeAsLargeAsTheNodeIsConfiguredTo) {
  const auto puts = [](int count) {
    OpList ops;
    for (int i = 0; i < count; ++i) ops.push_back(PutOp("k" + std::to_string(i)));
    return MakeTxn(ops);
  };
  EXPECT_TRUE(Call(kTxn, puts(200)).ok());
  EXPECT_EQ(Call(kTxn, puts(201)).message, "etcdserver: too many operations in txn request");
  EXPECT_EQ(backend_.proposals, 1);
  EXPECT_TRUE(kv_.Txn(puts(1024)).text.empty());
  EXPECT_TRUE(kv_.Txn(puts(1025)).Is(kTooManyOps));
}

TEST_F(KvServiceTest, RefusalsOfTheMachineReachTheClient) {
  const edge::GrpcStatus status = Call(kRange, RangeOp("a", 9).request_range());
  EXPECT_EQ(status.code, edge::GrpcCode::kOutOfRange);
  EXPECT_EQ(status.message, "etcdserver: mvcc: required revision is a future revision");
}

TEST_F(KvServiceTest, FailuresOfTheBackendSpeakEtcdsLanguage) {
  const auto put = [&](absl::Status failure) {
    backend_.failure = std::move(failure);
    return Call(kPut, PutOf("a", "1"));
  };
  EXPECT_EQ(put(absl::FailedPreconditionError("")), Unavailable("etcdserver: no leader"));
  EXPECT_EQ(put(absl::UnavailableError("")), Unavailable("etcdserver: leader changed"));
  EXPECT_EQ(put(absl::DeadlineExceededError("")), Unavailable("etcdserver: request timed out"));
  EXPECT_EQ(put(absl::CancelledError("")), Unavailable("etcdserver: server stopped"));
  EXPECT_EQ(put(absl::ResourceExhaustedError("")).message, "etcdserver: too many requests");
  EXPECT_EQ(put(absl::InternalError("odd")), edge::GrpcStatus(edge::GrpcCode::kUnknown, "odd"));
}

TEST_F(KvServiceTest, TimeoutIsTheClientsOrEtcdsWhicheverIsFirst) {
  Call(kPut, PutOf("a", "1"));
  EXPECT_EQ(backend_.last_deadline, MonoTime{} + Seconds(7));
  deadline_ = MonoTime{} + Seconds(1);
  Call(kPut, PutOf("a", "1"));
  EXPECT_EQ(backend_.last_deadline, deadline_);
}

TEST_F(KvServiceTest, ReadsAreLinearizableUnlessTheyAskForLess) {
  auto range = RangeOp("a");
  Call(kRange, range.request_range());
  EXPECT_EQ(backend_.last_consistency, Consistency::kLinearizable);
  Call(kTxn, MakeTxn({range}));
  EXPECT_EQ(backend_.last_consistency, Consistency::kLinearizable);
  range.mutable_request_range()->set_serializable(true);
  Call(kRange, range.request_range());
  EXPECT_EQ(backend_.last_consistency, Consistency::kSerializable);
  Call(kTxn, MakeTxn({range}));
  EXPECT_EQ(backend_.last_consistency, Consistency::kSerializable);
  EXPECT_EQ(backend_.proposals, 0);
  Call(kTxn, MakeTxn({range}, {PutOp("a")}));
  EXPECT_EQ(backend_.proposals, 1);
}

TEST_F(KvServiceTest, WhatMayAnswerWithKeysAsksForRoomFirst) {
  const auto asks_for_room = [&](const edge::GrpcStatus& status) {
    EXPECT_TRUE(status.ok()) << status.message;
    return std::exchange(room_.reserved, 0u) > 0;
  };
  auto put = PutOp("a", "1");
  EXPECT_FALSE(asks_for_room(Call(kPut, put.request_put())));
  EXPECT_FALSE(asks_for_room(Call(kTxn, MakeTxn({put}))));
  EXPECT_TRUE(asks_for_room(Call(kRange, RangeOp("a").request_range())));
  EXPECT_TRUE(asks_for_room(Call(kTxn, MakeTxn({RangeOp("a")}))));
  EXPECT_TRUE(asks_for_room(Call(kTxn, MakeTxn({put}, {RangeOp("a")}))));
  put.mutable_request_put()->set_prev_kv(true);
  EXPECT_TRUE(asks_for_room(Call(kPut, put.request_put())));
  EXPECT_TRUE(asks_for_room(Call(kTxn, MakeTxn({put}))));
}

TEST_F(KvServiceTest, WithoutRoomNothingIsDone) {
  room_.has_room = false;
  auto put = PutOp("a", "1");
  put.mutable_request_put()->set_prev_kv(true);
  for (const edge::GrpcStatus& status :
       {Call(kRange, RangeOp("a").request_range()), Call(kPut, put.request_put())}) {
    EXPECT_EQ(status.code, edge::GrpcCode::kResourceExhausted);
    EXPECT_EQ(status.message, "etcdserver: too many requests");
  }
  EXPECT_EQ(backend_.proposals, 0);
  EXPECT_TRUE(response_.empty());
}

TEST_F(KvServiceTest, PlantedStaleReadAsksForLess) {
  mutant::Plant(mutant::kM75StaleSerializableRead);
  Call(kRange, RangeOp("a").request_range());
  EXPECT_EQ(backend_.last_consistency, Consistency::kSerializable);
}

TEST_F(KvServiceTest, PhysicalCompactionReturnsWhenEverythingIsSwept) {
  for (int i = 0; i < 1200; ++i) kv_.Put("a", "v");
  etcdserverpb::CompactionRequest request;
  request.set_revision(1201);
  request.set_physical(true);
  ASSERT_TRUE(Call(kCompact, request).ok());
  EXPECT_EQ(Parsed<etcdserverpb::CompactionResponse>().header().revision(), 1201);
  EXPECT_EQ(backend_.proposals, 3);
  EXPECT_EQ(kv_.machine.store().rows(machine::Column::kIndex).size(), 2u);
}

TEST_F(KvServiceTest, StatusIsAnsweredWithoutALeader) {
  backend_.status.raft_term = 5;
  ASSERT_TRUE(Call("/etcdserverpb.Maintenance/Status", etcdserverpb::StatusRequest()).ok());
  const auto status = Parsed<etcdserverpb::StatusResponse>();
  EXPECT_EQ(status.version(), "3.6.0");
  EXPECT_EQ(status.raftterm(), 5u);
  EXPECT_EQ(status.header().revision(), 1);
  EXPECT_EQ(status.errors(0), "etcdserver: no leader");
  EXPECT_EQ(backend_.last_consistency, Consistency::kSerializable);
}

TEST_F(KvServiceTest, BeyondTheQuotaPutsAreRefusedAndTheAlarmIsRaised) {
  const std::string alarm = "/etcdserverpb.Maintenance/Alarm";
  backend_.store_bytes = 10'000'000;
  for (const edge::GrpcStatus& status :
       {Call(kPut, PutOf("a", "1")), Call(kTxn, MakeTxn({PutOp("a", "1")}))}) {
    EXPECT_EQ(status.code, edge::GrpcCode::kResourceExhausted);
    EXPECT_EQ(status.message, "etcdserver: mvcc: database space exceeded");
  }
  EXPECT_EQ(backend_.proposals, 1) << "the alarm is raised once";
  EXPECT_TRUE(Call(kTxn, MakeTxn({DeleteOp("a")})).ok());
  ASSERT_TRUE(Call("/etcdserverpb.Maintenance/Status", etcdserverpb::StatusRequest()).ok());
  const auto status = Parsed<etcdserverpb::StatusResponse>();
  EXPECT_EQ(status.errors(0), "memberID:22 alarm:NOSPACE ");
  EXPECT_EQ(status.dbsizequota(), 10'000'000);

  etcdserverpb::AlarmRequest request;
  ASSERT_TRUE(Call(alarm, request).ok());
  const auto raised = Parsed<etcdserverpb::AlarmResponse>();
  EXPECT_FALSE(raised.has_header());
  ASSERT_EQ(raised.alarms_size(), 1);
  EXPECT_EQ(raised.alarms(0).memberid(), 22u);
  EXPECT_EQ(backend_.last_consistency, Consistency::kLinearizable);

  backend_.store_bytes = 0;
  EXPECT_TRUE(Call("/etcdserverpb.Maintenance/Defragment", etcdserverpb::DefragmentRequest()).ok());
  EXPECT_EQ(backend_.defragmentations, 1);
  EXPECT_FALSE(Call(kPut, PutOf("a", "1")).ok()) << "the alarm stays until it is taken back";
  request.set_action(etcdserverpb::AlarmRequest::DEACTIVATE);
  request.set_memberid(22);
  request.set_alarm(etcdserverpb::NOSPACE);
  ASSERT_TRUE(Call(alarm, request).ok());
  EXPECT_TRUE(Call(kPut, PutOf("a", "1")).ok());
}

TEST_F(KvServiceTest, WithLittleSpaceOnItsDiskANodeDeletesAndPutsNothingUntilThereIsMore) {
  KvService service(backend_, NodeId(22), {.disk_reserve_bytes = 1000});
  edge::GrpcRegistry registry;
  service.Register(registry);
  std::swap(registry, registry_);
  backend_.free_bytes = 999;
  for (const edge::GrpcStatus& status :
       {Call(kPut, PutOf("a", "1")), Call(kTxn, MakeTxn({PutOp("a", "1")}))}) {
    EXPECT_EQ(status.code, edge::GrpcCode::kResourceExhausted);
  }
  EXPECT_EQ(backend_.proposals, 0) << "no alarm for all";
  EXPECT_TRUE(Call(kTxn, MakeTxn({DeleteOp("a")})).ok());
  ASSERT_TRUE(Call("/etcdserverpb.Maintenance/Status", etcdserverpb::StatusRequest()).ok());
  EXPECT_EQ(Parsed<etcdserverpb::StatusResponse>().errors(0),
            "memberID:22 alarm:NOSPACE (its disk) ");
  backend_.free_bytes = 1000;
  EXPECT_TRUE(Call(kPut, PutOf("a", "1")).ok());
  std::swap(registry, registry_);
}

TEST_F(KvServiceTest, AMemberListsWhatAilsItAloneAndStopsNobodyElse) {
  const auto listed = [&](etcdserverpb::AlarmType type) {
    etcdserverpb::AlarmRequest request;
    request.set_alarm(type);
    EXPECT_TRUE(Call("/etcdserverpb.Maintenance/Alarm", request).ok());
    return Parsed<etcdserverpb::AlarmResponse>();
  };
  EXPECT_EQ(listed(etcdserverpb::NONE).alarms_size(), 0);
  backend_.status.no_space = true;
  ASSERT_EQ(listed(etcdserverpb::NONE).alarms_size(), 1);
  EXPECT_EQ(listed(etcdserverpb::NOSPACE).alarms(0).memberid(), 22u);
  EXPECT_EQ(listed(etcdserverpb::CORRUPT).alarms_size(), 0);
  EXPECT_EQ(backend_.proposals, 0);
  EXPECT_TRUE(Call(kPut, PutOf("a", "1")).ok());
  // Whose state is lost can say nothing else.
  backend_.status.no_space = false;
  backend_.status.awaits_state = true;
  backend_.failure = absl::UnavailableError("the state of this node is being fetched");
  ASSERT_EQ(listed(etcdserverpb::NONE).alarms_size(), 1);
  EXPECT_EQ(listed(etcdserverpb::NONE).alarms(0).alarm(), etcdserverpb::CORRUPT);
  backend_.status.awaits_state = false;
  EXPECT_FALSE(Call("/etcdserverpb.Maintenance/Alarm", etcdserverpb::AlarmRequest()).ok());
}

TEST_F(KvServiceTest, StatusTellsWhatTheDiskHasDone) {
  backend_.trouble = {"storage, since its start: 1 stores set aside"};
  ASSERT_TRUE(Call("/etcdserverpb.Maintenance/Status", etcdserverpb::StatusRequest()).ok());
  EXPECT_EQ(Parsed<etcdserverpb::StatusResponse>().errors(0), backend_.trouble[0]);
}

TEST_F(KvServiceTest, ClientThatNeedsALeaderIsToldThatThereIsNone) {
  metadata_.Add("hasleader", "true");
  EXPECT_EQ(Call(kRange, RangeOp("a").request_range()), Unavailable("etcdserver: no leader"));
  backend_.status.leader = 1;
  EXPECT_TRUE(Call(kRange, RangeOp("a").request_range()).ok());
}

TEST_F(KvServiceTest, ReadsMayBeAsOldAsTheirMetadataSays) {
  auto range = RangeOp("a");
  Call(kRange, range.request_range());
  EXPECT_EQ(backend_.last_staleness, Duration(0));
  metadata_.Add("max-staleness-ms", "1500");
  for (const bool serializable : {false, true}) {
    backend_.last_staleness = Duration(0);
    range.mutable_request_range()->set_serializable(serializable);
    EXPECT_TRUE(Call(kRange, range.request_range()).ok());
    EXPECT_EQ(backend_.last_staleness, Milliseconds(1500));
    EXPECT_TRUE(Call(kTxn, MakeTxn({range})).ok());
  }
  for (const char* const nonsense : {"0", "-1", "soon", "1.5", "100000000000"}) {
    metadata_.Clear();
    metadata_.Add("max-staleness-ms", nonsense);
    EXPECT_EQ(Call(kRange, range.request_range()).code, edge::GrpcCode::kInvalidArgument);
  }
}

TEST_F(KvServiceTest, MemberListHasNoRevision) {
  etcdserverpb::MemberListRequest request;
  request.set_linearizable(true);
  ASSERT_TRUE(Call("/etcdserverpb.Cluster/MemberList", request).ok());
  EXPECT_TRUE(backend_.has_caught_up);
  const auto list = Parsed<etcdserverpb::MemberListResponse>();
  EXPECT_EQ(list.header().revision(), 0);
  EXPECT_EQ(list.header().member_id(), 22u);
  EXPECT_EQ(list.members(0).clienturls(0), "c");
}

TEST_F(KvServiceTest, MembersChangeInEtcdsWords) {
  const std::string cluster = "/etcdserverpb.Cluster/";
  const auto add = [&](const std::string& url, bool is_learner) {
    etcdserverpb::MemberAddRequest request;
    request.add_peerurls(url);
    request.set_islearner(is_learner);
    return Call(cluster + "MemberAdd", request);
  };
  EXPECT_EQ(add("nonsense", false).message, "etcdserver: given member URLs are invalid");
  EXPECT_EQ(add("http://p:1", false).message, "etcdserver: Peer URLs already exists");
  ASSERT_TRUE(add("http://q:1", true).ok());
  const auto added = Parsed<etcdserverpb::MemberAddResponse>();
  EXPECT_EQ(added.member().peerurls(0), "http://q:1");
  EXPECT_EQ(added.members_size(), 2);
  EXPECT_EQ(added.header().revision(), 0);
  etcdserverpb::MemberPromoteRequest promote;
  promote.set_id(22);
  EXPECT_EQ(Call(cluster + "MemberPromote", promote).message,
            "etcdserver: can only promote a learner member");
  promote.set_id(added.member().id());
  EXPECT_EQ(Call(cluster + "MemberPromote", promote).message,
            "etcdserver: can only promote a learner member which is in sync with leader");
  etcdserverpb::MemberUpdateRequest update;
  update.set_id(added.member().id());
  update.add_peerurls("http://q:2");
  ASSERT_TRUE(Call(cluster + "MemberUpdate", update).ok());
  EXPECT_EQ(Parsed<etcdserverpb::MemberUpdateResponse>().members(1).peerurls(0), "http://q:2");
  etcdserverpb::MemberRemoveRequest remove;
  remove.set_id(22);
  EXPECT_EQ(Call(cluster + "MemberRemove", remove).message,
            "etcdserver: re-configuration failed due to not enough started members");
  remove.set_id(added.member().id());
  ASSERT_TRUE(Call(cluster + "MemberRemove", remove).ok());
  EXPECT_EQ(Parsed<etcdserverpb::MemberRemoveResponse>().members_size(), 1);
  const edge::GrpcStatus again = Call(cluster + "MemberRemove", remove);
  EXPECT_EQ(again.message, "etcdserver: member not found");
  EXPECT_EQ(again.code, edge::GrpcCode::kNotFound);
}

TEST_F(KvServiceTest, LeadershipMovesInEtcdsWords) {
  const std::string method = "/etcdserverpb.Maintenance/MoveLeader";
  const etcdserverpb::MoveLeaderRequest request;
  EXPECT_TRUE(Call(method, request).ok());
  backend_.move = absl::FailedPreconditionError("");
  EXPECT_EQ(Call(method, request).message, "etcdserver: not leader");
  backend_.move = absl::InvalidArgumentError("");
  EXPECT_EQ(Call(method, request).message, "etcdserver: bad leader transferee");
}

TEST_F(KvServiceTest, HashKvCoversWhatWasWritten) {
  const std::string method = "/etcdserverpb.Maintenance/HashKV";
  ASSERT_TRUE(Call(method, etcdserverpb::HashKVRequest()).ok());
  const uint32_t empty = Parsed<etcdserverpb::HashKVResponse>().hash();
  EXPECT_EQ(Parsed<etcdserverpb::HashKVResponse>().compact_revision(), -1);
  kv_.Put("a", "1");
  ASSERT_TRUE(Call(method, etcdserverpb::HashKVRequest()).ok());
  EXPECT_NE(Parsed<etcdserverpb::HashKVResponse>().hash(), empty);
  ASSERT_TRUE(Call("/etcdserverpb.Maintenance/Hash", etcdserverpb::HashRequest()).ok());
}

}  // namespace
}  // namespace lockstep::kv
