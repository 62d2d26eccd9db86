#include "docs-memory/blocking/row_cache.h"

#include <gtest/gtest.h>

namespace lockstep::docs {
namespace {

using Keys = std::vector<std::string>;

TEST(RowCache, KnowsRowsOfTheNewestStateAlone) {
  RowCache cache(10'000);
  cache.Publish(1, {});
  cache.Add(1, "a", "one");
  cache.Add(0, "b", "of another state");
  EXPECT_EQ(cache.Find(1, Keys{"a", "b"})[0], "one");
  EXPECT_EQ(cache.Find(1, Keys{"a", "b"})[1], std::nullopt);
  EXPECT_EQ(cache.Find(0, Keys{"a"})[0], std::nullopt);
  cache.Publish(2, {"b"});
  EXPECT_EQ(cache.Find(2, Keys{"a"})[0], "one") << "nobody has touched it";
  EXPECT_EQ(cache.Find(1, Keys{"a"})[0], std::nullopt);
  cache.Publish(3, {"a"});
  cache.Add(2, "a", "one");
  EXPECT_EQ(cache.Find(3, Keys{"a"})[0], std::nullopt) << "read before it changed, told after";
  EXPECT_EQ(cache.hits(), 3u);
}

TEST(RowCache, ForgetsWhatWasNotAskedForLongest) {
  RowCache cache(2000);
  for (const char* key : {"a", "b", "c", "d"}) {
    cache.Add(0, key, std::string(400, 'x'));
    (void)cache.Find(0, Keys{"a"});
  }
  const auto found = cache.Find(0, Keys{"a", "b", "c", "d"});
  EXPECT_TRUE(found[0]);
  EXPECT_FALSE(found[1]);
  EXPECT_TRUE(found[3]);
  cache.Add(0, "large", std::string(5000, 'x'));
  EXPECT_FALSE(cache.Find(0, Keys{"large"})[0]);
  cache.Add(0, "e", "fits");
  EXPECT_TRUE(cache.Find(0, Keys{"e"})[0]);
}

}  // namespace
}  // namespace lockstep::docs
