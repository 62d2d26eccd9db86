#include "checkers/formats/recorded_history.h"

#include <gtest/gtest.h>

namespace lockstep::checkers {
namespace {

std::string ErrorOf(std::string_view text) {
  const auto history = ReadRecordedHistory(text);
  return history.ok() ? "" : std::string(history.status().message());
}

TEST(RecordedHistory, JoinsCallsAndAnswersOfAProcess) {
  const auto history = ReadRecordedHistory(
      "{:process 3, :type :invoke, :f :write, :value 5}\n"
      "{:process :nemesis, :type :info, :f :kill, :value nil}\n"
      "{:process 4, :type :invoke, :f :read, :value nil}\n"
      "{:process 4, :type :ok, :f :read, :value 5}\n"
      "{:process 3, :type :info, :f :write, :value 5, :error :timeout}\n");
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_EQ(history->operations.size(), 2u);
  const RecordedOperation& write = history->operations[0];
  EXPECT_EQ(write.client, 3u);
  EXPECT_EQ(write.input, Edn::Integer(5));
  EXPECT_EQ(write.outcome, Outcome::kUnknown);
  EXPECT_FALSE(write.returned);
  const RecordedOperation& read = history->operations[1];
  EXPECT_EQ(read.line, 3u);
  EXPECT_EQ(read.output, Edn::Integer(5));
  EXPECT_LT(read.call, *read.returned);
  EXPECT_LT(write.call, read.call);
}

TEST(RecordedHistory, OneVectorAroundAllEventsIsTheSame) {
  const auto history = ReadRecordedHistory(
      "[{:process 0 :type :invoke :f :txn :value [[:r 1 nil]] :index 0}\n"
      " #jepsen.history.Op{:process 0 :type :ok :f :txn :value [[:r 1 [2]]] :index 1}]");
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_EQ(history->operations.size(), 1u);
  EXPECT_EQ(WriteEdn(history->operations[0].output), "[[:r 1 [2]]]");
}

TEST(RecordedHistory, WhatIsCalledAndNeverAnsweredIsUnknown) {
  const auto history = ReadRecordedHistory("{:process 1 :type :invoke :f :add :value 1}");
  ASSERT_TRUE(history.ok());
  EXPECT_EQ(history->operations[0].outcome, Outcome::kUnknown);
}

TEST(RecordedHistory, LogLinesOfOthersArePassedOver) {
  const auto history = ReadRecordedHistory(
      "INFO  jepsen.core - Running\n"
      "INFO  jepsen.util - 2\t:invoke\t:cas\t[1 2]\n"
      "INFO  jepsen.util - :nemesis\t:info\t:start\tnil\n"
      "INFO  jepsen.util - 2\t:fail\t:cas\t[1 2]\n");
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_EQ(history->format, HistoryFormat::kJepsenLog);
  ASSERT_EQ(history->operations.size(), 1u);
  EXPECT_EQ(history->operations[0].outcome, Outcome::kFailed);
}

TEST(RecordedHistory, JsonLinesHoldAFunctionAndItsValue) {
  const auto history = ReadRecordedHistory(
      "{\"client\":1,\"id\":1,\"call\":10,\"return\":20,\"input\":\"write 5\",\"output\":\"\"}\n"
      "{\"client\":2,\"id\":2,\"call\":15,\"return\":null,\"input\":\"read\",\"output\":null}\n"
      "{\"client\":2,\"id\":3,\"call\":30,\"return\":31,\"input\":\"cas [1 "
      "2]\",\"output\":\":fail\"}\n");
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_EQ(history->operations.size(), 3u);
  EXPECT_EQ(history->operations[0].function, "write");
  EXPECT_EQ(history->operations[0].returned, 20);
  EXPECT_EQ(history->operations[1].outcome, Outcome::kUnknown);
  EXPECT_EQ(history->operations[2].outcome, Outcome::kFailed);
}

TEST(RecordedHistory, ErrorsNameTheLineAndWhatWasExpected) {
  EXPECT_EQ(ErrorOf("hello"),
            "line 1: expected a history: JSON Lines ({\"client\":...), EDN ({:process ...) or a "
            "Jepsen log (INFO  jepsen.util - ...), found hello");
  EXPECT_EQ(ErrorOf("{:process 1 :type :invoke :f :read}\n{:process 1 :type :invoke :f :read}"),
            "line 2: expected the answer to what process 1 called in line 1, found another call of "
            "it");
  EXPECT_EQ(ErrorOf("{:process 1 :type :ok :f :read}"),
            "line 1: expected a call of process 1, found an answer to it");
  EXPECT_EQ(ErrorOf("{:process 1 :type :done :f :read}"),
            "line 1: expected the type :invoke, :ok, :fail or :info, found :done");
  EXPECT_EQ(ErrorOf("{:a 1}\n"),
            "line 1: expected a map with :process, :type and :f, found {:a 1}");
  EXPECT_EQ(ErrorOf("{:process 1 :type :invoke :f :read}\n{:process 1 :type :ok :f :write}"),
            "line 2: expected an answer to :read, found :write");
  EXPECT_EQ(ErrorOf("{\"client\":1}"), "line 1: expected an operation with an integer \"id\"");
}

TEST(RecordedHistory, RequestsToAStoreAreRecognised) {
  EXPECT_TRUE(HoldsKvRequests(
      "{\"client\":1,\"id\":1,\"call\":1,\"return\":null,\"input\":\"{}\",\"output\":null}"));
  EXPECT_FALSE(HoldsKvRequests(
      "{\"client\":1,\"id\":1,\"call\":1,\"return\":null,\"input\":\"read\",\"output\":null}"));
}

}  // namespace
}  // namespace lockstep::checkers
