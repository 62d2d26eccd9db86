#include "docs-memory/query/filter_parser.h"

#include <algorithm>
#include <utility>

#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/number.h"
#include "docs-memory/bson/parse.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

constexpr Type kAllTypes[] = {
    Type::kDouble,    Type::kString,    Type::kDocument, Type::kArray,         Type::kBinary,
    Type::kUndefined, Type::kObjectId,  Type::kBool,     Type::kDate,          Type::kNull,
    Type::kRegex,     Type::kDbPointer, Type::kCode,     Type::kSymbol,        Type::kInt32,
    Type::kTimestamp, Type::kInt64,     Type::kDecimal,  Type::kCodeWithScope, Type::kMinKey,
    Type::kMaxKey};

bool StartsOperator(std::string_view name) { return !name.empty() && name[0] == '$'; }

bool IsTrue(ValueRef value) {
  if (value.is(Type::kBool)) return value.boolean();
  if (IsNumber(value.type)) return CompareNumbers(value, Value(0)) != 0;
  return !value.is_null();
}

// Whether the document is {$op: ...}; a reference ({$ref: ..., $id: ...}) is none.
bool IsOperatorDocument(ValueRef value) {
  if (!value.is(Type::kDocument)) return false;
  ElementReader reader(value);
  Element first;
  return reader.Next(&first) && StartsOperator(first.name) && first.name != "$ref" &&
         first.name != "$id" && first.name != "$db";
}

absl::Status Bad(std::string_view field, ValueRef value, std::string_view reason) {
  return Error(ErrorCode::kQuery, field, ToText(value), reason);
}

class Parser final {
 public:
  absl::StatusOr<FilterNode> Document(std::string_view document, size_t depth) {
    if (depth > Filter::kDepthMax) return Error(ErrorCode::kQuery, "", "", "nested too deep");
    FilterNode all;
    ElementReader reader(document);
    Element element;
    while (reader.Next(&element)) {
      if (element.name == "$text") {
        ASSIGN_OR_RETURN(FilterNode node, Text(element.value, depth));
        all.children.push_back(std::move(node));
      } else if (StartsOperator(element.name)) {
        ASSIGN_OR_RETURN(FilterNode node, Logical(element, depth));
        all.children.push_back(std::move(node));
      } else {
        RETURN_IF_ERROR(Field(element, depth, all.children));
      }
    }
    return all;
  }

  absl::StatusOr<FilterNode> ElemMatch(std::string_view condition, size_t depth) {
    FilterNode node;
    ElementReader reader(condition);
    Element first;
    const bool of_values = reader.Next(&first) && StartsOperator(first.name) &&
                           first.name != "$and" && first.name != "$or" && first.name != "$nor";
    node.op = of_values ? FilterOp::kElemMatchValue : FilterOp::kElemMatchDocument;
    if (of_values) {
      RETURN_IF_ERROR(
          Operators({Type::kDocument, condition}, "", Path(), depth + 1, node.children));
    } else {
      ASSIGN_OR_RETURN(FilterNode all, Document(condition, depth + 1));
      node.children = std::move(all.children);
    }
    return node;
  }

 private:
  absl::Status Count(std::string_view field) {
    if (++predicates_ <= Filter::kPredicatesMax) return absl::OkStatus();
    return Error(ErrorCode::kQuery, field, "", "more than 1000 conditions");
  }

  absl::StatusOr<FilterNode> Text(ValueRef operand, size_t depth) {
    if (depth > 1) return Bad("$text", operand, "only at the top of a filter");
    if (has_text_) return Bad("$text", operand, "a filter has one");
    has_text_ = true;
    RETURN_IF_ERROR(Count("$text"));
    ASSIGN_OR_RETURN(TextSearch search, TextSearch::Parse(operand));
    FilterNode node;
    node.op = FilterOp::kText;
    node.field = "$text";
    node.text = std::make_shared<const TextSearch>(std::move(search));
    return node;
  }

  absl::StatusOr<FilterNode> Logical(const Element& element, size_t depth) {
    FilterNode node;
    if (element.name == "$and") {
      node.op = FilterOp::kAnd;
    } else if (element.name == "$or") {
      node.op = FilterOp::kOr;
    } else if (element.name == "$nor") {
      node.op = FilterOp::kNor;
    } else {
      return Bad(element.name, element.value, "no such operator here");
    }
    if (!element.value.is(Type::kArray) || CountElements(element.value) == 0) {
      return Bad(element.name, element.value, "needs an array of conditions that is not empty");
    }
    ElementReader reader(element.value);
    Element child;
    while (reader.Next(&child)) {
      if (!child.value.is(Type::kDocument))
        return Bad(element.name, child.value, "needs documents");
      ASSIGN_OR_RETURN(FilterNode all, Document(child.value.bytes, depth + 1));
      node.children.push_back(std::move(all));
    }
    return node;
  }

  absl::Status Field(const Element& element, size_t depth, std::vector<FilterNode>& out) {
    ASSIGN_OR_RETURN(const Path path, ParsePath(element.name));
    if (IsOperatorDocument(element.value)) {
      return Operators(element.value, element.name, path, depth, out);
    }
    ASSIGN_OR_RETURN(FilterNode node, Implicit(element.value, element.name, path));
    out.push_back(std::move(node));
    return absl::OkStatus();
  }

  FilterNode Leaf(FilterOp op, std::string_view field, const Path& path) {
    FilterNode node;
    node.op = op;
    node.field = field;
    node.path = path;
    return node;
  }

  // {field: value}: equality, or the pattern that the value is.
  absl::StatusOr<FilterNode> Implicit(ValueRef value, std::string_view field, const Path& path) {
    RETURN_IF_ERROR(Count(field));
    if (!value.is(Type::kRegex)) {
      FilterNode node = Leaf(FilterOp::kEq, field, path);
      node.operand = value;
      return node;
    }
    const size_t end = value.bytes.find('\0');
    return Pattern(value.bytes.substr(0, end),
                   value.bytes.substr(end + 1, value.bytes.size() - end - 2), field, path);
  }

  absl::StatusOr<FilterNode> Pattern(std::string_view pattern, std::string_view options,
                                     std::string_view field, const Path& path) {
    FilterNode node = Leaf(FilterOp::kRegex, field, path);
    node.operand = Value::Regex(pattern, options);
    ASSIGN_OR_RETURN(auto regex, Regex::Parse(pattern, options));
    node.regexes.push_back(std::move(regex));
    return node;
  }

  absl::Status Operators(ValueRef document, std::string_view field, const Path& path, size_t depth,
                         std::vector<FilterNode>& out) {
    if (depth > Filter::kDepthMax) return Error(ErrorCode::kQuery, field, "", "nested too deep");
    ElementReader reader(document);
    Element element;
    while (reader.Next(&element)) {
      RETURN_IF_ERROR(Count(field));
      if (!StartsOperator(element.name)) {
        return Bad(field, document, "operators and fields are mixed");
      }
      if (element.name == "$options") {
        if (!FindField(document, "$regex")) return Bad(field, document, "$options without $regex");
        continue;
      }
      ASSIGN_OR_RETURN(FilterNode node, Operator(element, document, field, path, depth));
      out.push_back(std::move(node));
    }
    return absl::OkStatus();
  }

  static std::optional<FilterOp> Comparison(std::string_view name) {
    if (name == "$eq" || name == "$ne") return FilterOp::kEq;
    if (name == "$gt") return FilterOp::kGt;
    if (name == "$gte") return FilterOp::kGte;
    if (name == "$lt") return FilterOp::kLt;
    if (name == "$lte") return FilterOp::kLte;
    return std::nullopt;
  }

  static FilterNode Negation(FilterNode node) {
    FilterNode negation;
    negation.op = FilterOp::kNot;
    negation.field = node.field;
    negation.children.push_back(std::move(node));
    return negation;
  }

  absl::StatusOr<FilterNode> Operator(const Element& element, ValueRef whole,
                                      std::string_view field, const Path& path, size_t depth) {
    const std::string_view name = element.name;
    const ValueRef operand = element.value;
    if (const auto comparison = Comparison(name)) {
      FilterNode node = Leaf(*comparison, field, path);
      if (operand.is(Type::kRegex) && name != "$eq" && name != "$ne") {
        return Bad(field, operand, "a regex has no order");
      }
      node.operand = operand;
      return name == "$ne" ? Negation(std::move(node)) : std::move(node);
    }
    if (name == "$in" || name == "$nin") {
      ASSIGN_OR_RETURN(FilterNode node, In(operand, field, path));
      return name == "$nin" ? Negation(std::move(node)) : std::move(node);
    }
    if (name == "$exists") {
      FilterNode node = Leaf(FilterOp::kExists, field, path);
      return IsTrue(operand) ? std::move(node) : Negation(std::move(node));
    }
    if (name == "$not") return Not(operand, field, path, depth);
    if (name == "$regex") return RegexOperator(operand, whole, field, path);
    if (name == "$type") return TypeOperator(operand, field, path);
    if (name == "$mod") return Mod(operand, field, path);
    if (name == "$size") return Size(operand, field, path);
    if (name == "$all") return All(operand, field, path, depth);
    if (name == "$elemMatch") {
      if (!operand.is(Type::kDocument)) return Bad(field, operand, "$elemMatch needs a document");
      ASSIGN_OR_RETURN(FilterNode node, ElemMatch(operand.bytes, depth));
      node.field = field;
      node.path = path;
      return node;
    }
    return Error(ErrorCode::kQuery, field, name, "no such operator");
  }

  absl::StatusOr<FilterNode> Not(ValueRef operand, std::string_view field, const Path& path,
                                 size_t depth) {
    if (operand.is(Type::kRegex)) {
      ASSIGN_OR_RETURN(FilterNode node, Implicit(operand, field, path));
      return Negation(std::move(node));
    }
    if (!IsOperatorDocument(operand)) return Bad(field, operand, "$not needs operators or a regex");
    FilterNode all;
    all.field = field;
    RETURN_IF_ERROR(Operators(operand, field, path, depth + 1, all.children));
    return Negation(std::move(all));
  }

  absl::StatusOr<FilterNode> In(ValueRef operand, std::string_view field, const Path& path) {
    if (!operand.is(Type::kArray)) return Bad(field, operand, "$in and $nin need an array");
    FilterNode node = Leaf(FilterOp::kIn, field, path);
    ElementReader reader(operand);
    Element element;
    while (reader.Next(&element)) {
      if (IsOperatorDocument(element.value))
        return Bad(field, element.value, "no operators inside $in");
      node.list.emplace_back(element.value);
      if (node.list.size() > Filter::kInMax)
        return Error(ErrorCode::kQuery, field, "$in", "more than 10000 values");
      if (!element.value.is(Type::kRegex)) continue;
      ASSIGN_OR_RETURN(FilterNode pattern, Implicit(element.value, field, path));
      node.regexes.push_back(std::move(pattern.regexes[0]));
    }
    std::sort(node.list.begin(), node.list.end(),
              [](const Value& a, const Value& b) { return Compare(a, b) < 0; });
    return node;
  }

  absl::StatusOr<FilterNode> RegexOperator(ValueRef operand, ValueRef whole, std::string_view field,
                                           const Path& path) {
    std::string_view options;
    if (const auto given = FindField(whole, "$options")) {
      if (!given->is(Type::kString)) return Bad(field, *given, "$options needs a string");
      options = given->string();
    }
    if (operand.is(Type::kString)) {
      if (operand.string().find('\0') != std::string_view::npos)
        return Bad(field, operand, "a zero byte in a pattern");
      return Pattern(operand.string(), options, field, path);
    }
    if (!operand.is(Type::kRegex)) return Bad(field, operand, "$regex needs a string or a regex");
    const size_t end = operand.bytes.find('\0');
    const std::string_view own = operand.bytes.substr(end + 1, operand.bytes.size() - end - 2);
    if (!own.empty() && !options.empty()) return Bad(field, operand, "options are given twice");
    return Pattern(operand.bytes.substr(0, end), own.empty() ? options : own, field, path);
  }

  absl::Status AddType(ValueRef operand, std::string_view field, uint32_t* types) {
    if (operand.is(Type::kString)) {
      if (operand.string() == "number") {
        *types |= TypeBit(Type::kInt32) | TypeBit(Type::kInt64) | TypeBit(Type::kDouble) |
                  TypeBit(Type::kDecimal);
        return absl::OkStatus();
      }
      for (const Type type : kAllTypes) {
        if (NameOf(type) != operand.string()) continue;
        *types |= TypeBit(type);
        return absl::OkStatus();
      }
    } else if (IsNumber(operand.type)) {
      const auto code = ToInteger(operand);
      for (const Type type : kAllTypes) {
        const auto own = static_cast<int64_t>(type);
        if (!code || *code != (type == Type::kMinKey ? -1 : own)) continue;
        *types |= TypeBit(type);
        return absl::OkStatus();
      }
    }
    return Bad(field, operand, "$type does not know this type");
  }

  absl::StatusOr<FilterNode> TypeOperator(ValueRef operand, std::string_view field,
                                          const Path& path) {
    FilterNode node = Leaf(FilterOp::kType, field, path);
    if (!operand.is(Type::kArray)) {
      RETURN_IF_ERROR(AddType(operand, field, &node.types));
      return node;
    }
    ElementReader reader(operand);
    Element element;
    while (reader.Next(&element)) RETURN_IF_ERROR(AddType(element.value, field, &node.types));
    if (node.types == 0) return Bad(field, operand, "$type needs a type");
    return node;
  }

  absl::StatusOr<FilterNode> Mod(ValueRef operand, std::string_view field, const Path& path) {
    FilterNode node = Leaf(FilterOp::kMod, field, path);
    if (!operand.is(Type::kArray) || CountElements(operand) != 2) {
      return Bad(field, operand, "$mod needs [divisor, remainder]");
    }
    const ValueRef parts[] = {*FindField(operand, "0"), *FindField(operand, "1")};
    for (const ValueRef& part : parts) {
      if (!IsNumber(part.type) || !Truncated(part))
        return Bad(field, operand, "$mod needs finite numbers");
    }
    node.number = *Truncated(parts[0]);
    node.remainder = *Truncated(parts[1]);
    if (node.number == 0) return Bad(field, operand, "the divisor of $mod is 0");
    return node;
  }

  absl::StatusOr<FilterNode> Size(ValueRef operand, std::string_view field, const Path& path) {
    FilterNode node = Leaf(FilterOp::kSize, field, path);
    const auto size = IsNumber(operand.type) ? ToInteger(operand) : std::nullopt;
    if (!size || *size < 0)
      return Bad(field, operand, "$size needs a whole number that is not negative");
    node.number = *size;
    return node;
  }

  absl::StatusOr<FilterNode> All(ValueRef operand, std::string_view field, const Path& path,
                                 size_t depth) {
    if (!operand.is(Type::kArray)) return Bad(field, operand, "$all needs an array");
    FilterNode all;
    all.field = field;
    ElementReader reader(operand);
    Element element;
    while (reader.Next(&element)) {
      if (IsOperatorDocument(element.value)) {
        const auto condition = FindField(element.value, "$elemMatch");
        if (!condition || !condition->is(Type::kDocument) || CountElements(element.value) != 1) {
          return Bad(field, element.value, "$all takes values or $elemMatch");
        }
        ASSIGN_OR_RETURN(FilterNode node, ElemMatch(condition->bytes, depth + 1));
        node.field = field;
        node.path = path;
        all.children.push_back(std::move(node));
        continue;
      }
      ASSIGN_OR_RETURN(FilterNode node, Implicit(element.value, field, path));
      all.children.push_back(std::move(node));
    }
    if (all.children.empty()) all.op = FilterOp::kNothing;
    return all;
  }

  size_t predicates_ = 0;
  bool has_text_ = false;
};

}  // namespace

uint32_t TypeBit(Type type) {
  if (type == Type::kMinKey) return uint32_t{1} << 30;
  if (type == Type::kMaxKey) return uint32_t{1} << 31;
  return uint32_t{1} << static_cast<uint32_t>(type);
}

absl::StatusOr<FilterNode> ParseFilter(std::string_view document) {
  return Parser().Document(document, 1);
}
absl::StatusOr<FilterNode> ParseElemMatch(std::string_view condition) {
  return Parser().ElemMatch(condition, 1);
}

}  // namespace lockstep::docs
