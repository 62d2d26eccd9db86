#include "checkers/transactions/cycles.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::checkers {
namespace {

constexpr EdgeMask kWw = MaskOf(EdgeKind::kWw);
constexpr EdgeMask kWr = MaskOf(EdgeKind::kWr);
constexpr EdgeMask kRw = MaskOf(EdgeKind::kRw);
constexpr EdgeMask kHelper = MaskOf(EdgeKind::kHelper);

// A kind of cycle: it begins with an edge of kind `first` and goes on with edges of `rest`.
struct Pattern final {
  std::string_view name;
  CycleDepth depth;
  EdgeKind first;
  EdgeMask rest;
  bool never_adjacent = false;  // no two rw in a row
  bool must_adjoin = false;     // two rw in a row
};

constexpr std::array<Pattern, 5> kPatterns = {{
    {"G0", CycleDepth::kWrites, EdgeKind::kWw, kWw},
    {"G1c", CycleDepth::kReads, EdgeKind::kWr, kWw | kWr},
    {"G-single", CycleDepth::kSnapshot, EdgeKind::kRw, kWw | kWr},
    {"G-nonadjacent", CycleDepth::kSnapshot, EdgeKind::kRw, kWw | kWr | kRw, true, false},
    {"G2-item", CycleDepth::kAll, EdgeKind::kRw, kWw | kWr | kRw, false, true},
}};

struct Order final {
  std::string_view suffix;
  EdgeMask mask;  // a cycle must use it
};

constexpr std::array<Order, 3> kOrders = {{
    {"", 0},
    {"-process", MaskOf(EdgeKind::kProcess)},
    {"-realtime", MaskOf(EdgeKind::kRealtime)},
}};

// Breadth-first search for the way back from the end of an edge to its beginning, within one
// component. A state is a node and what the walk to it has seen.
class WayBack final {
 public:
  WayBack(const DependencyGraph& graph, const std::vector<uint32_t>& nodes)
      : graph_(graph), nodes_(nodes), stamps_(nodes.size() * kFlags, 0) {}

  // The shortest cycle of fewer than `steps_max` edges, if any. `edges_left` falls with every edge
  // looked at, and the search ends when it is 0.
  std::optional<std::vector<CycleStep>> Find(const Pattern& pattern, EdgeMask order, uint32_t from,
                                             uint32_t to, size_t steps_max, size_t* edges_left) {
    ++stamp_;
    queue_.clear();
    const bool starts_rw = pattern.first == EdgeKind::kRw;
    Reach(to, starts_rw ? kLastRw : 0, kNoParent, pattern.first);
    for (size_t at = 0; at < queue_.size(); ++at) {
      const Reached state = queue_[at];
      if (state.depth + 1 >= steps_max) break;
      for (const Edge edge : graph_.From(nodes_[state.node])) {
        if (*edges_left == 0) return std::nullopt;
        --*edges_left;
        if ((edge.mask() & (pattern.rest | order | kHelper)) == 0) continue;
        const std::optional<uint8_t> flags = Step(pattern, order, state.flags, edge);
        if (!flags) continue;
        if (edge.to() != from) {
          Reach(edge.to(), *flags, at, edge.kind());
        } else if (Closes(pattern, order, *flags)) {
          std::optional<std::vector<CycleStep>> cycle = Walk(pattern, from, to, at, edge.kind());
          if (cycle) return cycle;
        }
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr uint8_t kLastRw = 1;
  static constexpr uint8_t kMoreRw = 2;   // two rw were seen; where they may, in a row
  static constexpr uint8_t kOrdered = 4;  // an edge of the order was seen
  static constexpr size_t kFlags = 8;
  static constexpr size_t kNoParent = SIZE_MAX;

  struct Reached {
    uint32_t node;  // its place in nodes_
    uint8_t flags;
    EdgeKind by;
    size_t parent;  // in queue_
    size_t depth;
  };

  static std::optional<uint8_t> Step(const Pattern& pattern, EdgeMask order, uint8_t flags,
                                     Edge edge) {
    if (edge.kind() == EdgeKind::kHelper) return flags;
    const bool is_rw = edge.kind() == EdgeKind::kRw;
    if (is_rw && pattern.never_adjacent && (flags & kLastRw) != 0) return std::nullopt;
    if (is_rw && (pattern.never_adjacent || (flags & kLastRw) != 0)) flags |= kMoreRw;
    flags = static_cast<uint8_t>(is_rw ? flags | kLastRw : flags & ~kLastRw);
    if ((edge.mask() & order) != 0) flags |= kOrdered;
    return flags;
  }

  // The first edge follows the last one.
  static bool Closes(const Pattern& pattern, EdgeMask order, uint8_t flags) {
    const bool adjoins = pattern.first == EdgeKind::kRw && (flags & kLastRw) != 0;
    if (order != 0 && (flags & kOrdered) == 0) return false;
    if (pattern.never_adjacent) return !adjoins && (flags & kMoreRw) != 0;
    return !pattern.must_adjoin || adjoins || (flags & kMoreRw) != 0;
  }

  void Reach(uint32_t node, uint8_t flags, size_t parent, EdgeKind by) {
    const auto at = std::lower_bound(nodes_.begin(), nodes_.end(), node);
    if (at == nodes_.end() || *at != node) return;
    const auto local = static_cast<uint32_t>(at - nodes_.begin());
    uint32_t& stamp = stamps_[local * kFlags + flags];
    if (stamp == stamp_) return;
    stamp = stamp_;
    queue_.push_back(
        {local, flags, by, parent, parent == kNoParent ? 1 : queue_[parent].depth + 1});
  }

  // The steps between transactions; absent if one of them comes twice.
  std::optional<std::vector<CycleStep>> Walk(const Pattern& pattern, uint32_t from, uint32_t to,
                                             size_t last, EdgeKind closing) const {
    std::vector<std::pair<EdgeKind, uint32_t>> walk = {{closing, from}};
    for (size_t at = last; queue_[at].parent != kNoParent; at = queue_[at].parent) {
      walk.emplace_back(queue_[at].by, nodes_[queue_[at].node]);
    }
    walk.emplace_back(pattern.first, to);
    std::reverse(walk.begin(), walk.end());
    std::vector<CycleStep> steps;
    std::set<uint32_t> seen;
    CycleStep step{from, from, pattern.first};
    bool in_helper = false;
    for (const auto& [kind, node] : walk) {
      if (!in_helper) step.kind = kind;
      in_helper = graph_.is_helper(node);
      if (in_helper) continue;
      step.to = node;
      if (!seen.insert(node).second) return std::nullopt;
      steps.push_back(step);
      step.from = node;
    }
    return steps;
  }

  const DependencyGraph& graph_;
  const std::vector<uint32_t>& nodes_;
  uint32_t stamp_ = 0;
  std::vector<uint32_t> stamps_;
  std::vector<Reached> queue_;
};

class Classifier final {
 public:
  Classifier(const DependencyGraph& graph, CycleDepth depth, const CycleLimits& limits)
      : graph_(graph), depth_(depth), limits_(limits) {}

  CycleSearch Run() {
    EdgeMask all = kHelper;
    for (const Pattern& pattern : kPatterns) {
      if (pattern.depth > depth_) continue;
      all = static_cast<EdgeMask>(all | pattern.rest | MaskOf(pattern.first));
    }
    for (const Order& order : kOrders) all = static_cast<EdgeMask>(all | order.mask);
    const Components components = FindComponents(graph_, all);
    result_.cyclic_components = components.members.size();
    for (const std::vector<uint32_t>& members : components.members) {
      if (result_.cycles.size() >= limits_.cycles_max) return std::move(result_);
      Classify(members);
    }
    return std::move(result_);
  }

 private:
  void Classify(const std::vector<uint32_t>& members) {
    std::set<std::string_view> found;
    for (const Order& order : kOrders) {
      for (const Pattern& pattern : kPatterns) {
        if (pattern.depth > depth_ || found.contains(pattern.name)) continue;
        if (Search(members, pattern, order)) found.insert(pattern.name);
      }
    }
  }

  bool Search(const std::vector<uint32_t>& members, const Pattern& pattern, const Order& order) {
    const auto mask =
        static_cast<EdgeMask>(pattern.rest | MaskOf(pattern.first) | order.mask | kHelper);
    const Components parts = FindComponentsWithin(graph_, mask, members);
    std::optional<std::vector<CycleStep>> best;
    size_t edges_left = limits_.edges_max;
    for (const std::vector<uint32_t>& part : parts.members) {
      WayBack search(graph_, part);
      for (const uint32_t from : part) {
        for (const Edge edge : graph_.From(from)) {
          if (edge.kind() != pattern.first) continue;
          const size_t steps_max = best ? best->size() : SIZE_MAX;
          auto cycle = search.Find(pattern, order.mask, from, edge.to(), steps_max, &edges_left);
          if (cycle && (!best || cycle->size() < best->size())) best = std::move(cycle);
          if (best && best->size() == 2) break;
        }
        if (edges_left == 0 || (best && best->size() == 2)) break;
      }
    }
    if (!best && edges_left == 0) result_.is_complete = false;
    if (!best) return false;
    result_.cycles.push_back(
        {absl::StrCat(absl::string_view(pattern.name.data(), pattern.name.size()),
                      absl::string_view(order.suffix.data(), order.suffix.size())),
         *std::move(best)});
    return true;
  }

  const DependencyGraph& graph_;
  const CycleDepth depth_;
  const CycleLimits limits_;
  CycleSearch result_;
};

}  // namespace

CycleSearch FindCycles(const DependencyGraph& graph, CycleDepth depth, const CycleLimits& limits) {
  return Classifier(graph, depth, limits).Run();
}

}  // namespace lockstep::checkers
