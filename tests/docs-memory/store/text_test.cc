// Search for words: against a naive ranking over all documents, while they change.
#include "docs-memory/query/text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "framework/base/random.h"
#include "tests/docs-memory/store/device.h"

namespace lockstep::docs {
namespace {

const std::vector<std::string> kVocabulary{"red", "green", "blue", "fox", "owl", "sleeps", "runs"};

using Texts = std::map<int, std::vector<std::string>>;  // words of the document, by id

std::string RandomText(base::SequentialRandom& random, std::vector<std::string>* words) {
  std::string text;
  for (size_t n = random.Below(9); n > 0; --n) {
    if (random.Below(2) == 0) {
      text += "The-";
      words->push_back("the");
    }
    words->push_back(kVocabulary[random.Below(kVocabulary.size())]);
    text += words->back() + ", ";
  }
  return text;
}

// BM25 as the book has it.
std::map<int, double> NaiveScores(const Texts& texts, const std::set<std::string>& search) {
  double all = 0;
  double count = 0;
  for (const auto& [id, words] : texts) {
    all += static_cast<double>(words.size());
    count += words.empty() ? 0 : 1;
  }
  std::map<int, double> scores;
  for (const std::string& wanted : search) {
    double found = 0;
    for (const auto& [id, words] : texts)
      found += std::find(words.begin(), words.end(), wanted) != words.end() ? 1 : 0;
    for (const auto& [id, words] : texts) {
      const auto tf = static_cast<double>(std::count(words.begin(), words.end(), wanted));
      if (tf == 0) continue;
      const double idf = std::log2(1 + (count - found + 0.5) / (found + 0.5));
      const double size = static_cast<double>(words.size()) / (all / count);
      scores[id] += idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * size));
    }
  }
  return scores;
}

void CompareOnce(Fiber& fiber, Store& store, const Texts& texts,
                 const std::set<std::string>& search) {
  std::string words;
  for (const std::string& word : search) words += word + " ";
  const Document filter{{"$text", Document{{"$search", Value(words)}}}};
  std::map<int, double> wanted = NaiveScores(texts, search);
  auto cursor = Collection(store, "c").Find(fiber, filter);
  ASSERT_TRUE(cursor.ok()) << cursor.status();
  int64_t last = INT64_MAX;
  for (;;) {
    const auto found = (*cursor)->Next(fiber);
    ASSERT_TRUE(found.ok()) << found.status();
    if (!*found) break;
    const int id = (*found)->document.Find("_id")->int32();
    ASSERT_TRUE(wanted.contains(id)) << id << " has none of: " << words;
    EXPECT_NEAR(static_cast<double>((*found)->text_score) / 65536, wanted[id], 0.001);
    EXPECT_LE((*found)->text_score, last) << "not the best first";
    last = (*found)->text_score;
    wanted.erase(id);
  }
  EXPECT_TRUE(wanted.empty()) << wanted.size() << " documents were not found: " << words;
}

TEST(TextIndex, RanksAsANaiveWalkOverAllDocumentsDoes) {
  Device device;
  base::SequentialRandom random(11);
  Texts texts;
  for (int life = 0; life < 4; ++life) {
    device.Live([&](Fiber& fiber, Store& store) {
      Collection c(store, "c");
      if (life == 1) {
        ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"a": "text", "b.t": "text"})")).ok());
      }
      for (int step = 0; step < 60; ++step) {
        const int id = static_cast<int>(random.Below(30));
        const Document by_id{{"_id", Value(id)}};
        if (random.Below(4) == 0) {
          ASSERT_TRUE(c.DeleteOne(fiber, by_id).ok());
          texts.erase(id);
          continue;
        }
        std::vector<std::string> first;
        std::vector<std::string> second;
        const Document document{
            {"a", Value(RandomText(random, &first))},
            {"b", Value::Array({Document{{"t", Value(RandomText(random, &second))}}, 5})}};
        WriteOptions upsert;
        upsert.upsert = true;
        ASSERT_TRUE(c.ReplaceOne(fiber, by_id, document, upsert).ok());
        texts[id] = first;
        texts[id].insert(texts[id].end(), second.begin(), second.end());
      }
      if (life == 0) return;
      fiber.SleepFor(Milliseconds(50));
      ASSERT_TRUE(VerifyStore(fiber, *store.state()).ok());
      for (int i = 0; i < 10; ++i) {
        std::set<std::string> search;
        for (size_t n = 1 + random.Below(3); n > 0; --n)
          search.insert(kVocabulary[random.Below(kVocabulary.size())]);
        CompareOnce(fiber, store, texts, search);
      }
    });
    if (life % 2 == 0) device.LosePower();
  }
}

TEST(TextIndex, KnowsPhrasesAndWhatIsExcluded) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    EXPECT_EQ(IdsOf(fiber, store, R"({"$text": {"$search": "x"}})"), "");
    ASSERT_TRUE(c.InsertMany(fiber, {Json(R"({"_id": 1, "t": "The quick brown fox"})"),
                                     Json(R"({"_id": 2, "t": "brown, quick and FOX"})"),
                                     Json(R"({"_id": 3, "t": ["a fox", "brown bear"]})"),
                                     Json(R"({"_id": 4, "t": 5})")})
                    .ok());
    EXPECT_EQ(IdsOf(fiber, store, R"({"$text": {"$search": "fox"}})"), "E_NO_INDEX");
    ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"t": "text"})")).ok());
    fiber.SleepFor(Milliseconds(50));
    FindOptions by_id;
    by_id.sort = Json(R"({"_id": 1})");
    EXPECT_EQ(IdsOf(fiber, store, R"({"$text": {"$search": "fox"}})", by_id), "1 2 3");
    EXPECT_EQ(IdsOf(fiber, store, R"({"$text": {"$search": "\"quick brown\""}})"), "1");
    EXPECT_EQ(IdsOf(fiber, store, R"({"$text": {"$search": "brown -quick"}})"), "3");
    EXPECT_EQ(IdsOf(fiber, store, R"({"$text": {"$search": "\"fox brown\""}})"), "")
        << "a phrase does not go from one string into the next";
    EXPECT_EQ(IdsOf(fiber, store, R"({"$text": {"$search": "-fox"}})"), "");
    EXPECT_EQ(IdsOf(fiber, store, R"({"$text": {"$search": "FOX"}, "_id": {"$gt": 2}})"), "3");
    by_id.hint = "$natural";
    EXPECT_EQ(IdsOf(fiber, store, R"({"$text": {"$search": "bear quick"}})", by_id), "1 2 3");
    by_id.hint.clear();
    by_id.as_of = 5;
    ASSERT_TRUE(c.DeleteOne(fiber, Json(R"({"_id": 1})")).ok());
    EXPECT_EQ(IdsOf(fiber, store, R"({"$text": {"$search": "fox"}})", by_id), "1 2 3");
  });
}

TEST(TextIndex, IsExplainedAndShowsScores) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"t": "text"})")).ok());
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": 1, "t": "one two"})")).ok());
    const Document filter = Json(R"({"$text": {"$search": "two"}})");
    const auto plan = c.Explain(fiber, filter);
    ASSERT_TRUE(plan.ok()) << plan.status();
    const ValueRef stage = *FindField(*plan->Find("plan"), "stage");
    EXPECT_EQ(stage.string(), "text");
    EXPECT_EQ(FindField(*plan->Find("plan"), "sort")->string(), "score");
    FindOptions with_meta;
    with_meta.with_meta = true;
    const auto found = c.FindOne(fiber, filter, with_meta);
    ASSERT_TRUE(found.ok() && *found);
    EXPECT_GT((*found)->document.Find("_score")->int64(), 0);
    EXPECT_EQ((*found)->document.Find("_score")->int64(), (*found)->text_score);
  });
}

TEST(TextIndex, SaysWhatItRefuses) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    IndexOptions unique;
    unique.unique = true;
    EXPECT_EQ(CodeOf(c.CreateIndex(fiber, Json(R"({"t": "text"})"), unique)), "E_INDEX");
    EXPECT_EQ(CodeOf(c.CreateIndex(fiber, Json(R"({"t": "text", "u": 1})"))), "E_INDEX");
    ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"t": "text"})")).ok());
    EXPECT_EQ(CodeOf(c.CreateIndex(fiber, Json(R"({"u": "text"})"))), "E_INDEX");
    for (const char* filter :
         {R"({"$text": "fox"})", R"({"$text": {"$search": 1}})", R"({"$text": {"find": "x"}})",
          R"({"$or": [{"$text": {"$search": "x"}}]})", R"({"a": {"$text": {"$search": "x"}}})"}) {
      EXPECT_EQ(IdsOf(fiber, store, filter), "E_QUERY") << filter;
    }
    std::string many;
    for (int i = 0; i < 65; ++i) many += " w" + std::to_string(i);
    EXPECT_EQ(IdsOf(fiber, store, R"({"$text": {"$search": ")" + many + "\"}}"), "E_QUERY");
  });
}

TEST(TextIndex, FindsOtherFormsOfAWordWhereItIsAskedTo) {
  Device device;
  IndexOptions forms;
  forms.words = {.is_stemmed = true, .is_folded = true};
  const auto search = [](const std::string& words) {
    return R"({"$text": {"$search": ")" + words + "\"}}";
  };
  device.Live([&](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    EXPECT_EQ(CodeOf(c.CreateIndex(fiber, Json(R"({"t": 1})"), forms)), "E_INDEX");
    ASSERT_TRUE(
        c.InsertOne(fiber, Json(R"({"_id": 1, "t": "She was running in Z\u00fcrich"})")).ok());
    ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"t": "text"})"), forms).ok());
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": 2, "t": "Z\u00dcRICH RUNS"})")).ok());
    ASSERT_TRUE(
        c.UpdateOne(fiber, Json(R"({"_id": 2})"), Json(R"({"$set": {"t": "zurich walks"}})")).ok());
    ASSERT_TRUE(store.Sync(fiber).ok());
    EXPECT_EQ(CodeOf(c.CreateIndex(fiber, Json(R"({"t": "text"})"))), "E_INDEX") << "not the same";
  });
  device.LosePower();
  device.Live([&](Fiber& fiber, Store& store) {
    FindOptions by_id;
    by_id.sort = Json(R"({"_id": 1})");
    EXPECT_EQ(IdsOf(fiber, store, search("zurich"), by_id), "1 2");
    EXPECT_EQ(IdsOf(fiber, store, search("runs"), by_id), "1");
    EXPECT_EQ(IdsOf(fiber, store, search("zurich -walked"), by_id), "1");
    by_id.hint = "$natural";
    EXPECT_EQ(IdsOf(fiber, store, search("runner run"), by_id), "1");
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
  });
}

std::string Words(std::string_view text) {
  std::string joined;
  for (const std::string& word : WordsOf(text)) joined += (joined.empty() ? "" : "|") + word;
  return joined;
}

TEST(Words, AreRunsOfLettersAndDigitsInLowerCase) {
  EXPECT_EQ(Words("It's 2 o'clock, snake_case!"), "it|s|2|o|clock|snake_case");
  EXPECT_EQ(Words("  \t\n"), "");
  EXPECT_EQ(Words("\xC3\x84pfel \xC3\x9F\xE2\x80\x94\xC5\xBD"), "\xC3\xA4pfel|\xC3\x9F|\xC5\xBE");
  EXPECT_EQ(Words("\xD0\x9C\xD0\x98\xD0\xA0 \xCE\xA9"), "\xD0\xBC\xD0\xB8\xD1\x80|\xCF\x89");
  EXPECT_EQ(Words("a\xE6\x97\xA5\xE6\x9C\xAC"
                  "b"),
            "a|\xE6\x97\xA5|\xE6\x9C\xAC|b");
  EXPECT_EQ(Words("x\xF0\x9F\x98\x80y"), "x|y");
  EXPECT_EQ(WordsOf(std::string(500, 'x'))[0].size(), 61u);
}

}  // namespace
}  // namespace lockstep::docs
