// Histories recorded from real systems, with known verdicts.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "checkers/formats/recorded_history.h"
#include "checkers/linearizability.h"
#include "checkers/models/register.h"
#include "checkers/models/string_store.h"

namespace lockstep::checkers {
namespace {

std::string DataPath(const std::string& name) {
  return absl::StrCat(LOCKSTEP_TEST_DATA, "/porcupine/", name);
}

std::optional<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> Lines(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

struct Timed {
  Verdict verdict;
  double ms;
  size_t operations;
};

template <typename M, typename Ops>
Timed CheckTimed(const M& model, const Ops& ops) {
  const auto start = std::chrono::steady_clock::now();
  const Verdict verdict = CheckLinearizability(model, ops).verdict;
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  return {verdict, took.count(), ops.size()};
}

// Reading is not timed.
Timed CheckFile(const std::string& name, const std::string& text) {
  const auto recorded = ReadRecordedHistory(text);
  EXPECT_TRUE(recorded.ok()) << name << ": " << recorded.status();
  if (absl::StartsWith(name, "jepsen/")) {
    const auto history = RegisterHistoryOf(*recorded);
    EXPECT_TRUE(history.ok()) << history.status();
    return CheckTimed(history->model, history->operations);
  }
  const auto operations = StringHistoryOf(*recorded);
  EXPECT_TRUE(operations.ok()) << operations.status();
  return CheckTimed(StringModel(), *operations);
}

TEST(RecordedHistories, VerdictsAreTheKnownOnes) {
  const auto expected = ReadFile(DataPath("expected.tsv"));
  if (!expected) GTEST_SKIP() << "no recorded histories in " << LOCKSTEP_TEST_DATA;
  int files = 0;
  double total = 0;
  for (const std::string& line : Lines(*expected)) {
    const std::vector<std::string> columns = absl::StrSplit(line, '\t');
    ASSERT_EQ(columns.size(), 2u) << line;
    const auto text = ReadFile(DataPath(columns[0]));
    ASSERT_TRUE(text) << columns[0];
    const Timed result = CheckFile(columns[0], *text);
    EXPECT_GT(result.operations, 30u) << columns[0];
    EXPECT_EQ(result.verdict, columns[1] == "Ok" ? Verdict::kOk : Verdict::kViolation)
        << columns[0];
    std::printf("%s\t%s\t%zu operations\t%.3f ms\n", columns[0].c_str(), columns[1].c_str(),
                result.operations, result.ms);
    total += result.ms;
    ++files;
  }
  std::printf("%d files, %.2f ms\n", files, total);
  EXPECT_GE(files, 50);
}

}  // namespace
}  // namespace lockstep::checkers
