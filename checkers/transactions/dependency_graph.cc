#include "checkers/transactions/dependency_graph.h"

#include <algorithm>
#include <utility>

#include "framework/base/check.h"

namespace lockstep::checkers {
namespace {

constexpr uint32_t kNone = Components::kNone;

// Tarjan's algorithm without recursion. `Local` maps a node to its place among those that take
// part, or kNone.
template <typename Local, typename Global>
class Tarjan final {
 public:
  Tarjan(const DependencyGraph& graph, EdgeMask mask, uint32_t count, Local local, Global global)
      : graph_(graph), mask_(mask), local_(local), global_(global) {
    index_.assign(count, 0);
    low_.assign(count, 0);
    next_.assign(count, 0);
  }

  Components Run() {
    for (uint32_t root = 0; root < index_.size(); ++root) {
      if (index_[root] == 0) Visit(root);
    }
    return Finish();
  }

 private:
  static constexpr uint32_t kClosed = UINT32_MAX;  // in low_: its component is known

  void Open(uint32_t node) {
    index_[node] = low_[node] = ++counter_;
    path_.push_back(node);
    open_.push_back(node);
  }

  void Visit(uint32_t root) {
    Open(root);
    while (!path_.empty()) {
      const uint32_t node = path_.back();
      const absl::Span<const Edge> out = graph_.From(global_(node));
      bool descended = false;
      while (next_[node] < out.size()) {
        const Edge edge = out[next_[node]++];
        if ((edge.mask() & mask_) == 0) continue;
        const uint32_t to = local_(edge.to());
        if (to == kNone) continue;
        if (index_[to] == 0) {
          Open(to);
          descended = true;
          break;
        }
        if (low_[to] != kClosed) low_[node] = std::min(low_[node], index_[to]);
      }
      if (!descended) Leave(node);
    }
  }

  void Leave(uint32_t node) {
    path_.pop_back();
    const uint32_t low = low_[node];
    if (low == index_[node]) Close(node);
    if (!path_.empty() && low_[node] != kClosed) {
      low_[path_.back()] = std::min(low_[path_.back()], low);
    }
  }

  void Close(uint32_t root) {
    if (open_.back() == root) {
      low_[root] = kClosed;
      open_.pop_back();
      return;
    }
    std::vector<uint32_t>& members = found_.emplace_back();
    uint32_t node;
    do {
      node = open_.back();
      open_.pop_back();
      low_[node] = kClosed;
      members.push_back(node);
    } while (node != root);
    std::sort(members.begin(), members.end());
  }

  Components Finish() {
    Components components;
    if (found_.empty()) return components;
    std::sort(found_.begin(), found_.end());
    components.of.assign(index_.size(), kNone);
    for (uint32_t i = 0; i < found_.size(); ++i) {
      for (uint32_t& node : found_[i]) {
        components.of[node] = i;
        node = global_(node);
      }
    }
    components.members = std::move(found_);
    return components;
  }

  const DependencyGraph& graph_;
  const EdgeMask mask_;
  Local local_;
  Global global_;
  uint32_t counter_ = 0;
  std::vector<uint32_t> index_;
  std::vector<uint32_t> low_;
  std::vector<uint32_t> next_;  // the edge to look at next
  std::vector<uint32_t> path_;
  std::vector<uint32_t> open_;
  std::vector<std::vector<uint32_t>> found_;
};

// By insertion as long as that moves little: histories are nearly in order of time.
template <typename T>
void SortNearlySorted(std::vector<T>* values) {
  size_t moves_left = values->size() * 32;
  for (size_t i = 1; i < values->size(); ++i) {
    const T value = (*values)[i];
    size_t at = i;
    for (; at > 0 && value < (*values)[at - 1]; --at) (*values)[at] = (*values)[at - 1];
    (*values)[at] = value;
    moves_left -= std::min(i - at, moves_left);
    if (moves_left == 0) return std::sort(values->begin(), values->end());
  }
}

}  // namespace

DependencyGraph::DependencyGraph(size_t transactions)
    : transactions_(static_cast<uint32_t>(transactions)), nodes_(transactions_) {
  CHECK(transactions < Edge::kNodesMax);
  edges_.reserve(transactions * 7);
}

uint32_t DependencyGraph::AddHelper() {
  CHECK_LT(nodes_, Edge::kNodesMax);
  return nodes_++;
}

void DependencyGraph::AddAll(absl::Span<const uint32_t> from, absl::Span<const uint32_t> to,
                             EdgeKind kind) {
  const bool has_helper = from.size() * to.size() > 2 * (from.size() + to.size());
  const uint32_t helper = has_helper ? AddHelper() : 0;
  for (const uint32_t a : from) {
    // Who is on both sides must not meet itself through the helper.
    if (has_helper && !std::binary_search(to.begin(), to.end(), a)) {
      Add(a, helper, kind);
    } else {
      for (const uint32_t b : to) Add(a, b, kind);
    }
  }
  if (!has_helper) return;
  for (const uint32_t b : to) Add(helper, b, EdgeKind::kHelper);
}

void DependencyGraph::Freeze() {
  begin_.assign(size_t{nodes_} + 1, 0);
  for (const Added& added : edges_) ++begin_[added.from + 1];
  for (uint32_t node = 0; node < nodes_; ++node) begin_[node + 1] += begin_[node];
  out_.resize(edges_.size());
  for (const Added& added : edges_) out_[begin_[added.from]++] = added.edge;
  for (uint32_t node = nodes_; node > 0; --node) begin_[node] = begin_[node - 1];
  begin_[0] = 0;
  edges_ = {};
}

size_t DependencyGraph::bytes() const {
  return edges_.capacity() * sizeof(Added) + begin_.capacity() * sizeof(uint32_t) +
         out_.capacity() * sizeof(Edge);
}

void AddProcessOrder(const TxnHistory& history, DependencyGraph* graph) {
  absl::btree_map<uint64_t, uint32_t> last;
  for (uint32_t i = 0; i < history.txns.size(); ++i) {
    const Txn& txn = history.txns[i];
    if (txn.outcome == Outcome::kFailed) continue;
    const auto [at, is_first] = last.try_emplace(txn.client, i);
    if (is_first) continue;
    // Calls of one client that overlap have no order.
    if (history.txns[at->second].returned <= txn.call) {
      graph->Add(at->second, i, EdgeKind::kProcess);
    }
    at->second = i;
  }
}

void AddRealtimeOrder(const TxnHistory& history, DependencyGraph* graph) {
  using Event = std::pair<int64_t, uint32_t>;  // time, transaction
  std::vector<Event> calls;
  std::vector<Event> returns;
  calls.reserve(history.txns.size());
  returns.reserve(history.txns.size());
  for (uint32_t i = 0; i < history.txns.size(); ++i) {
    const Txn& txn = history.txns[i];
    if (txn.outcome == Outcome::kFailed) continue;
    calls.emplace_back(txn.call, i);
    if (txn.returned != Txn::kNever) returns.emplace_back(txn.returned, i);
  }
  SortNearlySorted(&calls);
  SortNearlySorted(&returns);
  uint32_t last = kNone;
  size_t next = 0;
  for (const Event& call : calls) {
    // One helper for all returns since the call before this: nobody can tell them apart.
    if (next < returns.size() && returns[next].first < call.first) {
      const uint32_t helper = graph->AddHelper();
      if (last != kNone) graph->Add(last, helper, EdgeKind::kHelper);
      for (; next < returns.size() && returns[next].first < call.first; ++next) {
        graph->Add(returns[next].second, helper, EdgeKind::kRealtime);
      }
      last = helper;
    }
    if (last != kNone) graph->Add(last, call.second, EdgeKind::kHelper);
  }
}

Components FindComponents(const DependencyGraph& graph, EdgeMask mask) {
  const auto same = [](uint32_t node) { return node; };
  return Tarjan(graph, mask, graph.nodes(), same, same).Run();
}

Components FindComponentsWithin(const DependencyGraph& graph, EdgeMask mask,
                                const std::vector<uint32_t>& nodes) {
  const auto local = [&](uint32_t node) {
    const auto at = std::lower_bound(nodes.begin(), nodes.end(), node);
    return at != nodes.end() && *at == node ? static_cast<uint32_t>(at - nodes.begin()) : kNone;
  };
  const auto global = [&](uint32_t node) { return nodes[node]; };
  return Tarjan(graph, mask, static_cast<uint32_t>(nodes.size()), local, global).Run();
}

}  // namespace lockstep::checkers
