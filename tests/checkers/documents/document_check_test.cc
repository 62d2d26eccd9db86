#include "checkers/documents/document_check.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "checkers/check_file.h"

namespace lockstep::checkers {
namespace {

using Lines = std::vector<std::string>;

// Rules that are broken, in order, without their words.
std::string Broken(const Lines& lines) {
  const auto history = ReadDocumentHistory(absl::StrJoin(lines, "\n"));
  EXPECT_TRUE(history.ok()) << history.status();
  if (!history.ok()) return "";
  std::vector<std::string> rules;
  for (const Violation& violation : CheckDocuments(*history)) rules.push_back(violation.oracle);
  return absl::StrJoin(rules, ", ");
}

std::string Scope(const std::string& node) {
  return absl::StrCat(R"({"event":"scope","node":")", node, R"(","tenant":"t"})");
}
std::string Write(const std::string& node, int nseq, const std::string& rev,
                  const std::string& base, const std::string& rest = R"(,"body":"x")") {
  return absl::StrCat(R"({"event":"write","node":")", node, R"(","tenant":"t","doc":"d","nseq":)",
                      nseq, R"(,"rev":")", rev, R"(","base":")", base, "\"", rest, "}");
}
std::string Applied(const std::string& node, int nseq, int seq,
                    const std::string& status = "applied") {
  return absl::StrCat(R"({"event":"verdict","node":")", node, R"(","nseq":)", nseq,
                      R"(,"status":")", status, R"(","seq":)", seq, "}");
}
std::string State(const std::string& node, int seq, const Lines& heads, int evicted = 0) {
  Lines list;
  for (const std::string& rev : heads) {
    const bool deleted = rev.back() == '-';
    list.push_back(
        absl::StrCat(R"({"rev":")", rev, deleted ? R"(","deleted":true})" : R"(","body":"x"})"));
  }
  return absl::StrCat(R"({"event":"state","node":")", node, R"(","tenant":"t","doc":"d","seq":)",
                      seq, R"(,"evicted":)", evicted, R"(,"heads":[)", absl::StrJoin(list, ","),
                      "]}");
}
std::string Read(const std::string& node, const std::string& rev) {
  return absl::StrCat(R"({"event":"read","node":")", node, R"(","tenant":"t","doc":"d","rev":")",
                      rev, R"(","body":"x"})");
}
std::string Checkpoint(const std::string& node, int seq, const std::string& epoch = "e") {
  return absl::StrCat(R"({"event":"checkpoint","node":")", node, R"(","seq":)", seq,
                      R"(,"epoch":")", epoch, "\"}");
}
const std::string kQuiet = R"({"event":"quiet"})";

// Two nodes write one document at once; both keep both.
const Lines kConflict = {
    Scope("a"),         Scope("b"),         Write("a", 1, "r1", ""),      Write("b", 1, "r2", ""),
    Applied("b", 1, 1), Applied("a", 1, 2), State("hub", 2, {"r1", "r2"})};

Lines With(Lines lines, const Lines& more) {
  lines.insert(lines.end(), more.begin(), more.end());
  return lines;
}

TEST(Documents, NothingIsWrongWhereEverybodyHoldsBothSidesOfAConflict) {
  const Lines both = With(kConflict, {State("a", 2, {"r1", "r2"}), State("b", 2, {"r1", "r2"})});
  EXPECT_EQ(Broken(With(both, {kQuiet})), "");
  const Lines resolved = {Write("a", 2, "r3", "r2", R"(,"body":"x","resolves":["r1"])"),
                          Applied("a", 2, 3), State("a", 3, {"r3"}), State("b", 3, {"r3"})};
  EXPECT_EQ(Broken(With(With(both, resolved), {State("hub", 3, {"r3"}), kQuiet})), "");
  EXPECT_EQ(Broken(With(With(both, resolved), {kQuiet})), "convergence")
      << "the hub's state is old";
}

TEST(Documents, ADroppedConflictIsNamed) {
  EXPECT_EQ(Broken(With(kConflict, {State("a", 2, {"r2"})})), "conflicts are kept");
  EXPECT_EQ(Broken(With(kConflict, {State("a", 2, {"r2"}, 1)})), "") << "the lowest was evicted";
  EXPECT_EQ(Broken(With(kConflict, {State("a", 2, {"r1"}, 1)})), "conflicts are kept")
      << "the lowest is evicted first";
  EXPECT_EQ(Broken(With(kConflict, {State("a", 1, {"r2"})})), "") << "the other came later";
}

TEST(Documents, AnAcknowledgedWriteMayNotBeLost) {
  const Lines lines = {Scope("a"), Write("a", 1, "r1", "")};
  EXPECT_EQ(Broken(With(lines, {kQuiet})), "no lost write");
  EXPECT_EQ(Broken(With(lines, {Applied("a", 1, 0, "rejected"), kQuiet})), "") << "it was told";
  EXPECT_EQ(Broken(lines), "") << "it may still come";
  EXPECT_EQ(Broken({Write("a", 1, "r1", "", R"(,"body":"x","durable":false)"), kQuiet}), "");
}

TEST(Documents, InTheEndAllNodesHoldTheSame) {
  const Lines lines = With(kConflict, {State("a", 2, {"r1", "r2"}), State("b", 1, {"r2"})});
  EXPECT_EQ(Broken(lines), "");
  EXPECT_EQ(Broken(With(lines, {kQuiet})), "convergence");
  EXPECT_EQ(Broken(With(kConflict, {kQuiet})), "convergence, convergence") << "they hold nothing";
}

TEST(Documents, WhatWasDeletedStaysDeleted) {
  const Lines lines = {Write("a", 1, "r1", ""), Applied("a", 1, 1),
                       Write("a", 2, "r2-", "r1", R"(,"deleted":true)"), Applied("a", 2, 2)};
  EXPECT_EQ(Broken(With(lines, {State("b", 2, {"r2-"})})), "");
  EXPECT_EQ(Broken(With(lines, {State("b", 2, {"r1", "r2-"})})), "tombstones stay");
  EXPECT_EQ(Broken(With(lines, {State("b", 2, {"r1"})})), "tombstones stay");
  EXPECT_EQ(Broken(With(lines, {State("b", 1, {"r1"})})), "") << "as of before";
  EXPECT_EQ(Broken(With(lines, {Write("c", 1, "r3", ""), Applied("c", 1, 3),
                                State("b", 3, {"r2-", "r3"})})),
            "")
      << "a concurrent write is no resurrection";
}

TEST(Documents, ReadsNeverGoBack) {
  const Lines lines = {Write("a", 1, "r1", ""), Applied("a", 1, 1), Write("a", 2, "r2", "r1")};
  EXPECT_EQ(Broken(With(lines, {Read("a", "r2")})), "");
  EXPECT_EQ(Broken(With(lines, {Read("a", "r1")})), "monotonic") << "not its own write";
  EXPECT_EQ(Broken(With(lines, {Read("a", "")})), "monotonic");
  EXPECT_EQ(Broken(With(lines, {Applied("a", 2, 0, "rejected"), Read("a", "r1")})), "");
  EXPECT_EQ(Broken(With(lines, {Read("b", "r1"), Read("b", "r2"), Read("b", "r1")})), "monotonic");
  EXPECT_EQ(Broken(With(lines, {Write("a", 3, "r3-", "r2", R"(,"deleted":true)"), Read("a", "")})),
            "")
      << "deleted";
}

TEST(Documents, CheckpointsNeitherGoBackNorRunAhead) {
  const Lines lines = {Scope("a"), Scope("b"), Write("b", 1, "r1", ""), Applied("b", 1, 5)};
  EXPECT_EQ(Broken(With(lines, {Checkpoint("a", 5)})), "checkpoints");
  EXPECT_EQ(Broken(With(lines, {State("a", 5, {"r1"}), Checkpoint("a", 5)})), "");
  EXPECT_EQ(Broken(With(lines, {Checkpoint("a", 4), Checkpoint("a", 3)})), "checkpoints");
  EXPECT_EQ(Broken(With(lines, {Checkpoint("a", 4), Checkpoint("a", 3, "f")})), "")
      << "another epoch";
  const std::string gone = R"({"event":"remove","node":"a","tenant":"t","doc":"d"})";
  EXPECT_EQ(Broken(With(lines, {State("a", 5, {"r1"}), gone, Checkpoint("a", 9)})), "");
}

TEST(Documents, TenantsNeverSeeEachOther) {
  const auto other = [](const std::string& line) {
    return absl::StrReplaceAll(line, {{R"("tenant":"t")", R"("tenant":"u")"}});
  };
  const Lines lines = {Scope("a"), other(Scope("b")), Write("a", 1, "r1", ""), Applied("a", 1, 1)};
  EXPECT_EQ(Broken(With(lines, {State("b", 1, {"r1"})})), "isolation");
  EXPECT_EQ(Broken(With(lines, {Read("b", "r1")})), "isolation");
  EXPECT_EQ(Broken(With(lines, {other(State("b", 1, {"r1"}))})), "no invention")
      << "under the other tenant's name nobody wrote it";
  EXPECT_EQ(Broken(With(lines, {State("a", 1, {"r1"}), State("hub", 1, {"r1"})})), "");
}

TEST(Documents, RevisionsAreWhatSomebodyWroteAndRise) {
  const Lines lines = {Write("a", 1, "r5", ""), Applied("a", 1, 1)};
  EXPECT_EQ(Broken(With(lines, {State("b", 1, {"r6"})})), "no invention");
  EXPECT_EQ(Broken(With(lines, {absl::StrReplaceAll(State("b", 1, {"r5"}), {{"\"x\"", "\"y\""}})})),
            "no invention");
  EXPECT_EQ(Broken(With(lines, {Write("a", 2, "r4", "")})), "revisions rise");
  EXPECT_EQ(Broken(With(lines, {State("b", 1, {"r5"}), Write("b", 1, "r3", "")})),
            "revisions rise");
  EXPECT_EQ(Broken(With(lines, {Write("b", 1, "r3", "r5")})), "revisions rise");
}

TEST(Documents, AWriteHasOneVerdict) {
  const Lines lines = {Write("a", 1, "r1", ""), Applied("a", 1, 1), Write("b", 1, "r2", "")};
  EXPECT_EQ(Broken(With(lines, {Applied("a", 1, 1, "duplicate")})), "");
  EXPECT_EQ(Broken(With(lines, {Applied("a", 1, 2, "duplicate")})), "exactly once");
  EXPECT_EQ(Broken(With(lines, {Applied("a", 1, 0, "rejected")})), "exactly once");
  EXPECT_EQ(Broken(With(lines, {Applied("b", 1, 1)})), "exactly once") << "two writes at one seq";
  EXPECT_EQ(Broken(With(lines, {Applied("b", 7, 2)})), "no invention");
}

TEST(Documents, APurgedDocumentIsNowhere) {
  const std::string purge = R"({"event":"purge","tenant":"t","doc":"d"})";
  EXPECT_EQ(Broken(With(kConflict, {purge, kQuiet})), "");
  EXPECT_EQ(Broken(With(kConflict, {purge, State("a", 2, {"r1", "r2"})})), "purge");
}

TEST(Documents, MalformedEventsNameLineAndWhatWasExpected) {
  const auto problem = [](const std::string& text) {
    return std::string(ReadDocumentHistory(text).status().message());
  };
  EXPECT_EQ(problem("\n{]"), "line 2: expected a JSON object with \"event\"");
  EXPECT_EQ(problem(R"({"event":"quite"})").substr(0, 29), "line 1: expected one of scope");
  EXPECT_EQ(problem(Write("a", 1, "r1", "", "")), "line 1: expected a text as \"body\"");
  EXPECT_EQ(problem(R"({"event":"checkpoint","node":"a","seq":"9"})"),
            "line 1: expected a whole number as \"seq\"");
}

TEST(Documents, AFileOfEventsIsKnownByItsFirstLine) {
  CheckOptions options;
  const auto report =
      CheckFileText(absl::StrJoin(With(kConflict, {State("a", 2, {"r2"})}), "\n"), options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->model, "documents");
  EXPECT_EQ(report->verdict, Verdict::kViolation);
  ASSERT_EQ(report->violations.size(), 1u);
  EXPECT_EQ(report->violations[0].where, "t/d");
  EXPECT_EQ(report->violations[0].verdict,
            "line 8: node a dropped r1, which nothing replaced by seq 2");
}

}  // namespace
}  // namespace lockstep::checkers
