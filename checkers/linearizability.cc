#include "checkers/linearizability.h"

#include "absl/strings/str_cat.h"

namespace lockstep::checkers {

std::string DescribeInterval(uint64_t client, const std::string& what, int64_t call,
                             const std::optional<int64_t>& returned) {
  return absl::StrCat(
      "client ", client, " called ", what, " at ", call,
      returned ? absl::StrCat(", returned at ", *returned) : std::string(", outcome unknown"));
}

}  // namespace lockstep::checkers
