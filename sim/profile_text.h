// Fault profiles as text: rates and shapes are data.
#ifndef LOCKSTEP_SIM_PROFILE_TEXT_H_
#define LOCKSTEP_SIM_PROFILE_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/fault_profile.h"

namespace lockstep::sim {

// One line each:
//   base NAME                      starts from a named profile; first line, "default" if missing
//   KNOB off                       the class does not exist
//   KNOB CHANCE% LOW HIGH          exists in so many of the universes, with a rate from [LOW, HIGH]
//   KNOB CHANCE% LOW HIGH BENIGN   ... and BENIGN where it does not
// Knobs and their units are those of FaultTable; numbers may end in us, ms, s, KiB or MiB. What is
// behind a # is a comment. INVALID_ARGUMENT says where (`source` and line) and what was expected.
absl::StatusOr<FaultProfile> ParseProfile(std::string_view source, std::string_view text);

// The profiles that have a name: text of the above form.
struct NamedProfile final {
  std::string_view name;
  std::string_view meant_for;  // one line
  std::string_view text;
};
const std::vector<NamedProfile>& NamedProfiles();
// NOT_FOUND lists those that exist.
absl::StatusOr<FaultProfile> ProfileNamed(std::string_view name);

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_PROFILE_TEXT_H_
