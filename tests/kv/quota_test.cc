#include "kv/quota.h"

#include <gtest/gtest.h>

namespace lockstep::kv {
namespace {

TEST(Quota, AdmitsUntilTheStoreAndWhatWasAdmittedReachIt) {
  Quota quota(1000);
  EXPECT_TRUE(quota.is_stale(MonoTime{}));
  quota.Refresh(MonoTime{}, 700);
  EXPECT_FALSE(quota.is_stale(MonoTime{}));
  EXPECT_TRUE(quota.Admit(200));
  EXPECT_FALSE(quota.Admit(100));
  EXPECT_TRUE(quota.Admit(99));
  EXPECT_TRUE(quota.is_stale(MonoTime{} + Seconds(1)));
  quota.Refresh(MonoTime{} + Seconds(1), 2000);
  EXPECT_FALSE(quota.Admit(0));
}

TEST(Quota, ZeroIsEtcdsDefaultAndLessIsNone) {
  EXPECT_EQ(Quota(0).bytes_max(), int64_t{2} << 30);
  Quota none(-1);
  EXPECT_EQ(none.bytes_max(), 0);
  none.Refresh(MonoTime{}, int64_t{1} << 50);
  EXPECT_TRUE(none.Admit(1'000'000));
}

}  // namespace
}  // namespace lockstep::kv
