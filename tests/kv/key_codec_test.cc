#include "kv/key_codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "framework/base/random.h"
#include "kv/crc32c.h"
#include "kv/record.h"

namespace lockstep::kv {
namespace {

std::string RandomKey(base::SequentialRandom& random) {
  constexpr char kAlphabet[] = {'\0', '\x01', 'a', '\xFE', '\xFF'};
  std::string key;
  for (uint64_t i = random.Below(6); i > 0; --i) key += kAlphabet[random.Below(5)];
  return key;
}

TEST(KeyCodec, HistoryOrdersByKeyThenNewestFirst) {
  base::SequentialRandom random(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::string a = RandomKey(random);
    const std::string b = RandomKey(random);
    const Revision ra{static_cast<int64_t>(random.Below(300)),
                      static_cast<int64_t>(random.Below(3))};
    const Revision rb{static_cast<int64_t>(random.Below(300)),
                      static_cast<int64_t>(random.Below(3))};
    const bool before = a != b ? a < b : rb < ra;
    EXPECT_EQ(HistoryKey(a, ra) < HistoryKey(b, rb), before);
    EXPECT_LT(HistoryPrefix(a), HistoryKey(a, ra));
    if (a < b) {
      EXPECT_LT(HistoryKey(a, ra), HistoryPrefix(b));
    }
    const auto place = DecodeHistoryKey(HistoryKey(a, ra));
    ASSERT_TRUE(place.ok());
    EXPECT_EQ(place->key, a);
    EXPECT_EQ(place->revision, ra);
    EXPECT_EQ(RevisionKey(ra) < RevisionKey(rb), ra < rb);
  }
}

TEST(KeyCodec, MalformedKeysAreErrors) {
  const std::string good = HistoryKey("a", {1, 2});
  EXPECT_FALSE(DecodeHistoryKey("").ok());
  EXPECT_FALSE(DecodeHistoryKey(good.substr(0, good.size() - 1)).ok());
  EXPECT_FALSE(DecodeHistoryKey(good + "x").ok());
  EXPECT_FALSE(DecodeHistoryKey(std::string("a\0\x02", 3) + good).ok());
  EXPECT_FALSE(DecodeRevisionKey("r").ok());
  EXPECT_FALSE(DecodeRecord("").ok());
  EXPECT_FALSE(DecodeRecord("\xFF").ok());
  EXPECT_FALSE(DecodeRecord(std::string(1, '\0') + std::string(20, '\xFF')).ok());
}

TEST(Record, RoundTripsExtremes) {
  Record record;
  record.mod = {INT64_MAX, kSubRevisionMax};
  record.create = 2;
  record.version = INT64_MAX;
  record.lease = -5;
  record.value = "v";
  const std::string bytes = EncodeRecord(record);
  const auto decoded = DecodeRecord(bytes);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->mod, record.mod);
  EXPECT_EQ(decoded->create, 2);
  EXPECT_EQ(decoded->version, INT64_MAX);
  EXPECT_EQ(decoded->lease, -5);
  EXPECT_EQ(decoded->value, "v");
}

TEST(Crc32c, MatchesThePublishedCheckValue) {
  Crc32c crc;
  crc.Add("1234");
  crc.Add("56789");
  EXPECT_EQ(crc.value(), 0xE3069283u);
}

}  // namespace
}  // namespace lockstep::kv
