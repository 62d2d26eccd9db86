// Histories of transactions, written as text.
#ifndef LOCKSTEP_TESTS_CHECKERS_TRANSACTIONS_TXN_SUPPORT_H_
#define LOCKSTEP_TESTS_CHECKERS_TRANSACTIONS_TXN_SUPPORT_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "checkers/transactions/transactions.h"

namespace lockstep::checkers {

struct TxnLine final {
  uint64_t client;
  int64_t call;
  int64_t returned;  // -1: unknown, -2: failed
  std::string steps;
};

inline TxnHistory TxnsOf(const std::vector<TxnLine>& lines) {
  RecordedHistory recorded;
  for (const TxnLine& line : lines) {
    RecordedOperation op;
    op.client = line.client;
    op.call = line.call;
    op.function = "txn";
    op.outcome = line.returned >= 0    ? Outcome::kOk
                 : line.returned == -1 ? Outcome::kUnknown
                                       : Outcome::kFailed;
    if (line.returned >= 0) op.returned = line.returned;
    if (line.returned == -2) op.returned = line.call;
    EdnReader reader(line.steps);
    op.output = op.input = **reader.Next();
    recorded.operations.push_back(std::move(op));
  }
  auto history = TxnHistoryOf(recorded);
  EXPECT_TRUE(history.ok()) << history.status();
  return *std::move(history);
}

inline TxnResult CheckTxns(const std::vector<TxnLine>& lines,
                           Isolation isolation = Isolation::kStrict) {
  TxnOptions options;
  options.isolation = isolation;
  return CheckTransactions(TxnsOf(lines), options);
}

inline std::set<std::string> AnomaliesOf(const std::vector<TxnLine>& lines,
                                         Isolation isolation = Isolation::kStrict) {
  std::set<std::string> names;
  for (const Anomaly& anomaly : CheckTxns(lines, isolation).anomalies) names.insert(anomaly.name);
  return names;
}

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_TESTS_CHECKERS_TRANSACTIONS_TXN_SUPPORT_H_
