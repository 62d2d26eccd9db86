#include "net/resolver.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "framework/fiber/sync.h"
#include "tests/net/support.h"

namespace lockstep::net {
namespace {

// Holds work back until it is let go, and counts it.
class HeldOffload final : public runtime::Offload {
 public:
  void Run(Fiber& fiber, runtime::Lane, absl::FunctionRef<void()> work) override {
    ++started;
    let_go.Wait(fiber);
    work();
  }
  int started = 0;
  fiber::Event let_go;
};

struct Asker final {
  absl::StatusOr<std::vector<SocketAddress>> answer;
};

class ResolverTest : public testing::Test {
 protected:
  void Ask(fiber::Scope& scope, const std::string& host, MonoTime deadline, Asker& asker) {
    scope.Spawn("asker", [this, host, deadline, &asker](Fiber& f) {
      asker.answer = resolver_.Resolve(f, host, deadline);
    });
  }

  Loop loop_;
  HeldOffload offload_;
  Resolver resolver_{loop_.scheduler(), offload_};
};

TEST_F(ResolverTest, AsksOnceForAllWhoAskMeanwhile) {
  std::vector<Asker> askers(5);
  RunFibers(loop_, {[&](Fiber& f) {
              fiber::Scope scope(f.scheduler());
              for (Asker& asker : askers) Ask(scope, "127.0.0.1", kNoDeadline, asker);
              LetOthersRun(f);
              EXPECT_EQ(offload_.started, 1);
              offload_.let_go.Set();
              JoinAll(f, scope);
              Asker later;
              Ask(scope, "127.0.0.1", kNoDeadline, later);
              JoinAll(f, scope);
              EXPECT_EQ(offload_.started, 2) << "answers are not kept";
            }});
  for (const Asker& asker : askers) {
    ASSERT_TRUE(asker.answer.ok()) << asker.answer.status();
    EXPECT_EQ(asker.answer->front().ToString(), "127.0.0.1:0");
  }
}

TEST_F(ResolverTest, OneSlowNameTakesOneThreadOnly) {
  Asker first;
  Asker second;
  RunFibers(loop_, {[&](Fiber& f) {
              fiber::Scope scope(f.scheduler());
              Ask(scope, "127.0.0.1", kNoDeadline, first);
              Ask(scope, "127.0.0.2", kNoDeadline, second);
              LetOthersRun(f);
              EXPECT_EQ(offload_.started, 1);
              offload_.let_go.Set();
              JoinAll(f, scope);
            }});
  EXPECT_EQ(offload_.started, 2);
  EXPECT_TRUE(first.answer.ok() && second.answer.ok());
}

TEST_F(ResolverTest, WhoGivesUpLeavesTheQueryToOthers) {
  Asker hasty;
  Asker patient;
  RunFibers(loop_, {[&](Fiber& f) {
              fiber::Scope scope(f.scheduler());
              Ask(scope, "127.0.0.1", f.now() + Microseconds(1), hasty);
              {
                Asker unwound;
                fiber::Scope short_lived(f.scheduler());
                Ask(short_lived, "127.0.0.1", kNoDeadline, unwound);
                f.Yield();
              }
              Ask(scope, "127.0.0.1", kNoDeadline, patient);
              while (scope.size() > 1) f.Yield();
              EXPECT_TRUE(absl::IsDeadlineExceeded(hasty.answer.status()));
              offload_.let_go.Set();
              JoinAll(f, scope);
            }});
  EXPECT_TRUE(patient.answer.ok()) << patient.answer.status();
  EXPECT_EQ(offload_.started, 1);
}

TEST_F(ResolverTest, AnAnswerThatNobodyWaitsForIsDropped) {
  Asker hasty;
  RunFibers(loop_, {[&](Fiber& f) {
              fiber::Scope scope(f.scheduler());
              Ask(scope, "127.0.0.1", f.now() + Microseconds(1), hasty);
              JoinAll(f, scope);
              offload_.let_go.Set();
              LetOthersRun(f);
              Asker next;
              Ask(scope, "127.0.0.1", kNoDeadline, next);
              JoinAll(f, scope);
              EXPECT_TRUE(next.answer.ok());
            }});
  EXPECT_EQ(offload_.started, 2);
}

}  // namespace
}  // namespace lockstep::net
