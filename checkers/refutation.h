// What checkers without a search share: results of their own, and what they leave to the search.
#ifndef LOCKSTEP_CHECKERS_REFUTATION_H_
#define LOCKSTEP_CHECKERS_REFUTATION_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "checkers/linearizability.h"

namespace lockstep::checkers {

inline constexpr size_t kNoPlace = SIZE_MAX;

// `places` may hold kNoPlace and duplicates. The culprit is what returned last of them.
template <SequentialModel M>
LinearizabilityResult Refutation(
    const M& model, const std::vector<Operation<typename M::Input, typename M::Output>>& operations,
    std::vector<size_t> places, const std::string& why, std::string where = "") {
  LinearizabilityResult result;
  result.verdict = Verdict::kViolation;
  places.erase(std::remove(places.begin(), places.end(), kNoPlace), places.end());
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  constexpr size_t kShownMax = 12;
  std::string text = why;
  for (size_t i = 0; i < places.size(); ++i) {
    const auto& op = operations[places[i]];
    const auto& culprit = operations[result.culprit];
    if (i == 0 || culprit.returned.value_or(INT64_MAX) < op.returned.value_or(INT64_MAX)) {
      result.culprit = places[i];
    }
    if (i >= kShownMax) continue;
    const std::string what = model.Describe(op.input, op.returned ? &op.output : nullptr);
    absl::StrAppend(&text, "; ", DescribeInterval(op.client, what, op.call, op.returned));
  }
  if (places.size() > kShownMax)
    absl::StrAppend(&text, "; and ", places.size() - kShownMax, " more");
  result.counterexample = std::move(places);
  result.violation = Violation{"linearizability", std::move(text), std::move(where)};
  return result;
}

// There is an order that explains everything.
inline LinearizabilityResult Proof(size_t operations, size_t bytes = 0) {
  LinearizabilityResult result;
  result.configurations = operations;
  result.peak_bytes = bytes;
  return result;
}

// The search over some of the operations; those left out do not influence them.
template <SequentialModel M>
LinearizabilityResult CheckPart(
    const M& model, const std::vector<Operation<typename M::Input, typename M::Output>>& operations,
    std::vector<size_t> places, const LinearizabilityLimits& limits) {
  std::sort(places.begin(), places.end());
  std::vector<Operation<typename M::Input, typename M::Output>> part;
  for (const size_t place : places) part.push_back(operations[place]);
  LinearizabilityResult result = CheckLinearizability(model, part, limits);
  if (result.verdict != Verdict::kViolation) return result;
  for (size_t& place : result.counterexample) place = places[place];
  result.culprit = places[result.culprit];
  return result;
}

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_REFUTATION_H_
