// Tape: the decisions of one run that differ from "nothing special happens".
//
// Replaying a tape needs no more than the seed and these entries: a decision that has no entry
// takes its benign default. So a tape can be cut down to the few entries that make a run fail, and
// survives moderate changes of the code.
#ifndef LOCKSTEP_SIM_TAPE_H_
#define LOCKSTEP_SIM_TAPE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace lockstep::sim {

// One decision: the ordinal-th of `key` in the stream. The value is the decision itself (a delay in
// ns, a choice, 1 for "it happens"), not the random bits behind it.
struct TapeEntry final {
  uint64_t stream = 0;
  uint64_t key = 0;
  uint64_t ordinal = 0;
  uint64_t value = 0;

  bool operator==(const TapeEntry&) const = default;
};

// A value.
struct Tape final {
  uint64_t seed = 0;
  std::vector<TapeEntry> entries;                // in the order in which they were decided
  std::map<uint64_t, std::string> stream_names;  // of every stream in `entries`

  // One line per entry: stream name, key, ordinal, value.
  std::string ToText() const;
  static absl::StatusOr<Tape> Parse(std::string_view text);
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_TAPE_H_
