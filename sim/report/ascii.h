// The timeline of a failure for a terminal: a column per node, and what happened to them.
#ifndef LOCKSTEP_SIM_REPORT_ASCII_H_
#define LOCKSTEP_SIM_REPORT_ASCII_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "sim/report/timeline.h"

namespace lockstep::sim {

// The disasters in words, one per line.
std::string DisasterList(const Timeline& timeline);

// Rows where something changed: roles, terms, disasters, operations that the verdict speaks of
// (all, if they are few). Of more rows than `rows_max`, the last.
std::string AsciiTimeline(const Timeline& timeline, size_t rows_max = 60);

// The disasters, elections and operations of an interval in words, in one line.
std::string HappenedIn(const Timeline& timeline, int64_t from_ns, int64_t to_ns);

// The last lines of each node.
std::string LastEvents(const Timeline& timeline, size_t lines_max = 8);

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_REPORT_ASCII_H_
