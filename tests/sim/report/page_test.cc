#include "sim/report/page.h"

#include <gtest/gtest.h>

namespace lockstep::sim {
namespace {

PageHead Head(std::string verdict) {
  PageHead head;
  head.oracle = "durability ledger";
  head.verdict = std::move(verdict);
  head.facts = {{"seed", "17"}};
  return head;
}

size_t Count(const std::string& text, std::string_view what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(Page, LoadsNothing) {
  const std::string page = Page(Head("x"), TimelineJson(Timeline()));
  for (const char* what : {"http://", "https://", "src=", "@import", "url(", "fetch(", "<link"}) {
    EXPECT_EQ(Count(page, what), 0u) << what;
  }
  EXPECT_EQ(Count(page, "@DATA@") + Count(page, "@SCRIPT@") + Count(page, "@STYLE@"), 0u);
}

TEST(Page, DataCannotBreakOutOfItsScript) {
  const std::string evil = "</script><script>alert(1)</script> \" \\ \n @SCRIPT@ \xFF";
  const std::string page = Page(Head(evil), TimelineJson(Timeline()));
  EXPECT_EQ(Count(page, "<script"), Count(Page(Head("x"), TimelineJson(Timeline())), "<script"));
  EXPECT_EQ(Count(page, "alert(1)</script>"), 0u);
  EXPECT_NE(page.find("\\u003c/script\\u003e"), std::string::npos);
  EXPECT_NE(page.find("\\u000a @SCRIPT@ \\u00ff"), std::string::npos);
}

TEST(Page, HasTheTimelineInMicroseconds) {
  Timeline timeline;
  timeline.OnReplica({5'000'000}, {NodeId(2), "leader", 3, 9, 8, 7});
  EXPECT_NE(TimelineJson(timeline).find("[5000,2,\"leader\",3,9,8,7]"), std::string::npos);
}

TEST(Curve, IsALineOfPercentages) {
  Curve curve;
  curve.points = {{0, 0, 8}, {500'000'000, 2, 8}, {1'000'000'000, 8, 8}};
  curve.guilty_from_ns = 500'000'000;
  curve.guilty_to_ns = 1'000'000'000;
  EXPECT_EQ(ShowCurve(curve),
            "P(fail) from prefix:  0.000s 0%  0.500s 25%  1.000s 100%\n"
            "guilty interval    :  0.500s to 1.000s\n");
  EXPECT_EQ(ShowCurve({}), "");
}

}  // namespace
}  // namespace lockstep::sim
