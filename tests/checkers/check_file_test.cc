#include "checkers/check_file.h"

#include <gtest/gtest.h>

#include <array>
#include <tuple>

#include "checkers/kv_text.h"

namespace lockstep::checkers {
namespace {

absl::StatusOr<CheckReport> Check(std::string_view text, const std::string& model = "") {
  CheckOptions options;
  options.model = model;
  return CheckFileText(text, options);
}

constexpr char kStaleRead[] =
    "{:process 0 :type :invoke :f :write :value 1}\n{:process 0 :type :ok :f :write :value 1}\n"
    "{:process 0 :type :invoke :f :write :value 2}\n{:process 0 :type :ok :f :write :value 2}\n"
    "{:process 1 :type :invoke :f :read :value nil}\n{:process 1 :type :ok :f :read :value 1}\n";

TEST(CheckFile, GuessesTheModelAndSaysWhatIsWrong) {
  const auto report = Check(kStaleRead);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->model, "register");
  EXPECT_EQ(report->format, "EDN");
  EXPECT_EQ(report->operations, 3u);
  EXPECT_EQ(report->verdict, Verdict::kViolation);
  ASSERT_EQ(report->violations.size(), 1u);
  EXPECT_NE(report->violations[0].verdict.find("before it only 2 was possible"), std::string::npos)
      << report->violations[0];
}

TEST(CheckFile, AFailedOperationOfEdnDidNotHappen) {
  const auto report = Check(
      "{:process 0 :type :invoke :f :cas :value [7 8]}\n{:process 0 :type :fail :f :cas :value [7 "
      "8]}\n{:process 1 :type :invoke :f :write :value 7}\n{:process 1 :type :ok :f :write :value "
      "7}\n{:process 0 :type :invoke :f :cas :value [7 8]}\n{:process 0 :type :fail :f :cas :value "
      "[7 8]}\n");
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->verdict, Verdict::kOk) << "it may have failed for another reason";
}

TEST(CheckFile, PairsOfKeyAndValueAreRegistersOfTheirOwn) {
  const auto report = Check(
      "{:process 0 :type :invoke :f :write :value [a 1]}\n{:process 0 :type :ok :f :write :value "
      "[a 1]}\n{:process 1 :type :invoke :f :read :value [b nil]}\n{:process 1 :type :ok :f :read "
      ":value [b nil]}\n");
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->verdict, Verdict::kOk);
}

TEST(CheckFile, OurOwnHistoriesAreJudgedByTheirRevisions) {
  KvOperation put{1, 1, 10, 20, PutRequest("k", "v"), {}};
  put.output.revision = 2;
  put.output.results.resize(1);
  KvOperation again = put;
  again.id = 2;
  again.call = 30;
  again.returned = 40;
  const auto report = Check(WriteKvHistory({put, again}));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->model, "etcd");
  EXPECT_EQ(report->verdict, Verdict::kViolation);
  EXPECT_EQ(report->violations[0].oracle, "revision certificate");
}

TEST(CheckFile, AnUnknownModelIsAnsweredWithThoseThatExist) {
  const auto report = Check(kStaleRead, "registre");
  ASSERT_TRUE(absl::IsNotFound(report.status()));
  const std::string message(report.status().message());
  EXPECT_EQ(message.rfind("unknown model \"registre\"; models: etcd", 0), 0u) << message;
  for (const ModelInfo& model : KnownModels()) {
    EXPECT_NE(message.find(model.name), std::string::npos) << model.name;
  }
}

TEST(CheckFile, FunctionsThatNoModelHasAreNamed) {
  const auto report = Check("{:process 0 :type :invoke :f :fly :value nil}");
  ASSERT_TRUE(absl::IsNotFound(report.status()));
  EXPECT_EQ(std::string(report.status().message()).rfind("no model fits the functions fly", 0), 0u);
}

TEST(CheckFile, AModelThatDoesNotFitNamesLineAndWhatItExpected) {
  const auto report = Check(kStaleRead, "strings");
  ASSERT_TRUE(absl::IsInvalidArgument(report.status()));
  EXPECT_EQ(report.status().message(), "line 1: expected :get, :put or :append, found :write");
}

// One client after the other.
std::string Sequence(const std::vector<std::array<std::string, 3>>& steps) {
  std::string text;
  for (const auto& [function, input, output] : steps) {
    for (const bool returns : {false, true}) {
      text += "{:process 0 :type " + std::string(returns ? ":ok" : ":invoke") + " :f :" + function +
              " :value " + (returns ? output : input) + "}\n";
    }
  }
  return text;
}

TEST(CheckFile, EveryModelTellsWhatIsPossibleFromWhatIsNot) {
  using Steps = std::vector<std::array<std::string, 3>>;
  const std::vector<std::tuple<std::string, Steps, std::array<std::string, 3>>> cases = {
      {"queue",
       {{"enqueue", "7", "7"}, {"enqueue", "8", "8"}, {"dequeue", "nil", "7"}},
       {"dequeue", "nil", "7"}},
      {"stack",
       {{"push", "7", "7"}, {"push", "8", "8"}, {"pop", "nil", "8"}},
       {"pop", "nil", "nil"}},
      {"priority-queue",
       {{"insert", "8", "8"},
        {"insert", "-7", "-7"},
        {"insert", "9", "9"},
        {"extract", "nil", "-7"}},
       {"extract", "nil", "9"}},
      {"set", {{"add", "7", "7"}, {"read", "nil", "#{7}"}}, {"read", "nil", "#{}"}},
      {"membership",
       {{"add", "7", "true"}, {"remove", "7", "true"}, {"contains", "7", "false"}},
       {"remove", "7", "true"}},
      {"counter",
       {{"increment", "nil", "nil"}, {"decrement", "3", "3"}, {"read", "nil", "-2"}},
       {"read", "nil", "1"}},
      {"lock", {{"acquire", "nil", "nil"}, {"release", "nil", "nil"}}, {"release", "nil", "nil"}},
  };
  for (const auto& [model, possible, impossible] : cases) {
    Steps steps = possible;
    const auto good = Check(Sequence(steps));
    ASSERT_TRUE(good.ok()) << model << ": " << good.status();
    EXPECT_EQ(good->model, model);
    EXPECT_EQ(good->verdict, Verdict::kOk) << model;
    steps.push_back(impossible);
    const auto bad = Check(Sequence(steps));
    ASSERT_TRUE(bad.ok()) << model;
    EXPECT_EQ(bad->verdict, Verdict::kViolation) << model;
    EXPECT_EQ(bad->sections.size(), 1u) << model;
  }
}

TEST(CheckFile, PrioritiesAreNumbers) {
  const auto report = Check(Sequence({{"insert", "high", "high"}}));
  EXPECT_EQ(report.status().message(), "line 1: expected a whole number, found :insert high");
}

TEST(CheckFile, AHistoryWithoutOperationsIsNoProof) {
  EXPECT_FALSE(Check("").ok());
  EXPECT_FALSE(Check("[]").ok());
}

}  // namespace
}  // namespace lockstep::checkers
