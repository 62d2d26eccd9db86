// RecordedHistory: what a file says that clients did, before any model has looked at it.
//
// Formats: our JSON Lines, Jepsen's EDN, Jepsen's log lines, and the key-value text that Porcupine
// is tested with. All but the first list events; what is not answered has an unknown outcome.
#ifndef LOCKSTEP_CHECKERS_FORMATS_RECORDED_HISTORY_H_
#define LOCKSTEP_CHECKERS_FORMATS_RECORDED_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "checkers/formats/edn.h"

namespace lockstep::checkers {

enum class HistoryFormat { kJsonLines, kEdn, kJepsenLog };

enum class Outcome {
  kOk,
  kFailed,   // it had no effect
  kUnknown,  // it may take effect at any time after the call, or never
};

struct RecordedOperation final {
  uint64_t client = 0;
  size_t line = 0;  // of its call
  int64_t call = 0;
  std::optional<int64_t> returned;  // absent iff the outcome is unknown
  Outcome outcome = Outcome::kUnknown;
  std::string function;  // "read", "write", "txn"
  std::optional<Edn> key;
  Edn input;
  Edn output;  // of kOk: the completion's value
};

struct RecordedHistory final {
  HistoryFormat format = HistoryFormat::kEdn;
  // In order of the calls. Times are positions in the file, or those that the file gives.
  std::vector<RecordedOperation> operations;
};

const char* Name(HistoryFormat format);

// Tells the format by the text's beginning. An error says what a beginning looks like.
absl::StatusOr<HistoryFormat> DetectFormat(std::string_view text);

// Whether the operations of a text in JSON Lines are requests to an etcd-like store, which
// ReadKvHistory reads.
bool HoldsKvRequests(std::string_view text);

// JSON Lines: "input" is a function and its value in EDN ("write 5", "txn [[:append 1 2]]"),
// "output" the value of the answer, or ":fail". Errors name the line and what was expected.
absl::StatusOr<RecordedHistory> ReadRecordedHistory(std::string_view text);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_FORMATS_RECORDED_HISTORY_H_
