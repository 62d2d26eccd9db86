#include "checkers/check_file.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "checkers/collections.h"
#include "checkers/documents/document_check.h"
#include "checkers/formats/recorded_history.h"
#include "checkers/kv_text.h"
#include "checkers/models/collections.h"
#include "checkers/models/register.h"
#include "checkers/models/string_store.h"
#include "checkers/register_zones.h"
#include "checkers/revision_certificate.h"
#include "checkers/string_versions.h"
#include "checkers/transactions/transactions.h"
#include "framework/base/status_macros.h"

namespace lockstep::checkers {
namespace {

using CheckFunction = absl::Status (*)(const RecordedHistory&, const CheckOptions&, CheckReport*);

struct Model final {
  ModelInfo info;
  std::set<std::string> functions;  // a history with these and no others fits
  CheckFunction check;              // null: it reads the text itself
};

template <typename M>
void Take(const M& model,
          const std::vector<Operation<typename M::Input, typename M::Output>>& operations,
          LinearizabilityResult result, CheckReport* report) {
  report->verdict = result.verdict;
  if (!result.violation) return;
  PageSection section = SectionOf(model, operations, result.counterexample, result.culprit);
  section.heading = result.violation->where;
  section.words = result.violation->verdict;
  KeepLegible(&section);
  report->sections.push_back(std::move(section));
  report->violations.push_back(*std::move(result.violation));
}

const char* Word(EdgeKind kind) {
  constexpr const char* kWords[] = {"overwritten by", "read by", "missed",
                                    "same client",    "earlier", ""};
  return kWords[static_cast<size_t>(kind)];
}

PageSection SectionOf(const TxnHistory& history, const Anomaly& anomaly) {
  PageSection section;
  section.heading = anomaly.name;
  section.words = anomaly.text;
  for (const uint32_t place : anomaly.txns) {
    const Txn& txn = history.txns[place];
    PageOperation bar;
    bar.client = txn.client;
    bar.text = absl::StrCat("T", place, ": ", DescribeOps(history, place));
    bar.call = txn.call;
    if (txn.returned != Txn::kNever) bar.returned = txn.returned;
    bar.role = PageOperation::Role::kWitness;
    section.operations.push_back(std::move(bar));
  }
  for (size_t i = 0; i < anomaly.steps.size(); ++i) {
    section.arrows.push_back({i, (i + 1) % anomaly.steps.size(), Word(anomaly.steps[i].kind)});
  }
  return section;
}

// The operations that the words name.
PageSection SectionOf(const KvHistory& history, const Violation& violation) {
  PageSection section;
  section.heading = violation.where;
  section.words = violation.verdict;
  for (const KvOperation& op : history) {
    const bool is_named = violation.verdict.find(DescribeOperation(op)) != std::string::npos;
    PageOperation bar;
    bar.client = op.client;
    bar.text = DescribeRequest(op.input);
    if (op.returned) absl::StrAppend(&bar.text, ", at revision ", op.output.revision);
    bar.call = op.call;
    bar.returned = op.returned;
    if (is_named) bar.role = PageOperation::Role::kWitness;
    if (is_named && violation.verdict.starts_with(DescribeOperation(op))) {
      bar.role = PageOperation::Role::kCulprit;
    }
    section.operations.push_back(std::move(bar));
  }
  KeepLegible(&section);
  return section;
}

// Of the histories that are a model and its operations.
template <auto kRead, auto kCheck>
absl::Status CheckModel(const RecordedHistory& recorded, const CheckOptions& options,
                        CheckReport* report) {
  ASSIGN_OR_RETURN(const auto history, kRead(recorded));
  const auto& [model, operations] = history;
  Take(model, operations, kCheck(model, operations, options.limits), report);
  return absl::OkStatus();
}

absl::Status CheckStrings(const RecordedHistory& recorded, const CheckOptions& options,
                          CheckReport* report) {
  ASSIGN_OR_RETURN(const std::vector<StringOperation> operations, StringHistoryOf(recorded));
  const StringModel model;
  Take(model, operations, CheckStringStore(model, operations, options.limits), report);
  return absl::OkStatus();
}

absl::Status CheckLocks(const RecordedHistory& recorded, const CheckOptions& options,
                        CheckReport* report) {
  ASSIGN_OR_RETURN(const std::vector<LockOperation> operations, LockHistoryOf(recorded));
  Take(LockModel(), operations, CheckLock(operations, options.limits), report);
  return absl::OkStatus();
}

absl::Status CheckTxn(const RecordedHistory& recorded, const CheckOptions& options,
                      CheckReport* report) {
  ASSIGN_OR_RETURN(const TxnHistory history, TxnHistoryOf(recorded));
  TxnOptions txn_options;
  txn_options.isolation = options.isolation;
  const TxnResult result = CheckTransactions(history, txn_options);
  report->model = history.workload == TxnWorkload::kListAppend ? "list-append" : "rw-register";
  absl::StrAppend(&report->model, ", ", Name(options.isolation));
  report->verdict = result.verdict;
  for (const Anomaly& anomaly : result.anomalies) {
    report->violations.push_back({anomaly.name, anomaly.text, ""});
    report->sections.push_back(SectionOf(history, anomaly));
  }
  return absl::OkStatus();
}

constexpr char kEtcd[] = "etcd";
constexpr char kDocuments[] = "documents";

const std::vector<Model>& Models() {
  static const std::vector<Model> models = {
      {{kEtcd, "an etcd-like store: linearizable, revisions in order", "requests as JSON"},
       {},
       nullptr},
      {{"register", "linearizable registers with compare-and-set", "read write cas"},
       {"read", "write", "cas"},
       CheckModel<RegisterHistoryOf, CheckRegisters>},
      {{"strings", "linearizable strings under keys", "get put append"},
       {"get", "put", "append"},
       CheckStrings},
      {{"queue", "a linearizable first-in-first-out queue", "enqueue dequeue"},
       {"enqueue", "dequeue"},
       CheckModel<QueueHistoryOf, CheckQueue>},
      {{"stack", "a linearizable stack", "push pop"},
       {"push", "pop"},
       CheckModel<QueueHistoryOf, CheckQueue>},
      {{"priority-queue", "a linearizable queue of numbers, the smallest first", "insert extract"},
       {"insert", "extract"},
       CheckModel<QueueHistoryOf, CheckQueue>},
      {{"lock", "a linearizable lock", "acquire release"}, {"acquire", "release"}, CheckLocks},
      {{"set", "a linearizable set that grows", "add read"},
       {"add", "read"},
       CheckModel<SetHistoryOf, CheckSet>},
      {{"membership", "a linearizable set, element by element", "add remove contains"},
       {"add", "remove", "contains"},
       CheckModel<MembershipHistoryOf, CheckMembership>},
      {{"counter", "a linearizable counter", "increment decrement read"},
       {"increment", "decrement", "read"},
       CheckModel<CounterHistoryOf, CheckCounter>},
      {{"transactions", "lists to append to, or registers, under an isolation level",
        "txn of append and r, or w and r"},
       {"txn"},
       CheckTxn},
      {{kDocuments, "documents with sync: nothing lost, conflicts kept, convergence",
        "events as JSON"},
       {},
       nullptr},
  };
  return models;
}

absl::Status NoSuchModel(const std::string& problem) {
  std::string list;
  for (const Model& model : Models()) {
    absl::StrAppend(&list, list.empty() ? "" : ", ", model.info.name, " (", model.info.functions,
                    ")");
  }
  return absl::NotFoundError(absl::StrCat(problem, "; models: ", list));
}

absl::StatusOr<const Model*> ChooseModel(const std::set<std::string>& functions,
                                         const std::string& wanted) {
  for (const Model& model : Models()) {
    if (wanted.empty() ? model.check != nullptr &&
                             std::includes(model.functions.begin(), model.functions.end(),
                                           functions.begin(), functions.end())
                       : model.info.name == wanted) {
      return &model;
    }
  }
  if (!wanted.empty()) return NoSuchModel(absl::StrCat("unknown model \"", wanted, "\""));
  std::string seen;
  for (const std::string& function : functions) absl::StrAppend(&seen, " ", function);
  return NoSuchModel(absl::StrCat("no model fits the functions", seen));
}

// The revisions prove order and content; the search is the referee of what they leave open.
absl::StatusOr<CheckReport> CheckKv(std::string_view text, const CheckOptions& options) {
  CheckReport report;
  report.format = Name(HistoryFormat::kJsonLines);
  report.model = kEtcd;
  ASSIGN_OR_RETURN(const KvHistory history, ReadKvHistory(text));
  report.operations = history.size();
  report.unknown_outcomes = static_cast<size_t>(std::count_if(
      history.begin(), history.end(), [](const KvOperation& op) { return !op.returned; }));
  if (auto certificate = CheckRevisions(history); certificate.violation) {
    report.verdict = Verdict::kViolation;
    report.sections.push_back(SectionOf(history, *certificate.violation));
    report.violations.push_back(*std::move(certificate.violation));
    return report;
  }
  const KvModel model(history);
  const KvHistory judged = model.Judged(history);
  Take(model, judged, CheckLinearizability(model, judged, options.limits), &report);
  return report;
}

absl::StatusOr<CheckReport> CheckDocumentText(std::string_view text) {
  CheckReport report;
  report.format = Name(HistoryFormat::kJsonLines);
  report.model = kDocuments;
  ASSIGN_OR_RETURN(const DocumentHistory history, ReadDocumentHistory(text));
  if (history.empty()) {
    return absl::InvalidArgumentError("line 1: expected at least one event, found none");
  }
  report.operations = history.size();
  report.violations = CheckDocuments(history);
  for (const Violation& violation : report.violations) {
    report.verdict = Verdict::kViolation;
    PageSection section;
    section.heading = absl::StrCat(violation.oracle, ", ", violation.where);
    section.words = violation.verdict;
    report.sections.push_back(std::move(section));
  }
  return report;
}

}  // namespace

std::vector<ModelInfo> KnownModels() {
  std::vector<ModelInfo> infos;
  for (const Model& model : Models()) infos.push_back(model.info);
  return infos;
}

absl::StatusOr<CheckReport> CheckFileText(std::string_view text, const CheckOptions& options) {
  if (!options.model.empty()) RETURN_IF_ERROR(ChooseModel({}, options.model).status());
  if (options.model == kDocuments || (options.model.empty() && HoldsDocumentEvents(text))) {
    return CheckDocumentText(text);
  }
  ASSIGN_OR_RETURN(const HistoryFormat format, DetectFormat(text));
  const bool is_kv = format == HistoryFormat::kJsonLines && HoldsKvRequests(text);
  if (options.model == kEtcd || (options.model.empty() && is_kv)) return CheckKv(text, options);
  ASSIGN_OR_RETURN(const RecordedHistory recorded, ReadRecordedHistory(text));
  std::set<std::string> functions;
  CheckReport report;
  report.format = Name(format);
  for (const RecordedOperation& op : recorded.operations) {
    functions.insert(op.function);
    if (!op.returned) ++report.unknown_outcomes;
  }
  report.operations = recorded.operations.size();
  if (functions.empty()) {
    return absl::InvalidArgumentError("line 1: expected at least one operation, found none");
  }
  ASSIGN_OR_RETURN(const Model* model, ChooseModel(functions, options.model));
  report.model = model->info.name;
  RETURN_IF_ERROR(model->check(recorded, options, &report));
  return report;
}

const char* Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kViolation:
      return "violation";
    case Verdict::kUnknown:
      return "unknown";
  }
  return "";
}

}  // namespace lockstep::checkers
