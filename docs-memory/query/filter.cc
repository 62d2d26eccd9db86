#include "docs-memory/query/filter.h"

#include <algorithm>
#include <utility>

#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/number.h"
#include "docs-memory/query/filter_parser.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

bool IsNanValue(ValueRef value) { return IsNumber(value.type) && IsNan(value); }

// A null `value` stands for a field that is not there.
bool EqualsOperand(const ValueRef* value, ValueRef operand) {
  if (value == nullptr) return operand.is_null();
  if (value->type == operand.type && value->bytes == operand.bytes) return true;
  return ClassOf(value->type) == ClassOf(operand.type) && Compare(*value, operand) == 0;
}

// Values of another class are never smaller or greater, but for the ends of all classes.
bool InOrder(FilterOp op, const ValueRef* given, ValueRef operand) {
  const ValueRef null{Type::kNull, {}};
  const ValueRef value = given == nullptr ? null : *given;
  const bool with_equal = op == FilterOp::kGte || op == FilterOp::kLte;
  if (IsNanValue(value) || IsNanValue(operand)) {
    return with_equal && IsNanValue(value) && IsNanValue(operand);
  }
  const bool end = operand.is(Type::kMinKey) || operand.is(Type::kMaxKey);
  if (given == nullptr && !operand.is_null()) return false;
  if (!end && ClassOf(value.type) != ClassOf(operand.type)) return false;
  const int order = Compare(value, operand);
  if (order == 0) return with_equal;
  return (op == FilterOp::kGt || op == FilterOp::kGte) == (order > 0);
}

bool MatchesRegex(const FilterNode& node, const ValueRef* value) {
  if (value == nullptr) return false;
  if (value->is(Type::kString) || value->is(Type::kSymbol)) {
    return std::any_of(node.regexes.begin(), node.regexes.end(),
                       [&](const auto& regex) { return regex->Matches(value->string()); });
  }
  return node.op == FilterOp::kRegex && value->is(Type::kRegex) &&
         Compare(*value, node.operand) == 0;
}

bool InList(const FilterNode& node, const ValueRef* value) {
  const ValueRef null{Type::kNull, {}};
  const ValueRef wanted = value == nullptr ? null : *value;
  if (std::binary_search(node.list.begin(), node.list.end(), wanted,
                         [](ValueRef a, ValueRef b) { return Compare(a, b) < 0; })) {
    return true;
  }
  return !node.regexes.empty() && MatchesRegex(node, value);
}

bool HasRemainder(const FilterNode& node, const ValueRef* value) {
  if (value == nullptr || !IsNumber(value->type)) return false;
  const std::optional<int64_t> whole = Truncated(*value);
  if (!whole) return false;
  // (The smallest integer has no negative.)
  return (node.number == -1 ? 0 : *whole % node.number) == node.remainder;
}

bool MatchesDocument(const FilterNode& node, std::string_view document);
bool MatchesValue(const FilterNode& node, const ValueRef* value);

bool ElementMatches(const FilterNode& node, ValueRef element) {
  if (node.op == FilterOp::kElemMatchValue) {
    return std::all_of(node.children.begin(), node.children.end(),
                       [&](const FilterNode& child) { return MatchesValue(child, &element); });
  }
  if (!element.is_container()) return false;
  return std::all_of(node.children.begin(), node.children.end(), [&](const FilterNode& child) {
    return MatchesDocument(child, element.bytes);
  });
}

bool AnyElementMatches(const FilterNode& node, const ValueRef* value) {
  if (value == nullptr || !value->is(Type::kArray)) return false;
  ElementReader reader(*value);
  Element element;
  while (reader.Next(&element)) {
    if (ElementMatches(node, element.value)) return true;
  }
  return false;
}

// The condition on one value, as it is.
bool MatchesValue(const FilterNode& node, const ValueRef* value) {
  switch (node.op) {
    case FilterOp::kAnd:
      return std::all_of(node.children.begin(), node.children.end(),
                         [&](const FilterNode& child) { return MatchesValue(child, value); });
    case FilterOp::kNot:
      return !MatchesValue(node.children[0], value);
    case FilterOp::kEq:
      return EqualsOperand(value, node.operand);
    case FilterOp::kGt:
    case FilterOp::kGte:
    case FilterOp::kLt:
    case FilterOp::kLte:
      return InOrder(node.op, value, node.operand);
    case FilterOp::kIn:
      return InList(node, value);
    case FilterOp::kType:
      return value != nullptr && (node.types & TypeBit(value->type)) != 0;
    case FilterOp::kRegex:
      return MatchesRegex(node, value);
    case FilterOp::kMod:
      return HasRemainder(node, value);
    case FilterOp::kExists:
      return value != nullptr;
    case FilterOp::kSize:
      return value != nullptr && value->is(Type::kArray) &&
             CountElements(*value) == static_cast<size_t>(node.number);
    case FilterOp::kElemMatchDocument:
    case FilterOp::kElemMatchValue:
      return AnyElementMatches(node, value);
    case FilterOp::kOr:
    case FilterOp::kNor:
    case FilterOp::kNothing:
    case FilterOp::kText:
      return false;
  }
  return false;
}

bool MatchesDocument(const FilterNode& node, std::string_view document) {
  const auto matches = [&](const FilterNode& child) { return MatchesDocument(child, document); };
  switch (node.op) {
    case FilterOp::kAnd:
      return std::all_of(node.children.begin(), node.children.end(), matches);
    case FilterOp::kOr:
      return std::any_of(node.children.begin(), node.children.end(), matches);
    case FilterOp::kNor:
      return std::none_of(node.children.begin(), node.children.end(), matches);
    case FilterOp::kNot:
      return !MatchesDocument(node.children[0], document);
    case FilterOp::kNothing:
      return false;
    case FilterOp::kText:
      return node.text->Matches(document, node.text_paths);
    // Of the array as such, never of its elements.
    case FilterOp::kExists:
    case FilterOp::kSize:
    case FilterOp::kElemMatchDocument:
    case FilterOp::kElemMatchValue:
      return VisitPath(document, node.path,
                       [&](const ValueRef* value) { return MatchesValue(node, value); });
    default:
      return VisitPathAndElements(document, node.path,
                                  [&](const ValueRef* value) { return MatchesValue(node, value); });
  }
}

}  // namespace

absl::StatusOr<Filter> Filter::Parse(std::string_view document) {
  Filter filter;
  ASSIGN_OR_RETURN(filter.root_, ParseFilter(document));
  return filter;
}

bool Filter::Matches(std::string_view document) const { return MatchesDocument(root_, document); }

const TextSearch* Filter::text() const {
  for (const FilterNode& node : root_.children) {
    if (node.op == FilterOp::kText) return node.text.get();
  }
  return nullptr;
}

void Filter::BindText(const std::vector<Path>& paths, const WordForm& form) {
  for (FilterNode& node : root_.children) {
    if (node.op != FilterOp::kText) continue;
    node.text_paths = paths;
    // (Once: the stem of a stem may be another one.)
    if (!(node.text->form == form))
      node.text = std::make_shared<const TextSearch>(node.text->In(form));
  }
}

absl::StatusOr<ValueFilter> ValueFilter::Parse(std::string_view condition) {
  ValueFilter filter;
  ASSIGN_OR_RETURN(filter.node_, ParseElemMatch(condition));
  return filter;
}

bool ValueFilter::Matches(ValueRef value) const { return ElementMatches(node_, value); }

}  // namespace lockstep::docs
