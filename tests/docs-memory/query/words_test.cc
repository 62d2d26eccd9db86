// Which words are the same one: stems against Porter's examples, letters without their marks.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "docs-memory/query/stem.h"
#include "docs-memory/query/text.h"
#include "docs-memory/query/word_form.h"

namespace lockstep::docs {
namespace {

using Words = std::vector<std::string>;

TEST(EnglishStem, FollowsEveryRuleOfThePaper) {
  const std::vector<std::pair<const char*, const char*>> examples{{"caresses", "caress"},
                                                                  {"ponies", "poni"},
                                                                  {"ties", "ti"},
                                                                  {"caress", "caress"},
                                                                  {"cats", "cat"},
                                                                  {"feed", "feed"},
                                                                  {"agreed", "agre"},
                                                                  {"plastered", "plaster"},
                                                                  {"bled", "bled"},
                                                                  {"motoring", "motor"},
                                                                  {"sing", "sing"},
                                                                  {"conflated", "conflat"},
                                                                  {"troubled", "troubl"},
                                                                  {"sized", "size"},
                                                                  {"hopping", "hop"},
                                                                  {"tanned", "tan"},
                                                                  {"falling", "fall"},
                                                                  {"hissing", "hiss"},
                                                                  {"fizzed", "fizz"},
                                                                  {"failing", "fail"},
                                                                  {"filing", "file"},
                                                                  {"happy", "happi"},
                                                                  {"sky", "sky"},
                                                                  {"relational", "relat"},
                                                                  {"conditional", "condit"},
                                                                  {"rational", "ration"},
                                                                  {"valenci", "valenc"},
                                                                  {"digitizer", "digit"},
                                                                  {"conformabli", "conform"},
                                                                  {"radicalli", "radic"},
                                                                  {"differentli", "differ"},
                                                                  {"vileli", "vile"},
                                                                  {"analogousli", "analog"},
                                                                  {"vietnamization", "vietnam"},
                                                                  {"predication", "predic"},
                                                                  {"operator", "oper"},
                                                                  {"feudalism", "feudal"},
                                                                  {"decisiveness", "decis"},
                                                                  {"hopefulness", "hope"},
                                                                  {"callousness", "callous"},
                                                                  {"formaliti", "formal"},
                                                                  {"sensitiviti", "sensit"},
                                                                  {"sensibiliti", "sensibl"},
                                                                  {"triplicate", "triplic"},
                                                                  {"formative", "form"},
                                                                  {"formalize", "formal"},
                                                                  {"electriciti", "electr"},
                                                                  {"electrical", "electr"},
                                                                  {"hopeful", "hope"},
                                                                  {"goodness", "good"},
                                                                  {"revival", "reviv"},
                                                                  {"allowance", "allow"},
                                                                  {"inference", "infer"},
                                                                  {"airliner", "airlin"},
                                                                  {"gyroscopic", "gyroscop"},
                                                                  {"adjustable", "adjust"},
                                                                  {"defensible", "defens"},
                                                                  {"irritant", "irrit"},
                                                                  {"replacement", "replac"},
                                                                  {"adjustment", "adjust"},
                                                                  {"dependent", "depend"},
                                                                  {"adoption", "adopt"},
                                                                  {"homologou", "homolog"},
                                                                  {"communism", "commun"},
                                                                  {"activate", "activ"},
                                                                  {"angulariti", "angular"},
                                                                  {"effective", "effect"},
                                                                  {"bowdlerize", "bowdler"},
                                                                  {"probate", "probat"},
                                                                  {"rate", "rate"},
                                                                  {"cease", "ceas"},
                                                                  {"controll", "control"},
                                                                  {"roll", "roll"},
                                                                  {"generalizations", "gener"},
                                                                  {"oscillators", "oscil"}};
  for (const auto& [word, stem] : examples) EXPECT_EQ(EnglishStem(word), stem) << word;
}

TEST(EnglishStem, LeavesOtherWordsAlone) {
  for (const char* word : {"", "s", "is", "x86s", "na\u00efvely", "\u4e2d"})
    EXPECT_EQ(EnglishStem(word), word);
}

TEST(WordForm, FoldsMarksAndNothingElse) {
  const WordForm folded{false, true};
  EXPECT_EQ(
      WordsOf("Z\u00fcrich \u0141\u00f3d\u017a Stra\u00dfe \u00c6r\u00f8 e\u0301te\u0301", folded),
      (Words{"zurich", "lodz", "strasse", "aero", "ete"}));
  EXPECT_EQ(WordsOf("\u0416\u0451 \u03b1\u03ac \u4e2d", folded),
            WordsOf("\u0416\u0451 \u03b1\u03ac \u4e2d"));
  EXPECT_EQ(WordsOf("a\u0301 \u0301 b", folded), (Words{"a", "b"})) << "marks alone are no word";
}

TEST(WordForm, StemsWhatIsFolded) {
  const WordForm both{true, true};
  EXPECT_EQ(WordsOf("na\u00efvely connected connections", both),
            (Words{"naiv", "connect", "connect"}));
}

TEST(WordForm, ASearchTakesTheFormOfItsIndex) {
  const Document operand{{"$search", "\"running dogs\" cats -failing"}};
  const auto search = TextSearch::Parse(operand.ref());
  ASSERT_TRUE(search.ok());
  const TextSearch stemmed = search->In({true, false});
  EXPECT_EQ(stemmed.words, (Words{"cat", "dog", "run"}));
  EXPECT_EQ(stemmed.phrases, (std::vector<Words>{{"run", "dog"}}));
  EXPECT_EQ(stemmed.excluded, Words{"fail"});
  const std::vector<Path> paths{*ParsePath("t")};
  EXPECT_TRUE(stemmed.Matches(Document{{"t", "He runs. Dogs, a cat"}}.view(), paths));
  EXPECT_FALSE(stemmed.Matches(Document{{"t", "He runs. Dogs, a cat fails"}}.view(), paths));
  EXPECT_FALSE(search->Matches(Document{{"t", "He runs. Dogs, a cat"}}.view(), paths));
}

}  // namespace
}  // namespace lockstep::docs
