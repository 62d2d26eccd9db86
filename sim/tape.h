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
  static constexpr uint64_t kVersion = 2;

  uint64_t version = kVersion;  // of the format, as read
  uint64_t seed = 0;
  // What else a replay must know ("with NAME VALUE"): which service, which planted bug, what to
  // expect. Names have no spaces, values no line breaks.
  std::map<std::string, std::string> with;
  std::vector<TapeEntry> entries;                // in the order in which they were decided
  std::map<uint64_t, std::string> stream_names;  // of every stream in `entries`

  // Comments at the top are for people and are not read back; one line each.
  std::string ToText(const std::vector<std::string>& comments = {}) const;
  // One line per fact: "tape 2", "seed S", "with NAME VALUE", then "STREAM KEY ORDINAL VALUE" per
  // entry; seed and keys in hex, the others in decimal; '#' begins a comment. A tape of a later
  // version is read as if it were of this one. INVALID_ARGUMENT says "FILE:LINE: what was
  // expected".
  static absl::StatusOr<Tape> Parse(std::string_view text, std::string_view file = "tape");
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_TAPE_H_
