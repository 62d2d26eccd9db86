// What goes from the hub by itself, what is written down of it, and hubs that were restored.
#include "docs-memory/hub/mutants.h"
#include "docs-memory/sync/fields.h"
#include "framework/base/mutant_on.h"
#include "tests/docs-memory/hub/hub_fixture.h"

namespace lockstep::docs {
namespace {

class HubRetentionTest : public HubMachineTest {
 protected:
  void Allow(Fiber& fiber, int64_t tombstones_ms, int64_t node_ttl_ms, int64_t history_ms) {
    HubCall call;
    call.what = "policy";
    call.body = Document{{"tombstones_ms", Value(tombstones_ms)},
                         {"node_ttl_ms", Value(node_ttl_ms)},
                         {"history_ms", Value(history_ms)},
                         {"versions_max", Value(int64_t{11})}};
    EXPECT_EQ(Apply(fiber, call).status, 200);
  }
  static uint64_t In(const HubReply& reply, const char* name) {
    return Fields(reply.body.view()).Number(name);
  }
  HubReply Ask(Fiber& fiber, const std::string& what, const Document& body) {
    HubCall call;
    call.what = what;
    call.token_hash = TokenHash("ann's");
    call.now_ms = now_ms_;
    call.body = body;
    const auto result = hub_.Query(fiber, Encode(call), *group_->Snapshot());
    CHECK_OK(result.status());
    return *DecodeReply(*result);
  }
  size_t VersionsOf(Fiber& fiber, const std::string& id) {
    const HubReply reply = Ask(fiber, "history",
                               Document{{"tenant", Value("ann")},
                                        {"ns", Value("notes")},
                                        {"coll", Value("c")},
                                        {"id", Value(id)}});
    return CountElements(*reply.body.Find("versions"));
  }
  static PushChange Remove(uint64_t number, const std::string& id, uint64_t ms, Revision base) {
    PushChange change = Put(number, id, ms, base);
    change.edit.head.deleted = true;
    change.edit.head.document.clear();
    return change;
  }
  // Changes of node 5, which has pulled that far.
  HubReply PushAt(Fiber& fiber, uint64_t checkpoint, std::vector<PushChange> changes) {
    PushRequest request = RequestOf(std::move(changes));
    request.checkpoint = checkpoint;
    return Push(fiber, request);
  }
  std::string PullFrom(Fiber& fiber, uint64_t since) {
    PullRequest request = All();
    request.epoch = 77;
    request.since = since;
    return CodeOf(Pull(fiber, request));
  }
};

TEST_F(HubRetentionTest, ATombstoneStaysUntilItIsOldAndEveryKnownStoreHasPulledIt) {
  Run([this](Fiber& fiber) {
    Allow(fiber, 1000, 1000, 1'000'000);
    PushAt(fiber, 0, {Put(1, "a", 10), Remove(2, "a", 20, {10, 0, 5}), Put(3, "b", 30)});
    now_ms_ += 999;
    EXPECT_EQ(In(Retain(fiber), "purged"), 0u) << "too young";
    PushAt(fiber, 1, {});
    now_ms_ += 1;
    EXPECT_EQ(In(Retain(fiber), "purged"), 0u) << "node 5 has pulled up to 1 only";
    PushAt(fiber, 2, {});
    EXPECT_EQ(In(Retain(fiber), "purged"), 1u);
    EXPECT_EQ(VersionsOf(fiber, "a"), 0u);
    EXPECT_EQ(VersionsOf(fiber, "b"), 1u);
    EXPECT_EQ(PullFrom(fiber, 1), "E_CHECKPOINT_TOO_OLD");
    EXPECT_EQ(PullFrom(fiber, 2), "none");
    EXPECT_EQ(PullFrom(fiber, 0), "none");
  });
}

TEST_F(HubRetentionTest, WhoBeganAfterThePurgeMayPassBelowTheFloor) {
  Run([this](Fiber& fiber) {
    Allow(fiber, 1000, 1000, 1'000'000);
    PushAt(fiber, 0, {Put(1, "a", 10), Put(2, "b", 20), Put(3, "c", 25)});
    PushAt(fiber, 0, {Remove(4, "b", 30, {20, 0, 5}), Put(5, "d", 40)});
    now_ms_ += 5000;
    EXPECT_EQ(In(Retain(fiber), "purged"), 1u);
    PullRequest request = All();
    request.count_max = 1;
    std::string met;
    for (bool more = true; more;) {
      const HubReply reply = Pull(fiber, request);
      ASSERT_EQ(reply.status, 200) << CodeOf(reply);
      const auto page = DecodePullAnswer(reply.body.view());
      if (request.since == 0) request.floor = page->floor;
      for (const PulledChange& change : page->changes) met += change.id.ref().string();
      request.epoch = page->epoch;
      request.since = page->checkpoint;
      more = page->more;
    }
    EXPECT_EQ(met, "acd");
    // Not if something else is purged on the way.
    request.since = 1;
    PushAt(fiber, 5, {Remove(6, "c", 50, {25, 0, 5})});
    PushAt(fiber, 6, {});
    now_ms_ += 5000;
    EXPECT_EQ(In(Retain(fiber), "purged"), 1u);
    EXPECT_EQ(CodeOf(Pull(fiber, request)), "E_CHECKPOINT_TOO_OLD");
  });
}

TEST_F(HubRetentionTest, AStoreThatIsSilentForTooLongIsNotWaitedFor) {
  Run([this](Fiber& fiber) {
    Allow(fiber, 2000, 1000, 1'000'000);
    PushAt(fiber, 0, {Put(1, "a", 10), Remove(2, "a", 20, {10, 0, 5})});
    now_ms_ += 1500;
    PushAt(fiber, 0, {});
    now_ms_ += 1000;
    EXPECT_EQ(In(Retain(fiber), "purged"), 0u) << "node 5 was here a second ago";
    now_ms_ += 1;
    EXPECT_EQ(In(Retain(fiber), "purged"), 1u);
  });
}

TEST_F(HubRetentionTest, AnOldChangeDoesNotBringAPurgedDocumentBack) {
  Run([this](Fiber& fiber) {
    Allow(fiber, 1000, 1000, 1'000'000);
    PushAt(fiber, 0, {Put(1, "a", 10), Remove(2, "a", 20, {10, 0, 5})});
    now_ms_ += 5000;
    EXPECT_EQ(In(Retain(fiber), "purged"), 1u);
    const HubReply reply =
        PushAt(fiber, 0, {Put(3, "a", 15, {10, 0, 5}), Put(4, "a", 16, {15, 0, 5})});
    EXPECT_EQ(VerdictsOf(reply), "3:rejected@0 4:rejected@0");
    EXPECT_EQ(DecodePushAnswer(reply.body.view())->verdicts[0].code, "E_DELETED");
    // Later than the deletion, or without having known the document: that is another matter.
    EXPECT_EQ(VerdictsOf(PushAt(fiber, 0, {Put(5, "a", 21, {10, 0, 5})})), "5:applied@3");
    EXPECT_EQ(VerdictsOf(PushAt(fiber, 0, {Put(6, "new", 17)})), "6:applied@4");
  });
}

// A change of a document that was purged, and that somebody has begun anew since: what becomes of
// it.
class HubSecondLifeTest : public HubRetentionTest {
 protected:
  std::string VerdictInSecondLife(Fiber& fiber) {
    Allow(fiber, 1000, 1000, 1'000'000);
    PushAt(fiber, 0, {Put(1, "a", 10), Remove(2, "a", 20, {10, 0, 5}), Put(3, "b", 12)});
    now_ms_ += 5000;
    EXPECT_EQ(In(Retain(fiber), "purged"), 1u);
    EXPECT_EQ(VerdictsOf(PushAt(fiber, 0, {Put(4, "a", 14)})), "4:applied@4");
    return VerdictsOf(PushAt(fiber, 0, {Put(5, "a", 15, {10, 0, 5})}));
  }
  // The same change, of another node: the store does not know whether it was pushed before.
  std::string VerdictOfAgain(Fiber& fiber) {
    Allow(fiber, 1000, 1000, 1'000'000);
    PushAt(fiber, 0, {Put(1, "a", 10), Remove(2, "a", 20, {10, 0, 5})});
    now_ms_ += 5000;
    EXPECT_EQ(In(Retain(fiber), "purged"), 1u);
    PushRequest again = RequestOf({Put(1, "a", 10)});
    again.node = 6;
    again.changes[0].is_again = true;
    return VerdictsOf(Push(fiber, again));
  }
};

TEST_F(HubSecondLifeTest, ItsFirstLifesChangesStayOut) {
  Run([this](Fiber& fiber) {
    EXPECT_EQ(VerdictInSecondLife(fiber), "5:rejected@0");
    // Of this life, whatever its revision; later than every purge; of a document without a first.
    EXPECT_EQ(VerdictsOf(PushAt(fiber, 0, {Put(6, "a", 16, {14, 0, 5})})), "6:applied@5");
    EXPECT_EQ(VerdictsOf(PushAt(fiber, 0, {Put(7, "a", 21, {10, 0, 5})})), "7:applied@6");
    EXPECT_EQ(VerdictsOf(PushAt(fiber, 0, {Put(8, "b", 16, {11, 0, 5})})), "8:applied@7");
  });
}
TEST_F(HubSecondLifeTest, TakesChangesOfTheFirstWithThePlantedBug) {
  mutant::Plant(mutant::kM200NewLifeTakesOldChanges);
  Run([this](Fiber& fiber) { EXPECT_EQ(VerdictInSecondLife(fiber), "5:applied@5"); });
  mutant::Plant(mutant::Id::kNone);
}
TEST_F(HubSecondLifeTest, WhatMayHaveBeenPushedBeforeDoesNotBeginOne) {
  Run([this](Fiber& fiber) { EXPECT_EQ(VerdictOfAgain(fiber), "1:rejected@0"); });
}
TEST_F(HubSecondLifeTest, WhatWasPushedBeforeBeginsOneWithThePlantedBug) {
  mutant::Plant(mutant::kM205AgainTakenForNew);
  Run([this](Fiber& fiber) { EXPECT_EQ(VerdictOfAgain(fiber), "1:applied@3"); });
  mutant::Plant(mutant::Id::kNone);
}

TEST_F(HubRetentionTest, AReplicaThatKnowsLessOfPurgesThanTheOneBeforeSaysSo) {
  Run([this](Fiber& fiber) {
    PushAt(fiber, 0, {Put(1, "a", 10), Put(2, "b", 20)});
    PullRequest request = All();
    request.epoch = 77;
    request.since = 1;
    request.floor = 2;
    EXPECT_EQ(CodeOf(Pull(fiber, request)), "E_BEHIND");
    mutant::Plant(mutant::kM203FloorOfAnotherReplica);
    EXPECT_EQ(CodeOf(Pull(fiber, request)), "none");
    mutant::Plant(mutant::Id::kNone);
  });
}

TEST_F(HubRetentionTest, ADocumentGoesAtItsTimeUnlessItHasAnotherByThen) {
  Run([this](Fiber& fiber) {
    PushChange soon = Put(1, "a", 10);
    soon.edit.head.expires_ms = kNowMs + 100;
    PushChange later = Put(2, "b", 20);
    later.edit.head.expires_ms = kNowMs + 100;
    PushAt(fiber, 0, {soon, later});
    PushChange changed = Put(3, "b", 30, {20, 0, 5});
    changed.edit.head.expires_ms = kNowMs + 300;
    PushAt(fiber, 0, {changed});
    now_ms_ += 99;
    EXPECT_EQ(In(Retain(fiber), "expired"), 0u);
    now_ms_ += 1;
    const HubReply reply = Retain(fiber);
    EXPECT_EQ(In(reply, "expired"), 1u);
    EXPECT_EQ(In(reply, "wait_ms"), 200u);
    const auto page = DecodePullAnswer(Pull(fiber, All()).body.view());
    ASSERT_EQ(page->changes.size(), 2u);
    EXPECT_FALSE(page->changes[0].heads.winner()->deleted);
    EXPECT_TRUE(page->changes[1].heads.winner()->deleted);
    EXPECT_EQ(page->changes[1].heads.sequence, 4u);
  });
}

TEST_F(HubRetentionTest, VersionsGoWhenTheyAreOldOrTooManyButHeadsStay) {
  Run([this](Fiber& fiber) {
    Allow(fiber, 100'000, 100'000, 1000);
    std::vector<PushChange> changes{Put(1, "a", 10)};
    for (uint64_t i = 2; i <= 25; ++i) changes.push_back(Put(i, "a", i * 10, {(i - 1) * 10, 0, 5}));
    changes.push_back(Put(26, "b", 500));
    PushAt(fiber, 0, changes);
    EXPECT_LE(VersionsOf(fiber, "a"), 19u);
    EXPECT_GE(VersionsOf(fiber, "a"), 11u);
    now_ms_ += 1000;
    Retain(fiber);
    EXPECT_EQ(VersionsOf(fiber, "a"), 1u);
    EXPECT_EQ(VersionsOf(fiber, "b"), 1u);
  });
}

TEST_F(HubRetentionTest, ThePolicyIsChecked) {
  Run([this](Fiber& fiber) {
    HubCall call;
    call.what = "policy";
    for (const Document& body :
         {Document{{"tombstones_ms", Value(int64_t{0})}},
          Document{{"versions_max", Value(int64_t{5})}},
          Document{{"tombstones_ms", Value(int64_t{5})}, {"node_ttl_ms", Value(int64_t{6})}}}) {
      call.body = body;
      EXPECT_EQ(CodeOf(Apply(fiber, call)), "E_PARSE");
    }
  });
}

TEST_F(HubRetentionTest, TheTrailTellsWhatWasDoneAndRefusedToItsTenantOnly) {
  Run([this](Fiber& fiber) {
    PushChange bad = Put(2, "b", 20);
    bad.edit.head.document = Document{{"_id", Value("other")}}.bytes();
    PushAt(fiber, 0, {Put(1, "a", 10), bad});
    EXPECT_EQ(CodeOf(Push(fiber, RequestOf({Put(3, "a", 20)}), "bob's")), "E_TENANT");
    const auto trail = [&](const char* tenant) {
      return Ask(fiber, "audit", Document{{"tenant", Value(tenant)}});
    };
    const std::string text = ToJson(trail("ann").body);
    for (const char* part : {"\"push\"", "node 0000000000000005", "E_ID_INVALID", "\"token\""})
      EXPECT_NE(text.find(part), std::string::npos) << part << " is not in " << text;
    // What bob tried is in bob's.
    EXPECT_EQ(text.find("E_TENANT"), std::string::npos);
    EXPECT_EQ(CodeOf(trail("bob")), "E_TENANT");
  });
}

TEST_F(HubRetentionTest, ATrailThatWasChangedIsNoticed) {
  Run([this](Fiber& fiber) {
    PushAt(fiber, 0, {Put(1, "a", 10)});
    auto transaction = group_->Begin();
    const auto rows = transaction->NewIterator(machine::Column::kHistory);
    rows->Seek(fiber, "aann");
    ASSERT_TRUE(rows->Valid());
    std::string value(rows->value());
    value.back() = static_cast<char>(value.back() ^ 1);
    transaction->Put(machine::Column::kHistory, std::string(rows->key()), value);
    CHECK_OK(group_->Commit(fiber, std::move(transaction)));
    const absl::Status checked = hub_.CheckInvariants(fiber, *group_->Snapshot());
    EXPECT_NE(checked.message().find("was changed"), std::string::npos) << checked;
  });
}

TEST_F(HubRetentionTest, ANewEpochRefusesCheckpointsOfBefore) {
  Run([this](Fiber& fiber) {
    PushAt(fiber, 0, {Put(1, "a", 10)});
    EXPECT_EQ(PullFrom(fiber, 1), "none");
    HubCall call;
    call.what = "epoch";
    call.salt = 78;
    EXPECT_EQ(Apply(fiber, call).status, 200);
    EXPECT_EQ(PullFrom(fiber, 1), "E_EPOCH");
    PushRequest push = RequestOf({Put(2, "b", 20)});
    push.epoch = 77;
    EXPECT_EQ(CodeOf(Push(fiber, push)), "E_EPOCH");
    push.epoch = 0;
    EXPECT_EQ(VerdictsOf(Push(fiber, push)), "2:applied@2");
    const auto page = DecodePullAnswer(Pull(fiber, All()).body.view());
    EXPECT_EQ(page->epoch, 78u);
    EXPECT_EQ(page->changes.size(), 2u);
  });
}

TEST_F(HubRetentionTest, ARegisteredFilterIsPulledByItsIdAndMayBeAllThatATokenReaches) {
  Run([this](Fiber& fiber) {
    PushAt(fiber, 0, {Put(1, "a", 10), Put(2, "b", 50)});
    HubCall call;
    call.what = "filter";
    call.token_hash = TokenHash("ann's");
    call.body = Document{{"tenant", Value("ann")},
                         {"ns", Value("notes")},
                         {"filter", Value(*FromJson(R"({"ms": {"$lt": 40}})"))}};
    const HubReply made = Apply(fiber, call);
    ASSERT_EQ(made.status, 200);
    EXPECT_EQ(Apply(fiber, call).body, made.body) << "the same filter has the same id";
    PullRequest request = All();
    request.filter_id = Fields(made.body.view()).Hex("id");
    const auto page = DecodePullAnswer(Pull(fiber, request).body.view());
    ASSERT_EQ(page->changes.size(), 2u);
    EXPECT_EQ(page->changes[1].kind, PulledChange::Kind::kRemove);
    request.filter_id ^= 1;
    EXPECT_EQ(CodeOf(Pull(fiber, request)), "E_FILTER");
    HubCall token;
    token.what = "token";
    Claims claims;
    claims.tenant = "ann";
    claims.spaces = {"notes"};
    claims.permissions = kMayPull;
    claims.filters = {request.filter_id ^ 1};
    token.body = Document{{"hash", Value::Binary(0, TokenHash("partial"))},
                          {"claims", Value(Encode(claims))}};
    Apply(fiber, token);
    EXPECT_EQ(CodeOf(Pull(fiber, All(), "partial")), "E_FORBIDDEN");
    request.filter_id ^= 1;
    EXPECT_EQ(CodeOf(Pull(fiber, request, "partial")), "none");
  });
}

}  // namespace
}  // namespace lockstep::docs
