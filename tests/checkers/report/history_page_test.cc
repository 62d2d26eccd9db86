#include "checkers/report/history_page.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "checkers/linearizability.h"
#include "checkers/models/register.h"

namespace lockstep::checkers {
namespace {

using Role = PageOperation::Role;

size_t Count(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

std::vector<RegisterOperation> StaleRead() {
  std::vector<RegisterOperation> ops(4);
  for (size_t i = 0; i < ops.size(); ++i) {
    ops[i].client = i;
    ops[i].call = static_cast<int64_t>(i) * 10;
    ops[i].returned = ops[i].call + 5;
  }
  ops[0].input = {RegisterInput::Kind::kWrite, 0, 0, 1};
  ops[1].input = {RegisterInput::Kind::kWrite, 0, 0, 2};
  ops[2].output.value = 1;
  ops[3].input = {RegisterInput::Kind::kWrite, 0, 0, 3};
  return ops;
}

TEST(HistoryPage, ShowsTheCulpritWhatContradictsItAndTheOrderBefore) {
  const auto ops = StaleRead();
  const RegisterModel model;
  const auto result = CheckLinearizability(model, ops);
  const PageSection section = SectionOf(model, ops, result.counterexample, result.culprit);
  ASSERT_EQ(section.operations.size(), 3u) << "what was called later is left out";
  EXPECT_EQ(section.operations[0].role, Role::kWitness);
  EXPECT_EQ(section.operations[0].position, 1u);
  EXPECT_EQ(section.operations[1].role, Role::kWitness);
  EXPECT_EQ(section.operations[1].position, 2u);
  EXPECT_EQ(section.operations[2].role, Role::kCulprit);
  EXPECT_FALSE(section.operations[2].position);
}

TEST(HistoryPage, IsOneFileThatFetchesNothing) {
  PageSection section;
  section.words = "first; second; third";
  section.operations.push_back({1, "a", 1, 2, Role::kCulprit, std::nullopt});
  const std::string html = WriteHistoryPage({"t", "s", {section}});
  EXPECT_NE(html.find("default-src 'none'"), std::string::npos);
  for (const char* remote : {"http://", "https://", "src=", "@import", "url(", "<link"}) {
    EXPECT_EQ(Count(html, remote), 0u) << remote;
  }
  EXPECT_NE(html.find("prefers-color-scheme:dark"), std::string::npos);
  EXPECT_EQ(Count(html, "class=\"bar culprit\""), 1u);
  EXPECT_NE(html.find("<b>first</b>; second<ul><li>third</li></ul>"), std::string::npos);
}

TEST(HistoryPage, TextOfClientsCannotBecomeMarkupNorBreakTheEncoding) {
  PageSection section;
  section.operations.push_back(
      {1, "<script>\"&\xFF\x01 \xC3\xA9</script>", 1, {}, Role::kContext, std::nullopt});
  section.words = "<b>";
  const std::string html = WriteHistoryPage({"<i>", "", {section}});
  EXPECT_EQ(Count(html, "<script>"), 1u) << "its own";
  EXPECT_NE(html.find("&lt;script&gt;&quot;&amp;.. \xC3\xA9&lt;/script&gt;"), std::string::npos);
  EXPECT_NE(html.find("<title>&lt;i&gt;</title>"), std::string::npos);
}

TEST(HistoryPage, AnOpenOperationReachesTheEdge) {
  PageSection section;
  section.operations.push_back({1, "a", 1, {}, Role::kContext, std::nullopt});
  EXPECT_EQ(Count(WriteHistoryPage({"", "", {section}}), "class=\"bar context open\""), 1u);
}

TEST(HistoryPage, LongHistoriesAreCutToWhatMatters) {
  PageSection section;
  for (int64_t i = 0; i < 500; ++i) {
    section.operations.push_back({1, absl::StrCat("op", i), i, i, Role::kContext, std::nullopt});
  }
  section.operations[3].role = Role::kWitness;
  section.operations[499].role = Role::kCulprit;
  KeepLegible(&section);
  ASSERT_LT(section.operations.size(), 50u);
  EXPECT_EQ(section.operations.front().text, "op3");
  EXPECT_EQ(section.operations.back().text, "op499");
  EXPECT_NE(section.heading.find("earlier operations are not shown"), std::string::npos);
}

TEST(HistoryPage, EqualInputGivesEqualBytes) {
  const auto ops = StaleRead();
  const PageSection section = SectionOf(RegisterModel(), ops, {0, 1, 2}, 2);
  EXPECT_EQ(WriteHistoryPage({"a", "b", {section}}), WriteHistoryPage({"a", "b", {section}}));
}

}  // namespace
}  // namespace lockstep::checkers
