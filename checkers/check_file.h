// From the text of a history file to a verdict: format, model, checker.
#ifndef LOCKSTEP_CHECKERS_CHECK_FILE_H_
#define LOCKSTEP_CHECKERS_CHECK_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "checkers/linearizability.h"
#include "checkers/report/history_page.h"
#include "checkers/transactions/transactions.h"
#include "checkers/violation.h"

namespace lockstep::checkers {

struct CheckOptions final {
  std::string model;  // "": the one that fits the functions in the file
  LinearizabilityLimits limits;
  Isolation isolation = Isolation::kStrict;  // of transactions
};

struct CheckReport final {
  std::string format;
  std::string model;
  size_t operations = 0;
  size_t unknown_outcomes = 0;
  Verdict verdict = Verdict::kOk;
  std::vector<Violation> violations;  // empty unless kViolation
  std::vector<PageSection> sections;  // one for each, for a HistoryPage
};

struct ModelInfo final {
  std::string name;
  std::string summary;    // what is promised of it
  std::string functions;  // by which it is guessed
};

// In the order in which they are tried.
std::vector<ModelInfo> KnownModels();

// NOT_FOUND: no such model, or none fits; the message lists those that exist. INVALID_ARGUMENT: the
// text is malformed; the message names line and what was expected.
absl::StatusOr<CheckReport> CheckFileText(std::string_view text, const CheckOptions& options);

const char* Name(Verdict verdict);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_CHECK_FILE_H_
