#include "checkers/transactions/transactions.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "checkers/transactions/list_append.h"
#include "checkers/transactions/rw_register.h"

namespace lockstep::checkers {
namespace {

constexpr std::array<const char*, 6> kIsolations = {"read-uncommitted",
                                                    "read-committed",
                                                    "snapshot-isolation",
                                                    "serializable",
                                                    "strong-session-serializable",
                                                    "strict-serializable"};

// What the levels forbid besides cycles. A name that is not listed is wrong at every level.
struct Rule final {
  const char* name;
  Isolation from;
};
constexpr std::array<Rule, 4> kRules = {{{"G1a", Isolation::kReadCommitted},
                                         {"G1b", Isolation::kReadCommitted},
                                         {"dirty-update", Isolation::kReadCommitted},
                                         {"lost-update", Isolation::kSnapshot}}};

bool Forbids(Isolation isolation, const std::string& name) {
  for (const Rule& rule : kRules) {
    if (name == rule.name) return isolation >= rule.from;
  }
  return true;
}

CycleDepth DepthOf(Isolation isolation) {
  switch (isolation) {
    case Isolation::kReadUncommitted:
      return CycleDepth::kWrites;
    case Isolation::kReadCommitted:
      return CycleDepth::kReads;
    case Isolation::kSnapshot:
      return CycleDepth::kSnapshot;
    default:
      return CycleDepth::kAll;
  }
}

std::string ExplainStep(const TxnHistory& history, const DependencySource& source,
                        const CycleStep& step) {
  if (step.kind == EdgeKind::kProcess) {
    return absl::StrCat("client ", history.txns[step.from].client, " did T", step.from, " before T",
                        step.to);
  }
  if (step.kind == EdgeKind::kRealtime) {
    return absl::StrCat("T", step.from, " returned at ", history.txns[step.from].returned,
                        " before T", step.to, " was called at ", history.txns[step.to].call);
  }
  return source.Explain(step.from, step.to, step.kind);
}

Anomaly InWords(const TxnHistory& history, const DependencySource& source,
                const FoundCycle& cycle) {
  Anomaly anomaly;
  anomaly.name = cycle.name;
  anomaly.steps = cycle.steps;
  for (const CycleStep& step : cycle.steps) {
    absl::StrAppend(&anomaly.text, anomaly.text.empty() ? "" : "; ",
                    ExplainStep(history, source, step));
    anomaly.txns.push_back(step.from);
  }
  absl::StrAppend(&anomaly.text, "; so each would have to come before itself. ");
  for (const CycleStep& step : cycle.steps) {
    absl::StrAppend(&anomaly.text, &step == &cycle.steps[0] ? "" : ", ",
                    DescribeTxn(history, step.from));
  }
  return anomaly;
}

}  // namespace

const char* Name(Isolation isolation) { return kIsolations[static_cast<size_t>(isolation)]; }

std::vector<std::string> IsolationNames() { return {kIsolations.begin(), kIsolations.end()}; }

std::optional<Isolation> IsolationNamed(std::string_view name) {
  for (size_t i = 0; i < kIsolations.size(); ++i) {
    if (name == kIsolations[i]) return static_cast<Isolation>(i);
  }
  return std::nullopt;
}

TxnResult CheckTransactions(const TxnHistory& history, const TxnOptions& options) {
  std::unique_ptr<DependencySource> source;
  if (history.workload == TxnWorkload::kListAppend) {
    source = std::make_unique<ListAppend>(history);
  } else {
    // Whoever promises real time promises it for each key.
    source = std::make_unique<RwRegister>(history, options.isolation == Isolation::kStrict);
  }
  DependencyGraph graph(history.txns.size());
  Anomalies anomalies;
  source->Infer(&graph, &anomalies);
  if (options.isolation >= Isolation::kStrongSession) AddProcessOrder(history, &graph);
  if (options.isolation == Isolation::kStrict) AddRealtimeOrder(history, &graph);
  graph.Freeze();
  TxnResult result;
  result.edges = graph.edges();
  const CycleSearch search = FindCycles(graph, DepthOf(options.isolation), options.limits);
  for (const FoundCycle& cycle : search.cycles) {
    if (++result.counts[cycle.name] > Anomalies::kKeptMax) continue;
    result.anomalies.push_back(InWords(history, *source, cycle));
  }
  for (const auto& [name, count] : anomalies.counts()) {
    if (Forbids(options.isolation, name)) result.counts[name] += count;
  }
  for (Anomaly& anomaly : anomalies.kept()) {
    if (Forbids(options.isolation, anomaly.name)) result.anomalies.push_back(std::move(anomaly));
  }
  if (!result.anomalies.empty()) {
    result.verdict = Verdict::kViolation;
  } else if (!search.is_complete) {
    result.verdict = Verdict::kUnknown;
  }
  return result;
}

}  // namespace lockstep::checkers
