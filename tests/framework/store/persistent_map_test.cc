#include "framework/store/persistent_map.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "framework/base/random.h"

namespace lockstep::store {
namespace {

using Model = std::map<std::string, std::string>;

Model Contents(const PersistentMap& map) {
  Model found;
  for (RecordRef at = map.FirstAtOrAfter(""); at; at = map.FirstAfter(at->key)) {
    found[at->key] = at->value;
  }
  return found;
}

TEST(PersistentMap, CopiesAreIndependentUnderRandomChanges) {
  base::SequentialRandom random(1);
  PersistentMap map;
  Model model;
  std::vector<std::pair<PersistentMap, Model>> copies;
  for (int step = 0; step < 4000; ++step) {
    const std::string key = std::to_string(random.Below(300));
    const uint64_t what = random.Below(100);
    if (what < 60) {
      map.Put(key, std::to_string(step));
      model[key] = std::to_string(step);
    } else if (what < 97) {
      map.Erase(key);
      model.erase(key);
    } else {
      const std::string end = key + "5";
      map.EraseRange(key, end);
      model.erase(model.lower_bound(key), model.lower_bound(end));
    }
    if (step % 100 == 0) copies.emplace_back(map, model);
  }
  copies.emplace_back(map, model);
  for (const auto& [copy, expected] : copies) {
    copy.CheckInvariants();
    EXPECT_EQ(Contents(copy), expected);
  }
}

TEST(PersistentMap, NeighboursAreFoundWhetherOrNotTheKeyExists) {
  PersistentMap map;
  for (const char* key : {"b", "d"}) map.Put(key, "");
  EXPECT_EQ(map.FirstAtOrAfter("b")->key, "b");
  EXPECT_EQ(map.FirstAtOrAfter("c")->key, "d");
  EXPECT_EQ(map.FirstAfter("b")->key, "d");
  EXPECT_FALSE(map.FirstAfter("d"));
  EXPECT_EQ(map.LastBefore("d")->key, "b");
  EXPECT_EQ(map.LastBefore("c")->key, "b");
  EXPECT_FALSE(map.LastBefore("b"));
}

TEST(PersistentMap, RecordOutlivesItsMap) {
  RecordRef kept;
  {
    PersistentMap map;
    map.Put("k", "v");
    kept = map.Find("k");
    map.Erase("k");
  }
  EXPECT_EQ(kept->value, "v");
}

TEST(PersistentMap, BytesFollowTheContents) {
  PersistentMap map;
  map.Put("key", "value");
  map.Put("key", "v");
  EXPECT_EQ(map.bytes(), 4u);
  map.EraseRange("a", "z");
  EXPECT_EQ(map.bytes(), 0u);
}

}  // namespace
}  // namespace lockstep::store
