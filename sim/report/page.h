// The page of a failure: one HTML file that needs nothing else.
#ifndef LOCKSTEP_SIM_REPORT_PAGE_H_
#define LOCKSTEP_SIM_REPORT_PAGE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/report/timeline.h"

namespace lockstep::sim {

// How likely a run fails, if everything up to an instant is as it was and the rest is drawn afresh.
struct CurvePoint final {
  int64_t at_ns = 0;
  uint64_t failed = 0;
  uint64_t runs = 0;
};
struct Curve final {
  std::vector<CurvePoint> points;
  // Between these two the failure was decided; equal if there is no curve.
  int64_t guilty_from_ns = 0;
  int64_t guilty_to_ns = 0;
};

struct PageHead final {
  std::string oracle;
  std::string verdict;
  std::string where;
  std::vector<std::pair<std::string, std::string>> facts;     // "seed", "4711"
  std::vector<std::pair<std::string, std::string>> commands;  // "replay", "lockstep sim ..."
  Curve curve;
};

// What the page shows of a timeline, as JSON.
std::string TimelineJson(const Timeline& timeline);
// The page. `timeline` is what TimelineJson returned, perhaps in another process.
std::string Page(const PageHead& head, const std::string& timeline_json);

// The curve for a terminal, one line.
std::string ShowCurve(const Curve& curve);

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_REPORT_PAGE_H_
