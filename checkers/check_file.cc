#include "checkers/check_file.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "checkers/formats/recorded_history.h"
#include "checkers/kv_text.h"
#include "checkers/models/register.h"
#include "checkers/models/string_store.h"
#include "checkers/revision_certificate.h"
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
void Judge(const M& model,
           const std::vector<Operation<typename M::Input, typename M::Output>>& operations,
           const CheckOptions& options, CheckReport* report) {
  LinearizabilityResult result = CheckLinearizability(model, operations, options.limits);
  report->verdict = result.verdict;
  if (result.violation) report->violations.push_back(*std::move(result.violation));
}

absl::Status CheckRegister(const RecordedHistory& recorded, const CheckOptions& options,
                           CheckReport* report) {
  ASSIGN_OR_RETURN(const RegisterHistory history, RegisterHistoryOf(recorded));
  Judge(history.model, history.operations, options, report);
  return absl::OkStatus();
}

absl::Status CheckStrings(const RecordedHistory& recorded, const CheckOptions& options,
                          CheckReport* report) {
  ASSIGN_OR_RETURN(const std::vector<StringOperation> operations, StringHistoryOf(recorded));
  Judge(StringModel(), operations, options, report);
  return absl::OkStatus();
}

constexpr char kEtcd[] = "etcd";

const std::vector<Model>& Models() {
  static const std::vector<Model> models = {
      {{kEtcd, "an etcd-like store: linearizable, revisions in order", "requests as JSON"},
       {},
       nullptr},
      {{"register", "linearizable registers with compare-and-set", "read write cas"},
       {"read", "write", "cas"},
       CheckRegister},
      {{"strings", "linearizable strings under keys", "get put append"},
       {"get", "put", "append"},
       CheckStrings},
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
    report.violations.push_back(*std::move(certificate.violation));
    return report;
  }
  const KvModel model(history);
  Judge(model, model.Judged(history), options, &report);
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
