// Each promise with a violation that must be seen and a near miss that must not.
#include <gtest/gtest.h>

#include "checkers/monitors/lease_monitor.h"
#include "checkers/monitors/session_monitor.h"
#include "checkers/monitors/watch_monitor.h"

namespace lockstep::checkers {
namespace {

std::string Oracle(const std::optional<Violation>& violation) {
  return violation ? violation->oracle : "";
}

// --- sessions ---------------------------------------------------------------------------------

TEST(SessionMonitor, EveryGuaranteeIsWatched) {
  SessionMonitor sessions;
  EXPECT_EQ(Oracle(sessions.OnWrite(1, 5)), "");
  EXPECT_EQ(Oracle(sessions.OnRead(1, 5)), "") << "the same revision is enough";
  EXPECT_EQ(Oracle(sessions.OnRead(1, 4)), "read your writes");
  EXPECT_EQ(Oracle(sessions.OnRead(1, 9)), "");
  EXPECT_EQ(Oracle(sessions.OnRead(1, 8)), "monotonic reads");
  EXPECT_EQ(Oracle(sessions.OnWrite(1, 9)), "writes follow reads");
  EXPECT_EQ(Oracle(sessions.OnWrite(1, 10)), "");
  EXPECT_EQ(Oracle(sessions.OnWrite(1, 10)), "monotonic writes");
}

TEST(SessionMonitor, SessionsOweEachOtherNothing) {
  SessionMonitor sessions;
  EXPECT_EQ(Oracle(sessions.OnWrite(1, 5)), "");
  EXPECT_EQ(Oracle(sessions.OnRead(2, 4)), "");
  EXPECT_EQ(Oracle(sessions.OnWrite(2, 6)), "");
}

// --- watches ----------------------------------------------------------------------------------

WatchEvent Put(int64_t revision, std::string key) {
  return {revision, std::move(key), "v" + std::to_string(revision), false, std::nullopt};
}

// Revision 2 writes a and c, 3 writes b, 4 writes a, 5 writes x, 6 writes b.
class WatchMonitorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    monitor_.Open(99, {"zzz", "", 1, false});  // keeps the log
    monitor_.Open(1, {"a", "d", 2, false});
    for (const std::vector<WatchEvent>& events :
         std::vector<std::vector<WatchEvent>>{{Put(2, "a"), Put(2, "c")},
                                              {Put(3, "b")},
                                              {Put(4, "a")},
                                              {Put(5, "x")},
                                              {Put(6, "b")}}) {
      ASSERT_FALSE(monitor_.OnCommit(events));
    }
  }
  std::string Events(const std::vector<WatchEvent>& events) {
    return Oracle(monitor_.OnEvents(1, events));
  }

  WatchMonitor monitor_;
};

TEST_F(WatchMonitorTest, EverythingInOrderIsFineInAnyBatches) {
  EXPECT_EQ(Events({Put(2, "c"), Put(2, "a"), Put(3, "b")}), "");
  EXPECT_EQ(Oracle(monitor_.OnProgress(1, 3)), "");
  EXPECT_EQ(Events({Put(4, "a")}), "");
  EXPECT_EQ(Oracle(monitor_.OnProgress(1, 5)), "") << "x is not watched";
  EXPECT_EQ(Events({Put(6, "b")}), "");
  EXPECT_EQ(Oracle(monitor_.OnSettled(1)), "");
}

TEST_F(WatchMonitorTest, ADroppedEventIsSeenAtTheNext) {
  EXPECT_EQ(Events({Put(3, "b")}), "watch: resumable");
  EXPECT_EQ(Events({Put(2, "a"), Put(2, "c"), Put(4, "a")}), "watch: reliable");
}

TEST_F(WatchMonitorTest, ADroppedLastEventIsSeenWhenItSettles) {
  EXPECT_EQ(Events({Put(2, "a"), Put(2, "c"), Put(3, "b"), Put(4, "a")}), "");
  EXPECT_EQ(Oracle(monitor_.OnSettled(1)), "watch: live");
}

TEST_F(WatchMonitorTest, DuplicatesAndSwapsAreSeen) {
  EXPECT_EQ(Events({Put(3, "b"), Put(2, "a")}), "watch: ordered");
  EXPECT_EQ(Events({Put(2, "a"), Put(2, "c"), Put(2, "a")}), "watch: unique");
  EXPECT_EQ(Events({Put(2, "a"), Put(2, "c")}), "");
  EXPECT_EQ(Events({Put(2, "a"), Put(2, "c")}), "watch: unique");
}

TEST_F(WatchMonitorTest, ARevisionThatComesInPiecesIsSeen) {
  EXPECT_EQ(Events({Put(2, "a")}), "watch: atomic");
}

TEST_F(WatchMonitorTest, WhatIsNotWatchedOrDidNotHappenIsSeen) {
  EXPECT_EQ(Events({Put(5, "x")}), "watch: filter");
  EXPECT_EQ(Events({Put(2, "a"), Put(2, "b")}), "watch: reliable");
  WatchEvent other = Put(2, "a");
  other.value = "w";
  EXPECT_EQ(Events({other, Put(2, "c")}), "watch: reliable");
}

TEST_F(WatchMonitorTest, ProgressThatIsTooEarlyIsSeen) {
  EXPECT_EQ(Events({Put(2, "a"), Put(2, "c")}), "");
  EXPECT_EQ(Oracle(monitor_.OnProgress(1, 3)), "watch: bookmarkable");
}

TEST_F(WatchMonitorTest, AWatchMayBeAheadOfTheLogWeSee) {
  EXPECT_EQ(Events({Put(2, "a"), Put(2, "c"), Put(3, "b"), Put(4, "a"), Put(6, "b")}), "");
  EXPECT_EQ(Events({Put(7, "a")}), "");
  EXPECT_EQ(Oracle(monitor_.OnSettled(1)), "watch: reliable") << "it never happened";
  EXPECT_EQ(Oracle(monitor_.OnCommit({Put(7, "a")})), "");
  EXPECT_EQ(Oracle(monitor_.OnSettled(1)), "");
  EXPECT_EQ(Events({Put(8, "c")}), "");
  EXPECT_EQ(Oracle(monitor_.OnCommit({Put(8, "b")})), "watch: reliable");
}

TEST_F(WatchMonitorTest, PreviousValuesAreComparedWhereTheyWereAskedFor) {
  monitor_.Open(2, {"p", "", 7, true});
  WatchEvent put = Put(7, "p");
  put.previous = "old";
  EXPECT_EQ(Oracle(monitor_.OnCommit({put})), "");
  put.previous = "older";
  EXPECT_EQ(Oracle(monitor_.OnEvents(2, {put})), "watch: reliable");
}

TEST_F(WatchMonitorTest, TheLogIsForgottenBehindTheSlowestWatch) {
  EXPECT_EQ(monitor_.log_size(), 5u);
  EXPECT_EQ(Events({Put(2, "a"), Put(2, "c"), Put(3, "b")}), "");
  monitor_.Close(99);
  EXPECT_EQ(monitor_.log_size(), 3u);
}

// --- leases -----------------------------------------------------------------------------------

TEST(LeaseMonitor, ALeaseLivesAsLongAsItWasPromised) {
  LeaseMonitor leases(LeaseBounds{});
  EXPECT_EQ(Oracle(leases.OnGranted(7, 100, 10, 12)), "");
  leases.OnKeepAliveSent(7, 50);
  EXPECT_EQ(Oracle(leases.OnKeptAlive(7, 50, 52)), "");
  EXPECT_EQ(Oracle(leases.OnEnded(7, {}, 149)), "lease: not early");
}

TEST(LeaseMonitor, DriftAndARevokeExcuseAnEarlyEnd) {
  LeaseMonitor drifting(LeaseBounds{1, 0});
  EXPECT_EQ(Oracle(drifting.OnGranted(7, 100, 10, 12)), "");
  EXPECT_EQ(Oracle(drifting.OnEnded(7, {}, 109)), "");
  LeaseMonitor revoked(LeaseBounds{});
  EXPECT_EQ(Oracle(revoked.OnGranted(7, 100, 10, 12)), "");
  revoked.OnRevokeSent(7);
  EXPECT_EQ(Oracle(revoked.OnEnded(7, {}, 20)), "");
}

TEST(LeaseMonitor, ALeaseThatNobodyKeepsAliveEnds) {
  LeaseMonitor leases(LeaseBounds{0, 20});
  EXPECT_EQ(Oracle(leases.OnGranted(7, 100, 10, 12)), "");
  EXPECT_EQ(Oracle(leases.OnTime(132)), "");
  EXPECT_EQ(Oracle(leases.OnTime(133)), "lease: not late");
  leases.OnKeepAliveSent(7, 60);  // it may have arrived
  EXPECT_EQ(Oracle(leases.OnTime(180)), "");
}

TEST(LeaseMonitor, ItsKeysEndWithItAndNoOthers) {
  LeaseMonitor leases(LeaseBounds{});
  for (const int64_t lease : {1, 2, 3}) {
    EXPECT_EQ(Oracle(leases.OnGranted(lease, 100, 0, 1)), "");
    leases.OnAttached(lease, "a");
    leases.OnAttached(lease, "b");
    leases.OnDetached(lease, "b");
  }
  EXPECT_EQ(Oracle(leases.OnEnded(1, {"a"}, 200)), "");
  EXPECT_EQ(Oracle(leases.OnEnded(2, {}, 200)), "lease: together");
  EXPECT_EQ(Oracle(leases.OnEnded(3, {"a", "b"}, 200)), "lease: together");
}

TEST(LeaseMonitor, TheDeadStayDead) {
  LeaseMonitor leases(LeaseBounds{});
  EXPECT_EQ(Oracle(leases.OnGranted(7, 100, 0, 1)), "");
  EXPECT_EQ(Oracle(leases.OnEnded(7, {}, 200)), "");
  EXPECT_EQ(Oracle(leases.OnKeptAlive(7, 199, 201)), "") << "it may have come before the end";
  EXPECT_EQ(Oracle(leases.OnKeptAlive(7, 201, 202)), "lease: dead");
  EXPECT_EQ(Oracle(leases.OnGranted(7, 100, 300, 301)), "lease: dead");
}

// --- locks ------------------------------------------------------------------------------------

TEST(HoldMonitor, TwoHoldersAtOnceAreSeen) {
  HoldMonitor lock;
  EXPECT_EQ(Oracle(lock.OnAcquired(1, 10, 100)), "");
  EXPECT_EQ(Oracle(lock.OnAcquired(2, 11, 101)), "lock: exclusive");
  lock.OnReleaseSent(1);
  EXPECT_EQ(Oracle(lock.OnAcquired(2, 11, 102)), "");
}

TEST(HoldMonitor, AHoldEndsWithItsLease) {
  HoldMonitor lock;
  EXPECT_EQ(Oracle(lock.OnAcquired(1, 10, 100, 200)), "");
  EXPECT_EQ(Oracle(lock.OnAcquired(2, 11, 199, 300)), "lock: exclusive");
  EXPECT_EQ(Oracle(lock.OnAcquired(2, 11, 200, 300)), "");
  lock.OnExtended(2, 400);
  EXPECT_EQ(Oracle(lock.OnAcquired(3, 12, 350)), "lock: exclusive");
}

TEST(HoldMonitor, TokensGrowAndOldOnesDoNotWrite) {
  HoldMonitor lock;
  EXPECT_EQ(Oracle(lock.OnAcquired(1, 10, 100, 200)), "");
  EXPECT_EQ(Oracle(lock.OnProtectedWrite(1, 10)), "");
  EXPECT_EQ(Oracle(lock.OnAcquired(2, 11, 250)), "");
  EXPECT_EQ(Oracle(lock.OnProtectedWrite(1, 10)), "") << "the new holder has not written yet";
  EXPECT_EQ(Oracle(lock.OnProtectedWrite(2, 11)), "");
  EXPECT_EQ(Oracle(lock.OnProtectedWrite(1, 10)), "lock: fenced");
  lock.OnReleaseSent(2);
  EXPECT_EQ(Oracle(lock.OnAcquired(3, 11, 300)), "lock: fenced");
}

}  // namespace
}  // namespace lockstep::checkers
