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
}

Record ExtremeRecord() {
  Record record;
  record.mod = {INT64_MAX, kSubRevisionMax};
  record.create = 2;
  record.version = INT64_MAX;
  record.lease = -5;
  record.value = "v";
  return record;
}

void ExpectEqual(const Record& a, const Record& b) {
  EXPECT_EQ(a.mod, b.mod);
  EXPECT_EQ(a.create, b.create);
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.lease, b.lease);
  EXPECT_EQ(a.value, b.value);
}

TEST(Record, NewestRoundTripsExtremes) {
  const Record record = ExtremeRecord();
  const std::string older =
      PrependOlder(record.mod, {INT64_MAX, 0}, PrependOlder({INT64_MAX, 0}, {2, 7}, ""));
  const std::string bytes = EncodeNewest({record, 2, older});
  const auto decoded = DecodeNewest(bytes);
  ASSERT_TRUE(decoded.ok());
  ExpectEqual(decoded->record, record);
  EXPECT_EQ(decoded->older_count, 2u);
  const auto revisions = DecodeOlder(record.mod, decoded->older);
  ASSERT_TRUE(revisions.ok());
  EXPECT_EQ(*revisions, (Revisions{{INT64_MAX, 0}, {2, 7}}));
  const auto block = DecodeBlock(EncodeBlock(record.mod, decoded->older));
  ASSERT_TRUE(block.ok());
  EXPECT_EQ(*block, (Revisions{record.mod, {INT64_MAX, 0}, {2, 7}}));
}

TEST(Record, ChangeRoundTripsExtremes) {
  Change change;
  change.previous = Revision{3, 1};
  change.block = Revision{2, kSubRevisionMax};
  change.key = "k";
  change.record = ExtremeRecord();
  const std::string bytes = EncodeChange(change, change.record.mod);
  const auto decoded = DecodeChange(bytes, change.record.mod);
  ASSERT_TRUE(decoded.ok());
  EXPECT_FALSE(decoded->is_tombstone);
  EXPECT_EQ(decoded->previous, change.previous);
  EXPECT_EQ(decoded->block, change.block);
  EXPECT_EQ(decoded->key, "k");
  ExpectEqual(decoded->record, change.record);
}

TEST(Record, MalformedRowsAreErrors) {
  const std::string broken = std::string(1, '\0') + std::string(20, '\xFF');
  for (const std::string& bytes : {std::string(), std::string("\xFF"), broken}) {
    EXPECT_FALSE(DecodeNewest(bytes).ok());
    EXPECT_FALSE(DecodeChange(bytes, {5, 0}).ok());
    EXPECT_FALSE(DecodeBlock(bytes).ok());
  }
  EXPECT_FALSE(DecodeOlder({5, 0}, "\x01").ok());
  Change change;
  change.is_tombstone = true;
  change.key = "k";
  EXPECT_TRUE(DecodeChange(EncodeChange(change, {5, 0}), {5, 0}).ok());
  EXPECT_FALSE(DecodeChange(EncodeChange(change, {5, 0}) + "x", {5, 0}).ok());
}

TEST(Crc32c, MatchesThePublishedCheckValue) {
  Crc32c crc;
  crc.Add("1234");
  crc.Add("56789");
  EXPECT_EQ(crc.value(), 0xE3069283u);
}

}  // namespace
}  // namespace lockstep::kv
