// Histories recorded from real systems, with known verdicts.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "checkers/linearizability.h"
#include "tests/checkers/support.h"

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

int ToInt(std::string_view text) {
  int value = 0;
  EXPECT_TRUE(absl::SimpleAtoi(std::string(text), &value)) << text;
  return value;
}

// "[2 4]" and "3".
RegisterInput ParseInput(const std::string& function, std::string_view value) {
  if (function == ":read") return {};
  if (function == ":write") return {RegisterInput::kWrite, 0, ToInt(value), ""};
  const std::vector<std::string> numbers =
      absl::StrSplit(std::string(value.substr(1, value.size() - 2)), ' ');
  return {RegisterInput::kCas, ToInt(numbers[0]), ToInt(numbers[1]), ""};
}

// Lines "INFO  jepsen.util - <process> <type> <function> <value>", separated by tabs.
std::vector<RegisterOp> ParseJepsen(const std::string& text) {
  std::vector<RegisterOp> ops;
  std::map<std::string, size_t> open;
  int64_t now = 0;
  for (const std::string& line : Lines(text)) {
    const std::vector<std::string> words = absl::StrSplit(line, '\t');
    if (words.size() != 4 || !absl::StartsWith(line, "INFO  jepsen.util - ")) continue;
    const std::string& process = words[0];
    ++now;
    if (words[1] == ":invoke") {
      open[process] = ops.size();
      ops.push_back({ops.size(), ops.size(), now, {}, ParseInput(words[2], words[3]), {}});
      continue;
    }
    RegisterOp& op = ops[open.at(process)];
    if (words[1] == ":info") continue;  // unknown for ever
    if (words[1] == ":fail" && op.input.kind == RegisterInput::kRead) continue;
    op.returned = now;
    op.output.succeeded = words[1] == ":ok";
    if (op.input.kind == RegisterInput::kRead && words[3] != "nil") {
      op.output.value = ToInt(words[3]);
    }
  }
  return ops;
}

std::string Between(const std::string& line, const std::string& open, const std::string& close) {
  const size_t start = line.find(open) + open.size();
  return line.substr(start, line.find(close, start) - start);
}

// Lines {:process 9, :type :invoke, :f :append, :key "0", :value "x 9 0 y"}.
std::vector<StringOp> ParseKv(const std::string& text) {
  std::vector<StringOp> ops;
  std::map<std::string, size_t> open;
  int64_t now = 0;
  for (const std::string& line : Lines(text)) {
    if (!absl::StartsWith(line, "{:process")) continue;
    ++now;
    const std::string process = Between(line, ":process ", ",");
    const bool has_value = !absl::StrContains(line, ":value nil");
    const std::string value = has_value ? Between(line, ":value \"", "\"") : "";
    if (Between(line, ":type :", ",") == "invoke") {
      const std::string f = Between(line, ":f :", ",");
      const auto kind = f == "get"   ? StringInput::kGet
                        : f == "put" ? StringInput::kPut
                                     : StringInput::kAppend;
      open[process] = ops.size();
      ops.push_back(
          {ops.size(), ops.size(), now, {}, {kind, Between(line, ":key \"", "\""), value}, {}});
    } else {
      StringOp& op = ops[open.at(process)];
      op.returned = now;
      op.output = value;
    }
  }
  return ops;
}

struct Timed {
  Verdict verdict;
  double ms;
  size_t operations;
};

template <typename M, typename Op>
Timed CheckTimed(const M& model, const std::vector<Op>& ops) {
  const auto start = std::chrono::steady_clock::now();
  const Verdict verdict = CheckLinearizability(model, ops).verdict;
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  return {verdict, took.count(), ops.size()};
}

Timed CheckFile(const std::string& name, const std::string& text) {
  if (absl::StartsWith(name, "jepsen/")) return CheckTimed(RegisterModel(), ParseJepsen(text));
  return CheckTimed(StringModel(), ParseKv(text));
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
