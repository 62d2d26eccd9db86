// Violation: what an oracle says when the run broke a promise.
#ifndef LOCKSTEP_CHECKERS_VIOLATION_H_
#define LOCKSTEP_CHECKERS_VIOLATION_H_

#include <ostream>
#include <string>

namespace lockstep::checkers {

struct Violation final {
  std::string oracle;   // "linearizability", "election safety" ...
  std::string verdict;  // one sentence with the facts that conflict
  std::string where;    // the key, node, revision or index it is about

  friend std::ostream& operator<<(std::ostream& out, const Violation& violation) {
    out << violation.oracle;
    if (!violation.where.empty()) out << " (" << violation.where << ")";
    return out << ": " << violation.verdict;
  }
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_VIOLATION_H_
