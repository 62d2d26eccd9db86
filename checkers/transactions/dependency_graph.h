// DependencyGraph: who must come before whom, and why.
//
// Nodes are transactions, followed by helpers that stand for many edges at once: a path through
// helpers is one edge between transactions. A value; nothing here suspends.
#ifndef LOCKSTEP_CHECKERS_TRANSACTIONS_DEPENDENCY_GRAPH_H_
#define LOCKSTEP_CHECKERS_TRANSACTIONS_DEPENDENCY_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "checkers/transactions/txn_history.h"

namespace lockstep::checkers {

enum class EdgeKind : uint8_t {
  kWw,        // its write was overwritten by the other's
  kWr,        // its write was read by the other
  kRw,        // it did not see the other's write
  kProcess,   // one client did one, then the other
  kRealtime,  // it returned before the other was called
  kHelper,    // the second half of an edge through a helper
};

// A set of kinds.
using EdgeMask = uint8_t;
constexpr EdgeMask MaskOf(EdgeKind kind) {
  return static_cast<EdgeMask>(1u << static_cast<unsigned>(kind));
}

// One outgoing edge in four bytes.
class Edge final {
 public:
  static constexpr uint32_t kNodesMax = 1u << 29;

  Edge() = default;
  Edge(uint32_t to, EdgeKind kind) : bits_(to | static_cast<uint32_t>(kind) << 29) {}
  uint32_t to() const { return bits_ & (kNodesMax - 1); }
  EdgeKind kind() const { return static_cast<EdgeKind>(bits_ >> 29); }
  EdgeMask mask() const { return MaskOf(kind()); }

 private:
  uint32_t bits_ = 0;
};

class DependencyGraph final {
 public:
  explicit DependencyGraph(size_t transactions);

  uint32_t AddHelper();
  // An edge from a node to itself says nothing and is dropped.
  void Add(uint32_t from, uint32_t to, EdgeKind kind) {
    if (from != to) edges_.push_back({from, Edge(to, kind)});
  }
  // An edge from each of `from` to each of `to`, with a helper if that is fewer. Both are
  // ascending.
  void AddAll(absl::Span<const uint32_t> from, absl::Span<const uint32_t> to, EdgeKind kind);
  // Ends the adding.
  void Freeze();

  uint32_t nodes() const { return nodes_; }
  bool is_helper(uint32_t node) const { return node >= transactions_; }
  size_t edges() const { return out_.size(); }
  // In the order in which they were added. REQUIRES: frozen.
  absl::Span<const Edge> From(uint32_t node) const {
    return absl::MakeConstSpan(out_).subspan(begin_[node], begin_[node + 1] - begin_[node]);
  }
  // Bytes held.
  size_t bytes() const;

 private:
  struct Added {
    uint32_t from;
    Edge edge;
  };

  uint32_t transactions_;
  uint32_t nodes_;
  std::vector<Added> edges_;
  std::vector<uint32_t> begin_;
  std::vector<Edge> out_;
};

// Every transaction after the one that its client did before.
void AddProcessOrder(const TxnHistory& history, DependencyGraph* graph);
// Every transaction after all that had returned when it was called, in O(n) edges: each return is a
// helper behind the return before it.
void AddRealtimeOrder(const TxnHistory& history, DependencyGraph* graph);

// The strongly connected components of more than one node, over the edges of `mask`: for each node
// its component's number, or kNone. Numbers are given from 0 in order of the smallest node.
struct Components final {
  static constexpr uint32_t kNone = UINT32_MAX;
  std::vector<uint32_t> of;                    // by node; empty if there are none
  std::vector<std::vector<uint32_t>> members;  // ascending
};
Components FindComponents(const DependencyGraph& graph, EdgeMask mask);
// The same within some nodes; `of` is then by position in `nodes`, which is ascending.
Components FindComponentsWithin(const DependencyGraph& graph, EdgeMask mask,
                                const std::vector<uint32_t>& nodes);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_TRANSACTIONS_DEPENDENCY_GRAPH_H_
