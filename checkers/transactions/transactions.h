// Transactions: did they see what an isolation level promises?
//
// Dependencies are inferred from what was written and read [Adya 1999; Kingsbury & Alvaro, "Elle",
// VLDB 2020]; a cycle of them that the level forbids is a violation, and so is what no order could
// explain: reads of what failed, of half a transaction, of what nobody wrote, in two orders.
// Deterministic; O(n) but for the cycles that are found.
#ifndef LOCKSTEP_CHECKERS_TRANSACTIONS_TRANSACTIONS_H_
#define LOCKSTEP_CHECKERS_TRANSACTIONS_TRANSACTIONS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkers/linearizability.h"
#include "checkers/transactions/cycles.h"
#include "checkers/transactions/txn_history.h"

namespace lockstep::checkers {

// Each forbids what those before it forbid, and more.
enum class Isolation {
  kReadUncommitted,
  kReadCommitted,
  kSnapshot,
  kSerializable,
  kStrongSession,  // serializable, in the order of each client
  kStrict,         // serializable, in the order of real time
};

// "strict-serializable"; absent: there is no such level.
std::optional<Isolation> IsolationNamed(std::string_view name);
const char* Name(Isolation isolation);
std::vector<std::string> IsolationNames();

struct TxnOptions final {
  Isolation isolation = Isolation::kStrict;
  CycleLimits limits;
};

struct Anomaly final {
  std::string name;  // "G-single-realtime", "incompatible-order"
  std::string text;  // the cycle or the conflict in words
  std::vector<uint32_t> txns;
  std::vector<CycleStep> steps;  // of a cycle
};

// Anomalies as they are found; of one name only the first few are kept, the others counted.
class Anomalies final {
 public:
  static constexpr size_t kKeptMax = 4;

  bool Wants(const std::string& name) { return counts_[name]++ < kKeptMax; }
  void Keep(std::string name, std::string text, std::vector<uint32_t> txns) {
    kept_.push_back({std::move(name), std::move(text), std::move(txns), {}});
  }
  std::vector<Anomaly>& kept() { return kept_; }
  const std::map<std::string, size_t>& counts() const { return counts_; }

 private:
  std::vector<Anomaly> kept_;
  std::map<std::string, size_t> counts_;
};

struct TxnResult final {
  Verdict verdict = Verdict::kOk;
  std::vector<Anomaly> anomalies;  // those that the level forbids, the worst first
  std::map<std::string, size_t> counts;
  size_t edges = 0;
};

TxnResult CheckTransactions(const TxnHistory& history, const TxnOptions& options = {});

// What one workload knows of a history: its dependencies, and why each is one.
class DependencySource {
 public:
  virtual ~DependencySource() = default;
  // Adds the ww, wr and rw edges, and what needs no cycle to be wrong.
  virtual void Infer(DependencyGraph* graph, Anomalies* anomalies) = 0;
  // "T1 appended 5 to x and T2 appended 6 behind it".
  virtual std::string Explain(uint32_t from, uint32_t to, EdgeKind kind) const = 0;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_TRANSACTIONS_TRANSACTIONS_H_
