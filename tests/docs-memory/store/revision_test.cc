#include "docs-memory/store/revision.h"

#include <gtest/gtest.h>

namespace lockstep::docs {
namespace {

TEST(Revision, HasOneTextThatSortsAsItDoes) {
  const Revision rev{0x123456789abc, 0xdef0, 0x0102030405060708};
  EXPECT_EQ(rev.ToText(), "123456789abc-def0-0102030405060708");
  EXPECT_EQ(Revision::FromText(rev.ToText()), rev);
  EXPECT_EQ(Revision::FromText("123456789abc-def0-010203040506070X"), std::nullopt);
  std::string bytes;
  rev.AppendTo(bytes);
  EXPECT_EQ(Revision::FromBytes(bytes), rev);
}

TEST(HybridClock, OfACopyMakesNoRevisionOfTheOriginalsAlthoughTimeStands) {
  constexpr uint64_t kNode = 0x123456789abcdef0;
  HybridClock original(WriterOf(kNode, 0x111), {500, 9, 7});
  HybridClock copy(WriterOf(kNode, 0x222), {500, 9, 7});
  EXPECT_NE(original.Next(10), copy.Next(10));
  EXPECT_EQ(WriterOf(kNode, 0x111) >> 24, kNode >> 24) << "it is still seen who wrote";
  EXPECT_NE(WriterOf(0x1000000, 0), 0u);
}
TEST(HybridClock, RisesWhenTimeStandsOrGoesBack) {
  HybridClock clock(7, {});
  const Revision a = clock.Next(100);
  const Revision b = clock.Next(100);
  const Revision c = clock.Next(50);
  EXPECT_LT(a, b);
  EXPECT_LT(b, c);
  EXPECT_EQ(c, (Revision{100, 2, 7}));
}

TEST(HybridClock, CarriesAFullCounterIntoTheTime) {
  HybridClock clock(7, {100, 0xFFFF, 7});
  EXPECT_EQ(clock.Next(100), (Revision{101, 0, 7}));
}

TEST(HybridClock, IsAheadOfWhatItReceived) {
  const Revision seen{500, 3, 9};
  HybridClock clock(7, {500, 9, 7});
  clock.Receive(seen, 100);  // equal times: the greater counter, and one more
  EXPECT_EQ(clock.Next(100), (Revision{500, 11, 7}));
  HybridClock behind(7, {});
  behind.Receive(seen, 100);
  EXPECT_GT(behind.Next(100), seen);
}

}  // namespace
}  // namespace lockstep::docs
