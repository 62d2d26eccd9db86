// History: what the clients of a run asked and were told, and when.
//
// Times are whatever one observer saw: nanoseconds of one clock, or positions in the order of
// events. An operation precedes another if it returned strictly before the other was called; equal
// times overlap, which can only make a checker more lenient. A value type; nothing here suspends.
#ifndef LOCKSTEP_CHECKERS_HISTORY_H_
#define LOCKSTEP_CHECKERS_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "framework/base/check.h"

namespace lockstep::checkers {

// One call. Input and Output belong to the model that judges them.
template <typename Input, typename Output>
struct Operation final {
  uint64_t client = 0;
  uint64_t id = 0;
  int64_t call = 0;
  // Absent: the outcome is unknown. It may take effect at any time after the call, or never.
  std::optional<int64_t> returned;
  Input input{};
  Output output{};  // meaningless while `returned` is absent
};

// Collects operations while a run goes on. Its times are strictly increasing even where the clock
// stands still, so that the recorded order of events is exact. An operation that surely had no
// effect is taken out with Refused.
//
// Invariants: operations()[i].id == i + 1.
template <typename Input, typename Output>
class Recorder final {
 public:
  using Op = Operation<Input, Output>;

  // Returns the operation's id.
  uint64_t Call(uint64_t client, int64_t now, Input input) {
    Op op;
    op.client = client;
    op.id = operations_.size() + 1;
    op.call = Stamp(now);
    op.input = std::move(input);
    operations_.push_back(std::move(op));
    refused_.push_back(false);
    return operations_.size();
  }

  void Return(uint64_t id, int64_t now, Output output) {
    Op& op = Open(id);
    op.returned = Stamp(now);
    op.output = std::move(output);
  }

  // The operation had no effect and will have none (refused before it was proposed, say).
  void Refused(uint64_t id) {
    Open(id);
    refused_[id - 1] = true;
  }

  // Everything but the refused, in order of the calls. What has not returned is unknown.
  std::vector<Op> Take() {
    std::vector<Op> kept;
    kept.reserve(operations_.size());
    for (size_t i = 0; i < operations_.size(); ++i) {
      if (!refused_[i]) kept.push_back(std::move(operations_[i]));
    }
    operations_.clear();
    refused_.clear();
    return kept;
  }

  const std::vector<Op>& operations() const { return operations_; }

 private:
  int64_t Stamp(int64_t now) {
    last_ = now > last_ ? now : last_ + 1;
    return last_;
  }

  Op& Open(uint64_t id) {
    CHECK(id >= 1 && id <= operations_.size());
    CHECK(!operations_[id - 1].returned) << "operation " << id << " returned twice";
    CHECK(!refused_[id - 1]) << "operation " << id << " was refused before";
    return operations_[id - 1];
  }

  std::vector<Op> operations_;
  std::vector<bool> refused_;
  int64_t last_ = -1;
};

// An operation whose input and output are text, as it stands in a recorded file.
using TextOperation = Operation<std::string, std::string>;

// JSON Lines, one operation a line:
//   {"client":1,"id":7,"call":10,"return":25,"input":"...","output":"..."}
// "return" and "output" are null for an unknown outcome. Bytes that are not UTF-8 text are carried
// as the code points U+0000 to U+00FF, so that every string survives.
std::string WriteHistory(const std::vector<TextOperation>& operations);

// The message of an error names the line and what was expected. Empty lines are skipped.
absl::StatusOr<std::vector<TextOperation>> ReadHistory(std::string_view text);

// The same one by one, with the line's number; an error of `visit` ends the reading and is
// returned.
absl::Status ForEachOperation(std::string_view text,
                              const std::function<absl::Status(size_t, TextOperation)>& visit);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_HISTORY_H_
