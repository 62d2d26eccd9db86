#include "docs-memory/index/planner.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

constexpr int kPointScore = 100;
constexpr int kPointsScore = 60;
constexpr int kRangeScore = 40;
constexpr int kSortScore = 30;
constexpr size_t kPointsMax = 1000;

using Conditions = std::vector<const FilterNode*>;

void Flatten(const std::vector<FilterNode>& nodes, Conditions& out) {
  for (const FilterNode& node : nodes) {
    if (node.op == FilterOp::kAnd) {
      Flatten(node.children, out);
    } else {
      out.push_back(&node);
    }
  }
}

// The key right behind all keys that begin with this one.
std::string Behind(std::string key) {
  while (!key.empty() && key.back() == '\xFF') key.pop_back();
  if (!key.empty()) key.back() = static_cast<char>(key.back() + 1);
  return key;
}

// What the conditions say about one field, as keys of its values.
struct FieldBounds final {
  std::vector<std::string> points;  // if not empty: one of these
  std::optional<KeyRange> range;    // else, if set: in here
};

// Arrays are in an index element by element, so nothing is known of them as such.
bool Bounded(const FilterNode& node) {
  if (node.op == FilterOp::kIn) {
    return !node.list.empty() && node.regexes.empty() && node.list.size() <= kPointsMax &&
           std::none_of(node.list.begin(), node.list.end(),
                        [](const Value& v) { return v.type() == Type::kArray; });
  }
  if (node.op == FilterOp::kEq) return node.operand.type() != Type::kArray;
  const bool ordered = node.op == FilterOp::kGt || node.op == FilterOp::kGte ||
                       node.op == FilterOp::kLt || node.op == FilterOp::kLte;
  const Type type = node.operand.type();
  return ordered && type != Type::kArray && type != Type::kMinKey && type != Type::kMaxKey;
}

KeyRange RangeOf(const FilterNode& node) {
  const std::string key = KeyOf(node.operand);
  const Type type = node.operand.type();
  if (node.op == FilterOp::kGt) return {Behind(key), ClassEnd(type)};
  if (node.op == FilterOp::kGte) return {key, ClassEnd(type)};
  if (node.op == FilterOp::kLt) return {ClassStart(type), key};
  return {ClassStart(type), Behind(key)};
}

std::optional<KeyRange> PatternRange(const FilterNode& node) {
  if (node.op != FilterOp::kRegex || node.regexes[0]->prefix().empty()) return std::nullopt;
  const std::string start = ClassStart(Type::kString) + node.regexes[0]->prefix();
  return KeyRange{start, Behind(start)};
}

// `multikey`: two conditions may hold for different elements, so one of them has to do.
FieldBounds BoundsOf(const std::string& field, const Conditions& conditions, bool multikey) {
  FieldBounds bounds;
  for (const FilterNode* node : conditions) {
    if (node->field != field || !Bounded(*node)) continue;
    if (node->op == FilterOp::kEq) {
      bounds.points = {KeyOf(node->operand)};
      return bounds;
    }
    if (node->op == FilterOp::kIn && bounds.points.empty()) {
      for (const Value& value : node->list) bounds.points.push_back(KeyOf(value));
      bounds.points.erase(std::unique(bounds.points.begin(), bounds.points.end()),
                          bounds.points.end());
    }
  }
  if (!bounds.points.empty()) return bounds;
  for (const FilterNode* node : conditions) {
    if (node->field != field) continue;
    std::optional<KeyRange> range = PatternRange(*node);
    // (A pattern that is one itself matches, too; the range holds strings alone.)
    if (range && node->operand.type() == Type::kRegex)
      range->end = std::max(range->end, ClassEnd(Type::kRegex));
    if (!range && node->op != FilterOp::kEq && node->op != FilterOp::kIn && Bounded(*node))
      range = RangeOf(*node);
    if (!range) continue;
    if (!bounds.range) {
      bounds.range = range;
    } else if (!multikey) {
      bounds.range->begin = std::max(bounds.range->begin, range->begin);
      bounds.range->end = std::min(bounds.range->end, range->end);
    }
  }
  return bounds;
}

// The range of one component behind a prefix, in the direction of the field.
KeyRange Component(const std::string& prefix, const KeyRange& range, bool ascending) {
  if (ascending) return {prefix + range.begin, prefix + range.end};
  std::string high = range.begin;
  std::string low = range.end;
  Invert(high, 0);
  Invert(low, 0);
  // Inverted, [a, b) becomes (~b, ~a] with all that ~a begins.
  return {prefix + low, Behind(prefix + high)};
}

// The ranges of an index, and how much they narrow it down.
IndexScan ScanOf(const IndexDefinition& index, const Conditions& conditions, size_t* fixed) {
  IndexScan scan;
  scan.index = &index;
  std::vector<std::string> prefixes{""};
  *fixed = 0;
  for (const SortField& field : index.fields) {
    FieldBounds bounds = BoundsOf(field.field, conditions, index.multikey);
    if (!bounds.points.empty() && prefixes.size() * bounds.points.size() <= kPointsMax) {
      std::vector<std::string> longer;
      for (const std::string& prefix : prefixes) {
        for (std::string point : bounds.points) {
          if (!field.ascending) Invert(point, 0);
          longer.push_back(prefix + point);
        }
      }
      scan.score += bounds.points.size() == 1 ? kPointScore : kPointsScore;
      if (longer.size() == 1) ++*fixed;
      prefixes = std::move(longer);
      continue;
    }
    if (bounds.range) {
      scan.score += kRangeScore;
      for (const std::string& prefix : prefixes) {
        scan.ranges.push_back(Component(prefix, *bounds.range, field.ascending));
      }
    }
    break;
  }
  if (scan.ranges.empty()) {
    for (const std::string& prefix : prefixes) scan.ranges.push_back({prefix, Behind(prefix)});
  }
  std::sort(scan.ranges.begin(), scan.ranges.end(),
            [](const KeyRange& a, const KeyRange& b) { return a.begin < b.begin; });
  return scan;
}

// Whether the index, behind `fixed` fields that have one value, is in the order of the sort.
bool GivesOrder(IndexScan& scan, const SortSpec& sort, size_t fixed) {
  const IndexDefinition& index = *scan.index;
  if (sort.empty() || index.multikey || scan.ranges.size() != 1) return false;
  for (size_t skip = 0; skip <= fixed; ++skip) {
    if (index.fields.size() - skip != sort.fields().size()) continue;
    bool same = true;
    bool opposite = true;
    for (size_t i = 0; i < sort.fields().size(); ++i) {
      const SortField& have = index.fields[skip + i];
      const SortField& want = sort.fields()[i];
      if (have.field != want.field) same = opposite = false;
      (have.ascending == want.ascending ? opposite : same) = false;
    }
    scan.reverse = opposite;
    if (same || opposite) return true;
  }
  return false;
}

// Over the documents, by id.
IndexScan IdScan(const Conditions& conditions, const SortSpec& sort, bool* sorted) {
  IndexScan scan;
  const FieldBounds bounds = BoundsOf("_id", conditions, /*multikey=*/false);
  if (!bounds.points.empty()) {
    scan.score = 10 * kPointScore;
    scan.points = true;
    for (const std::string& point : bounds.points) scan.ranges.push_back({point, Behind(point)});
  } else if (bounds.range) {
    scan.score = kRangeScore;
    scan.ranges.push_back(*bounds.range);
  } else {
    scan.ranges.push_back({});
  }
  *sorted = sort.fields().size() == 1 && sort.fields()[0].field == "_id";
  scan.reverse = *sorted && !sort.fields()[0].ascending;
  if (sort.empty()) *sorted = true;
  return scan;
}

// Whether a document without the field may be meant.
bool EqualsNull(const FilterNode& node) {
  if (node.op == FilterOp::kIn) {
    return std::any_of(node.list.begin(), node.list.end(),
                       [](const Value& v) { return v.ref().is_null(); });
  }
  return node.operand.ref().is_null();
}

struct Candidate final {
  IndexScan scan;
  bool sorted = false;
};

std::vector<Candidate> Candidates(const PlanRequest& request, const Conditions& conditions) {
  std::vector<Candidate> all;
  for (const IndexDefinition& index : request.indexes) {
    if (index.state != IndexState::kReady || index.is_text) continue;
    if (!request.hint.empty() && request.hint != index.options.name) continue;
    size_t fixed = 0;
    Candidate candidate{ScanOf(index, conditions, &fixed), false};
    // A sparse index misses documents, unless a condition rules these out.
    const bool narrows = candidate.scan.score > 0;
    if (index.options.sparse) {
      const bool may_miss =
          std::any_of(conditions.begin(), conditions.end(), [&](const FilterNode* node) {
            return node->field == index.fields[0].field && EqualsNull(*node);
          });
      if (!narrows || may_miss) continue;
    }
    candidate.sorted = GivesOrder(candidate.scan, request.sort, fixed);
    if (candidate.sorted) candidate.scan.score += kSortScore;
    if (candidate.scan.score == 0 && request.hint.empty()) continue;
    all.push_back(std::move(candidate));
  }
  std::stable_sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) {
    if (a.scan.score != b.scan.score) return a.scan.score > b.scan.score;
    return a.scan.index->options.name < b.scan.index->options.name;
  });
  return all;
}

// Every branch of an $or by an index of its own; nothing if one has none.
std::optional<Plan> PlanBranches(const PlanRequest& request, const Conditions& conditions) {
  for (const FilterNode* node : conditions) {
    if (node->op != FilterOp::kOr) continue;
    Plan plan;
    plan.may_repeat = true;
    for (const FilterNode& branch : node->children) {
      Conditions own = conditions;
      Flatten(branch.children, own);
      const SortSpec none;
      const PlanRequest inner{request.filter, none, request.indexes, {}, false};
      std::vector<Candidate> candidates = Candidates(inner, own);
      bool sorted = false;
      IndexScan by_id = IdScan(own, none, &sorted);
      if (by_id.score > 0 && (candidates.empty() || by_id.score > candidates[0].scan.score)) {
        plan.scans.push_back(std::move(by_id));
      } else if (!candidates.empty()) {
        plan.scans.push_back(std::move(candidates[0].scan));
      } else {
        plan.scans.clear();
        break;
      }
    }
    if (!plan.scans.empty()) return plan;
  }
  return std::nullopt;
}

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    text.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return text;
}

}  // namespace

namespace {

// By words; which documents these are in is found out later.
absl::StatusOr<Plan> PlanText(const PlanRequest& request) {
  for (const IndexDefinition& index : request.indexes) {
    if (index.state != IndexState::kReady || !index.is_text) continue;
    if (!request.hint.empty() && request.hint != index.options.name) continue;
    Plan plan;
    plan.text = &index;
    plan.sorted = request.sort.empty();
    IndexScan& scan = plan.scans.emplace_back();
    scan.points = true;
    return plan;
  }
  return Error(ErrorCode::kNoIndex, "$text", request.hint, "no index of words is ready");
}

}  // namespace

absl::StatusOr<Plan> MakePlan(const PlanRequest& request) {
  Conditions conditions;
  Flatten(request.filter.conjuncts(), conditions);
  if (request.filter.text() != nullptr && request.hint != "$natural") return PlanText(request);
  Plan plan;
  std::vector<Candidate> candidates = Candidates(request, conditions);
  bool sorted_by_id = false;
  IndexScan by_id = IdScan(conditions, request.sort, &sorted_by_id);
  const bool natural = request.hint == "$natural" || request.hint == "_id_";
  if (!request.hint.empty() && !natural && candidates.empty()) {
    return Error(ErrorCode::kIndex, "", request.hint, "no index of this name can be used");
  }
  for (const Candidate& candidate : candidates)
    plan.rejected.push_back(candidate.scan.index->options.name);
  if (!natural && !candidates.empty() && candidates[0].scan.score >= by_id.score) {
    plan.rejected.erase(plan.rejected.begin());
    plan.may_repeat = candidates[0].scan.index->multikey;
    plan.sorted = candidates[0].sorted || request.sort.empty();
    plan.scans.push_back(std::move(candidates[0].scan));
    return plan;
  }
  if (by_id.score == 0 && request.hint.empty()) {
    if (auto branches = PlanBranches(request, conditions)) {
      branches->sorted = request.sort.empty();
      return *std::move(branches);
    }
  }
  plan.whole_collection = by_id.score == 0;
  if (plan.whole_collection && request.no_scan) {
    return Error(ErrorCode::kNoIndex, "", "",
                 "no index answers this, and walking the collection was ruled out");
  }
  plan.sorted = sorted_by_id;
  plan.scans.push_back(std::move(by_id));
  return plan;
}

Document Explain(const Plan& plan, bool has_filter, bool wants_sort) {
  std::string bytes;
  Writer writer(bytes);
  writer.AppendString("stage", plan.text != nullptr    ? "text"
                               : plan.whole_collection ? "scan"
                               : plan.scans.size() > 1 ? "union"
                                                       : "index");
  const size_t scans = writer.Begin("scans", Type::kArray);
  for (size_t i = 0; i < plan.scans.size(); ++i) {
    const IndexScan& scan = plan.scans[i];
    const size_t inner = writer.Begin(std::to_string(i), Type::kDocument);
    const IndexDefinition* const index = plan.text != nullptr ? plan.text : scan.index;
    writer.AppendString("index", index == nullptr ? "_id_" : index->options.name);
    writer.AppendString("direction", scan.reverse ? "backward" : "forward");
    const size_t bounds = writer.Begin("bounds", Type::kArray);
    for (size_t j = 0; j < scan.ranges.size() && j < 10; ++j) {
      const size_t range = writer.Begin(std::to_string(j), Type::kDocument);
      writer.AppendString("from", Hex(scan.ranges[j].begin));
      writer.AppendString("to", Hex(scan.ranges[j].end));
      writer.End(range);
    }
    writer.End(bounds);
    writer.AppendInt64("ranges", static_cast<int64_t>(scan.ranges.size()));
    writer.End(inner);
  }
  writer.End(scans);
  writer.AppendBool("filter_residual", has_filter);
  writer.AppendString("sort", wants_sort && !plan.sorted ? "in_memory"
                              : plan.text != nullptr     ? "score"
                              : wants_sort               ? "index"
                                                         : "none");
  const size_t rejected = writer.Begin("rejected", Type::kArray);
  for (size_t i = 0; i < plan.rejected.size(); ++i)
    writer.AppendString(std::to_string(i), plan.rejected[i]);
  writer.End(rejected);
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

}  // namespace lockstep::docs
