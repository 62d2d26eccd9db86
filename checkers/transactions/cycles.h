// Cycles of dependencies, and what Adya calls them.
//
// By the edges of a cycle: G0 writes only; G1c writes and reads; G-single exactly one edge to what
// was not seen (rw); G-nonadjacent several, never two in a row; G2-item two in a row. With
// "-process" or "-realtime", the cycle also needs the order of a client's own transactions, or of
// returns and calls.
#ifndef LOCKSTEP_CHECKERS_TRANSACTIONS_CYCLES_H_
#define LOCKSTEP_CHECKERS_TRANSACTIONS_CYCLES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "checkers/transactions/dependency_graph.h"

namespace lockstep::checkers {

struct CycleStep final {
  uint32_t from = 0;  // a transaction
  uint32_t to = 0;    // the next step's `from`
  EdgeKind kind = EdgeKind::kWw;
};

struct FoundCycle final {
  std::string name;
  std::vector<CycleStep> steps;  // short, and no transaction twice
};

struct CycleLimits final {
  size_t edges_max = 20'000'000;  // looked at, per component and kind of cycle
  size_t cycles_max = 64;
};

struct CycleSearch final {
  std::vector<FoundCycle> cycles;  // by component, and there the worst first
  size_t cyclic_components = 0;
  bool is_complete = true;  // no limit was reached
};

// The kinds of cycles that are looked for; each edge between transactions is of a kind in it.
enum class CycleDepth {
  kWrites,    // G0
  kReads,     // and G1c
  kSnapshot,  // and G-single, G-nonadjacent
  kAll,       // and G2-item
};

CycleSearch FindCycles(const DependencyGraph& graph, CycleDepth depth,
                       const CycleLimits& limits = {});

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_TRANSACTIONS_CYCLES_H_
