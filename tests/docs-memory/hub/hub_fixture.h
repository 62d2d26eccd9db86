// A hub's state machine on a store in memory, with tokens of two tenants.
#ifndef LOCKSTEP_TESTS_DOCS_MEMORY_HUB_HUB_FIXTURE_H_
#define LOCKSTEP_TESTS_DOCS_MEMORY_HUB_HUB_FIXTURE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "docs-memory/bson/parse.h"
#include "docs-memory/hub/hub_machine.h"
#include "framework/base/check.h"
#include "framework/fiber/scheduler.h"
#include "framework/store/memory_store.h"

namespace lockstep::docs {

inline constexpr int64_t kNowMs = 1'000'000;

class Context final : public machine::ApplyContext {
 public:
  Context(machine::StoreTransaction& store, int64_t now_ms) : store_(store), now_ms_(now_ms) {}
  machine::StoreTransaction& store() override { return store_; }
  uint64_t index() const override { return 1; }
  uint64_t term() const override { return 1; }
  WallTime time() const override { return {now_ms_ * 1'000'000}; }
  void Publish(std::string) override {}

 private:
  machine::StoreTransaction& store_;
  const int64_t now_ms_;
};

class HubMachineTest : public testing::Test {
 protected:
  void SetUp() override {
    scope_.Spawn("set up", [this](Fiber& fiber) { MakeTokens(fiber); });
  }
  void Run(const std::function<void(Fiber&)>& body) {
    bool done = false;
    scope_.Spawn("test", [&](Fiber& fiber) {
      body(fiber);
      done = true;
    });
    scheduler_.RunReady();
    ASSERT_TRUE(done);
  }

  HubReply Apply(Fiber& fiber, const HubCall& call) {
    auto transaction = group_->Begin();
    Context context(*transaction, now_ms_);
    const auto result = hub_.Apply(fiber, Encode(call), context);
    CHECK_OK(result.status());
    CHECK_OK(group_->Commit(fiber, std::move(transaction)));
    EXPECT_EQ(hub_.CheckInvariants(fiber, *group_->Snapshot()).message(), "");
    return *DecodeReply(*result);
  }
  HubReply Push(Fiber& fiber, const PushRequest& request, const std::string& token = "ann's") {
    HubCall call;
    call.what = "push";
    call.token_hash = TokenHash(token);
    call.salt = 77;
    call.body = Encode(request);
    return Apply(fiber, call);
  }
  HubReply Pull(Fiber& fiber, const PullRequest& request, const std::string& token = "ann's") {
    HubCall call;
    call.what = "pull";
    call.token_hash = TokenHash(token);
    call.now_ms = now_ms_;
    call.body = Encode(request);
    const auto result = hub_.Query(fiber, Encode(call), *group_->Snapshot());
    CHECK_OK(result.status());
    return *DecodeReply(*result);
  }
  static std::string CodeOf(const HubReply& reply) {
    const auto error = reply.body.Find("error");
    return error ? std::string(FindField(*error, "code")->string()) : "none";
  }
  // "1:applied@1 2:rejected@0".
  static std::string VerdictsOf(const HubReply& reply) {
    if (reply.status != 200) return CodeOf(reply);
    std::string text;
    const auto answer = DecodePushAnswer(reply.body.view());
    CHECK_OK(answer.status());
    for (const ChangeVerdict& verdict : answer->verdicts) {
      const char* const names[] = {"applied", "duplicate", "rejected"};
      if (!text.empty()) text += ' ';
      text += std::to_string(verdict.number) + ":" +
              names[static_cast<size_t>(verdict.verdict) - 1] + "@" +
              std::to_string(verdict.sequence);
    }
    return text;
  }

  // One step of what goes by itself.
  HubReply Retain(Fiber& fiber) {
    HubCall call;
    call.what = "retention";
    return Apply(fiber, call);
  }

  int64_t now_ms_ = kNowMs;  // of the leader
  fiber::Scheduler scheduler_;
  store::MemoryStore store_;
  const std::unique_ptr<machine::GroupStore> group_ = store_.Group(GroupId(1));
  HubMachine hub_;
  fiber::Scope scope_{scheduler_};

 private:
  void MakeTokens(Fiber& fiber) {
    for (const char* name : {"ann", "bob"}) {
      HubCall call;
      call.what = "token";
      Claims claims;
      claims.tenant = name;
      claims.spaces = {"notes"};
      claims.permissions = kMayPush | kMayPull | kMayRead | kMayAdmin | kMayAudit;
      call.body = Document{{"hash", Value::Binary(0, TokenHash(std::string(name) + "'s"))},
                           {"claims", Value(Encode(claims))}};
      EXPECT_EQ(Apply(fiber, call).status, 200);
    }
  }
};

inline PushChange Put(uint64_t number, const std::string& id, uint64_t ms, Revision base = {}) {
  PushChange change;
  change.number = number;
  change.collection = "c";
  change.id = Value(id);
  change.edit.head.rev = {ms, 0, 5};
  change.edit.base = base;
  change.edit.head.document =
      Document{{"_id", Value(id)}, {"ms", Value(static_cast<int64_t>(ms))}}.bytes();
  return change;
}

inline PushRequest RequestOf(std::vector<PushChange> changes, uint64_t confirmed = 0) {
  PushRequest request;
  request.tenant = "ann";
  request.space = "notes";
  request.node = 5;
  request.confirmed = confirmed;
  request.changes = std::move(changes);
  return request;
}

inline PullRequest All() {
  PullRequest request;
  request.tenant = "ann";
  request.space = "notes";
  request.node = 5;
  return request;
}

}  // namespace lockstep::docs

#endif  // LOCKSTEP_TESTS_DOCS_MEMORY_HUB_HUB_FIXTURE_H_
