#include "kv/testing/alarm_log.h"

#include <gtest/gtest.h>

namespace lockstep::kv {
namespace {

TEST(AlarmLog, PutThatIsAnsweredWithinAnAlarmIsAViolation) {
  AlarmLog log;
  const uint64_t episode = log.Raising();
  log.Raised(episode);
  const uint64_t began = log.Now();
  log.PutAnswered(began, "put k");
  ASSERT_TRUE(log.violation().has_value());
  EXPECT_EQ(log.violation()->oracle, "quota");
}

TEST(AlarmLog, PutThatOverlapsTheBeginningOrTheEndMayBeAnsweredOrRefused) {
  AlarmLog log;
  const uint64_t before = log.Now();
  const uint64_t episode = log.Raising();
  log.PutRefused(before, "put a");
  log.PutAnswered(before, "put b");
  log.Raised(episode);
  log.PutAnswered(before, "put c");
  const uint64_t within = log.Now();
  log.TakingBack(episode);
  log.PutAnswered(within, "put d");
  log.TookBack(episode);
  log.PutRefused(within, "put e");
  EXPECT_FALSE(log.violation().has_value());
}

TEST(AlarmLog, RefusalWithoutAnAlarmIsAViolation) {
  AlarmLog log;
  const uint64_t episode = log.Raising();
  log.Raised(episode);
  log.TakingBack(episode);
  log.TookBack(episode);
  EXPECT_TRUE(log.Stray().empty());
  log.PutRefused(log.Now(), "put k");
  EXPECT_TRUE(log.violation().has_value());
}

TEST(AlarmLog, AlarmOfUnknownFateMayHoldForEverAndForbidsNothing) {
  AlarmLog log;
  const uint64_t episode = log.Raising();
  log.PutAnswered(log.Now(), "put a");
  log.TakingBack(episode);
  log.TookBack(episode);
  log.PutRefused(log.Now(), "put b");
  EXPECT_FALSE(log.violation().has_value());
  EXPECT_EQ(log.Stray(), std::vector<uint64_t>{episode});
}

}  // namespace
}  // namespace lockstep::kv
