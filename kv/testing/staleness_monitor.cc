#include "kv/testing/staleness_monitor.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace lockstep::kv {
namespace {

constexpr int64_t kMillion = 1'000'000;

}  // namespace

void StalenessMonitor::OnKnown(int64_t now_ns, int64_t revision) {
  if (!known_.empty() && known_.back().revision >= revision) return;
  known_.push_back({now_ns, revision});
}

std::optional<checkers::Violation> StalenessMonitor::Check(int64_t called_ns, Duration allowed,
                                                           int64_t drift_ppm, int64_t revision,
                                                           const std::string& what) const {
  // (Drift is a share of true time; twice as much covers that of the shorter, slow one.)
  const int64_t age_ns = allowed.count() + allowed.count() / kMillion * 2 * drift_ppm;
  const int64_t since_ns = called_ns - age_ns - 1;
  const auto next =
      std::upper_bound(known_.begin(), known_.end(), since_ns,
                       [](int64_t instant, const Known& one) { return instant < one.at_ns; });
  if (next == known_.begin() || std::prev(next)->revision <= revision) return std::nullopt;
  const Known& missed = *std::prev(next);
  return checkers::Violation{
      "staleness",
      absl::StrCat(what, " was allowed to be ", allowed / Milliseconds(1),
                   " ms old, was called at ", called_ns, " ns and answered from revision ",
                   revision, ", although revision ", missed.revision, " was known at ",
                   missed.at_ns, " ns"),
      "client"};
}

}  // namespace lockstep::kv
