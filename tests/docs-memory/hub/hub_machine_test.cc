// The hub's state machine: pushes again and out of order, pages, tokens.
#include "docs-memory/hub/hub_request.h"
#include "tests/docs-memory/hub/hub_fixture.h"

namespace lockstep::docs {
namespace {

TEST_F(HubMachineTest, AnswersTheSameNumberWithTheSameVerdict) {
  Run([this](Fiber& fiber) {
    PushChange deep = Put(2, "deep", 20);
    deep.collection = "__internal";
    const PushRequest request = RequestOf({Put(1, "a", 10), deep, Put(3, "b", 30)});
    const std::string verdicts = VerdictsOf(Push(fiber, request));
    EXPECT_EQ(verdicts, "1:applied@1 2:rejected@0 3:applied@2");
    EXPECT_EQ(VerdictsOf(Push(fiber, request)), verdicts);
    EXPECT_EQ(VerdictsOf(Push(fiber, RequestOf({Put(3, "b", 30), Put(4, "a", 40, {10, 0, 5})}))),
              "3:applied@2 4:applied@3");
  });
}

TEST_F(HubMachineTest, TellsGapsAndCopiesOfANode) {
  Run([this](Fiber& fiber) {
    EXPECT_EQ(VerdictsOf(Push(fiber, RequestOf({Put(2, "a", 10)}))), "E_GAP");
    EXPECT_EQ(VerdictsOf(Push(fiber, RequestOf({Put(1, "a", 10)}))), "1:applied@1");
    EXPECT_EQ(VerdictsOf(Push(fiber, RequestOf({Put(1, "b", 11)}))), "E_NODE_REGRESSED");
    // What was confirmed is not known any more.
    EXPECT_EQ(VerdictsOf(Push(fiber, RequestOf({Put(2, "b", 12)}, 1))), "2:applied@2");
    EXPECT_EQ(VerdictsOf(Push(fiber, RequestOf({Put(1, "a", 10)}))), "E_NODE_REGRESSED");
  });
}

// A store that its device does not give back.
class UnreadableView final : public machine::StoreView {
 public:
  absl::StatusOr<std::optional<std::string>> Get(Fiber&, machine::Column,
                                                 std::string_view) const override {
    return absl::UnavailableError("rocksdb: IO error: unreadable sector");
  }
  absl::StatusOr<std::vector<std::optional<std::string>>> GetMany(
      Fiber&, machine::Column, const std::vector<std::string>&) const override {
    return absl::UnavailableError("rocksdb: IO error: unreadable sector");
  }
  absl::StatusOr<std::vector<machine::Row>> ReadRows(Fiber&, machine::Column, std::string_view,
                                                     size_t) const override {
    return absl::UnavailableError("rocksdb: IO error: unreadable sector");
  }
  std::unique_ptr<machine::Iterator> NewIterator(machine::Column) const override { return nullptr; }
};

TEST_F(HubMachineTest, WhatItCannotReadIsDamageAndNotAHubWithoutALeader) {
  Run([this](Fiber& fiber) {
    HubCall call;
    call.what = "pull";
    call.token_hash = TokenHash("ann's");
    call.body = Encode(All());
    const absl::Status read = hub_.Query(fiber, Encode(call), UnreadableView()).status();
    EXPECT_TRUE(absl::IsDataLoss(read)) << read;
    const HubReply reply = Unavailable(read);
    EXPECT_EQ(reply.status, 503);
    EXPECT_EQ(CodeOf(reply), "E_DAMAGED");
    EXPECT_EQ(CodeOf(Unavailable(absl::UnavailableError("no leader"))), "E_NO_LEADER");
  });
}

TEST_F(HubMachineTest, KnowsARevisionUnderAnotherNumber) {
  Run([this](Fiber& fiber) {
    Push(fiber, RequestOf({Put(1, "a", 10), Put(2, "a", 20, {10, 0, 5})}));
    PushRequest again = RequestOf({Put(1, "a", 10)});
    again.node = 6;
    EXPECT_EQ(VerdictsOf(Push(fiber, again)), "1:duplicate@1");
    PushChange forged = Put(2, "a", 20);
    forged.edit.head.document = Document{{"_id", Value("a")}, {"forged", Value(1)}}.bytes();
    again.changes = {forged};
    EXPECT_EQ(VerdictsOf(Push(fiber, again)), "2:rejected@0");
  });
}

TEST_F(HubMachineTest, RefusesWhatDependsOnWhatWasRefused) {
  Run([this](Fiber& fiber) {
    PushChange bad = Put(1, "a", 10);
    bad.edit.head.document = Document{{"_id", Value("other")}}.bytes();
    const HubReply reply = Push(fiber, RequestOf({bad, Put(2, "a", 20, {10, 0, 5})}, 0));
    EXPECT_EQ(VerdictsOf(reply), "1:rejected@0 2:rejected@0");
    EXPECT_EQ(DecodePushAnswer(reply.body.view())->verdicts[1].code, "E_DEPENDS_ON_REJECTED");
    EXPECT_EQ(VerdictsOf(Push(fiber, RequestOf({Put(3, "a", 30)}))), "3:applied@1");
  });
}

TEST_F(HubMachineTest, TakesRevisionsUpToTwoMinutesAheadAndUsesUpNoNumberForOthers) {
  Run([this](Fiber& fiber) {
    const uint64_t limit = kNowMs + 120'000;
    EXPECT_EQ(VerdictsOf(Push(fiber, RequestOf({Put(1, "a", 5), Put(2, "b", limit + 1)}))),
              "E_CLOCK_SKEW");
    EXPECT_EQ(VerdictsOf(Push(fiber, RequestOf({Put(1, "a", limit)}))), "1:applied@1");
  });
}

TEST_F(HubMachineTest, TellsEachDocumentOnceAtItsLatestSequence) {
  Run([this](Fiber& fiber) {
    Push(fiber, RequestOf({Put(1, "a", 10), Put(2, "b", 20), Put(3, "a", 30, {10, 0, 5})}));
    PullRequest request = All();
    request.count_max = 1;
    std::string met;
    for (bool more = true; more;) {
      const auto page = DecodePullAnswer(Pull(fiber, request).body.view());
      ASSERT_TRUE(page.ok()) << page.status();
      EXPECT_EQ(page->epoch, 77u);
      EXPECT_EQ(page->own.size(), 3u);
      for (const PulledChange& change : page->changes)
        met += std::string(change.id.ref().string()) + std::to_string(change.heads.sequence) + " ";
      request.epoch = page->epoch;
      request.since = page->checkpoint;
      more = page->more;
    }
    EXPECT_EQ(met, "b2 a3 ");
    request.epoch = 78;
    EXPECT_EQ(CodeOf(Pull(fiber, request)), "E_EPOCH");
    request.epoch = 77;
    request.since = 4;
    EXPECT_EQ(CodeOf(Pull(fiber, request)), "E_BEHIND");
  });
}

TEST_F(HubMachineTest, TakesDocumentsBackFromThoseWhoseFilterTheyHaveLeft) {
  Run([this](Fiber& fiber) {
    Push(fiber, RequestOf({Put(1, "a", 10), Put(2, "b", 50)}));
    PullRequest request = All();
    request.filter = *FromJson(R"({"ms": {"$lt": 40}})");
    const auto page = DecodePullAnswer(Pull(fiber, request).body.view());
    ASSERT_EQ(page->changes.size(), 2u);
    EXPECT_EQ(page->changes[0].kind, PulledChange::Kind::kState);
    EXPECT_EQ(page->changes[1].kind, PulledChange::Kind::kRemove);
    request.filter = {};
    request.collections = {"d"};
    const auto nothing = DecodePullAnswer(Pull(fiber, request).body.view());
    EXPECT_EQ(nothing->changes.size(), 0u);
    EXPECT_EQ(nothing->checkpoint, 2u);
  });
}

TEST_F(HubMachineTest, ATokenOpensItsTenantsNamespacesOnly) {
  Run([this](Fiber& fiber) {
    Push(fiber, RequestOf({Put(1, "a", 10)}));
    EXPECT_EQ(CodeOf(Pull(fiber, All(), "nobody's")), "E_AUTH");
    EXPECT_EQ(CodeOf(Pull(fiber, All(), "bob's")), "E_TENANT");
    EXPECT_EQ(CodeOf(Push(fiber, RequestOf({Put(2, "a", 20)}), "bob's")), "E_TENANT");
    PullRequest other = All();
    other.space = "private";
    EXPECT_EQ(CodeOf(Pull(fiber, other)), "E_FORBIDDEN");
    // Of the same names in another tenant there is nothing.
    other.tenant = "bob";
    other.space = "notes";
    const auto page = DecodePullAnswer(Pull(fiber, other, "bob's").body.view());
    EXPECT_EQ(page->changes.size(), 0u);
    EXPECT_EQ(page->checkpoint, 0u);
    HubCall revoke;
    revoke.what = "revoke";
    revoke.body = Document{{"hash", Value::Binary(0, TokenHash("ann's"))}};
    EXPECT_EQ(Apply(fiber, revoke).status, 200);
    EXPECT_EQ(CodeOf(Pull(fiber, All())), "E_AUTH");
  });
}

TEST_F(HubMachineTest, ATokenIsGoodUntilItsEndForWhateverItIsUsed) {
  Run([this](Fiber& fiber) {
    HubCall make;
    make.what = "token";
    Claims claims;
    claims.tenant = "ann";
    claims.spaces = {"notes"};
    claims.permissions = kMayPush | kMayPull | kMayRead | kMayAudit;
    claims.not_after_ms = kNowMs + 1000;
    make.body = Document{{"hash", Value::Binary(0, TokenHash("guest's"))},
                         {"claims", Value(Encode(claims))}};
    EXPECT_EQ(Apply(fiber, make).status, 200);
    now_ms_ = claims.not_after_ms;
    EXPECT_EQ(VerdictsOf(Push(fiber, RequestOf({Put(1, "a", 10)}), "guest's")), "1:applied@1");
    EXPECT_EQ(Pull(fiber, All(), "guest's").status, 200);
    ++now_ms_;
    const HubReply refused = Push(fiber, RequestOf({Put(2, "a", 20, {10, 0, 5})}), "guest's");
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(CodeOf(refused), "E_AUTH");
    for (const char* what : {"pull", "heads", "history", "conflicts", "audit", "claims"}) {
      HubCall query;
      query.what = what;
      query.token_hash = TokenHash("guest's");
      query.now_ms = now_ms_;
      query.body = Encode(All());
      const auto reply = hub_.Query(fiber, Encode(query), *group_->Snapshot());
      ASSERT_TRUE(reply.ok()) << what << ": " << reply.status();
      EXPECT_EQ(CodeOf(*DecodeReply(*reply)), "E_AUTH") << what;
    }
    // Its end is its own: others go on, and what it was refused has used up no number.
    EXPECT_EQ(VerdictsOf(Push(fiber, RequestOf({Put(2, "b", 30)}))), "2:applied@2");
  });
}

TEST_F(HubMachineTest, NobodyIsKnownByDefaultAndOnlyHashesAreKept) {
  Run([this](Fiber& fiber) {
    for (const char* guess : {"", "dev-token", "admin", "token", "ann"})
      EXPECT_EQ(CodeOf(Pull(fiber, All(), guess)), "E_AUTH") << guess;
    const auto view = group_->Snapshot();
    for (const machine::Column column :
         {machine::Column::kPrimary, machine::Column::kIndex, machine::Column::kHistory}) {
      const auto row = view->NewIterator(column);
      for (row->Seek(fiber, ""); row->Valid(); row->Next(fiber)) {
        EXPECT_EQ(row->key().find("ann's"), std::string_view::npos);
        EXPECT_EQ(row->value().find("ann's"), std::string_view::npos);
      }
    }
  });
}

TEST_F(HubMachineTest, AnswersBadCommandsInWords) {
  Run([this](Fiber& fiber) {
    PushRequest request = RequestOf({Put(1, "a", 10)});
    request.space = std::string("no\0tes", 6);
    EXPECT_EQ(CodeOf(Push(fiber, request)), "E_PARSE");
    auto transaction = group_->Begin();
    Context context(*transaction, kNowMs);
    for (const std::string& bytes :
         {std::string("nonsense"), Document().bytes(), Document{{"c", Value("push")}}.bytes()}) {
      const auto reply = hub_.Apply(fiber, bytes, context);
      ASSERT_TRUE(reply.ok());
      EXPECT_EQ(CodeOf(*DecodeReply(*reply)), "E_PARSE");
    }
  });
}

}  // namespace
}  // namespace lockstep::docs
