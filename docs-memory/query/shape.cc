#include "docs-memory/query/shape.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/number.h"
#include "docs-memory/bson/parse.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {

absl::StatusOr<SortSpec> SortSpec::Parse(std::string_view document) {
  SortSpec spec;
  ElementReader reader(document);
  Element element;
  while (reader.Next(&element)) {
    SortField& field = spec.fields_.emplace_back();
    field.field = element.name;
    ASSIGN_OR_RETURN(field.path, ParsePath(element.name));
    const auto order = IsNumber(element.value.type) ? ToInteger(element.value) : std::nullopt;
    if (order != 1 && order != -1) {
      return Error(ErrorCode::kQuery, element.name, ToText(element.value), "sort by 1 or -1");
    }
    field.ascending = order == 1;
    if (spec.fields_.size() > kFieldsMax) {
      return Error(ErrorCode::kQuery, element.name, "", "more than eight fields to sort by");
    }
  }
  return spec;
}

std::string SortSpec::KeyOf(std::string_view document, std::string_view id) const {
  std::string key;
  for (const SortField& field : fields_) AppendSortKey(document, field.path, field.ascending, key);
  key += id;
  return key;
}

// What happens to one field: a leaf does something, others lead to their children.
struct Projection::Node final {
  enum class Action { kDescend, kMark, kSlice, kElemMatch };
  std::string name;
  Action action = Action::kDescend;
  int64_t skip = 0;   // kSlice; negative: from the end
  int64_t limit = 0;  // kSlice
  std::optional<ValueFilter> filter;
  std::vector<Node> children;

  const Node* Child(std::string_view child) const {
    const auto found = std::find_if(children.begin(), children.end(),
                                    [&](const Node& node) { return node.name == child; });
    return found == children.end() ? nullptr : &*found;
  }
};

Projection::Projection() = default;
Projection::Projection(Projection&&) noexcept = default;
Projection& Projection::operator=(Projection&&) noexcept = default;
Projection::~Projection() = default;

namespace {

absl::Status Bad(const Element& element, std::string_view reason) {
  return Error(ErrorCode::kProjection, element.name, ToText(element.value), reason);
}

std::optional<bool> AsFlag(ValueRef value) {
  if (value.is(Type::kBool)) return value.boolean();
  if (IsNumber(value.type)) return CompareNumbers(value, Value(0)) != 0;
  return std::nullopt;
}

std::optional<int64_t> AsInteger(std::optional<ValueRef> value) {
  return value && IsNumber(value->type) ? ToInteger(*value) : std::nullopt;
}

void CopySlice(ValueRef array, int64_t skip, int64_t limit, std::string_view name, Writer& writer) {
  const auto count = static_cast<int64_t>(CountElements(array));
  const int64_t first = skip < 0 ? std::max<int64_t>(0, count + skip) : std::min(skip, count);
  const int64_t end = std::min(count, limit > count - first ? count : first + limit);
  const size_t inner = writer.Begin(name, Type::kArray);
  ElementReader reader(array);
  Element element;
  for (int64_t i = 0; reader.Next(&element); ++i) {
    if (i >= first && i < end) writer.Append(std::to_string(i - first), element.value);
  }
  writer.End(inner);
}

}  // namespace

absl::StatusOr<Projection::Node*> Projection::NodeAt(std::string_view field) {
  ASSIGN_OR_RETURN(const Path path, ParsePath(field));
  Node* node = root_.get();
  for (size_t i = 0; i < path.size(); ++i) {
    if (node->action != Node::Action::kDescend) {
      return Error(ErrorCode::kProjection, field, "", "a part of the path is projected, too");
    }
    auto child = std::find_if(node->children.begin(), node->children.end(),
                              [&](const Node& c) { return c.name == path[i]; });
    if (child == node->children.end()) {
      node->children.emplace_back().name = path[i];
      child = node->children.end() - 1;
    } else if (i + 1 == path.size()) {
      return Error(ErrorCode::kProjection, field, "",
                   "the path is there twice, or part of another");
    }
    node = &*child;
  }
  return node;
}

absl::Status Projection::Add(const Element& element) {
  ASSIGN_OR_RETURN(Node * node, NodeAt(element.name));
  if (!element.value.is(Type::kDocument)) {
    node->action = Node::Action::kMark;
    return absl::OkStatus();
  }
  if (const auto slice = FindField(element.value, "$slice")) {
    node->action = Node::Action::kSlice;
    if (slice->is(Type::kArray)) {
      const auto skip = AsInteger(FindField(*slice, "0"));
      const auto limit = AsInteger(FindField(*slice, "1"));
      if (!skip || !limit || *limit <= 0) return Bad(element, "$slice needs [skip, limit]");
      node->skip = *skip;
      node->limit = *limit;
      return absl::OkStatus();
    }
    const auto count = AsInteger(slice);
    if (!count) return Bad(element, "$slice needs a whole number");
    node->skip = std::min<int64_t>(0, *count);
    node->limit = *count < 0 ? -*count : *count;
    return absl::OkStatus();
  }
  const auto condition = FindField(element.value, "$elemMatch");
  if (!condition || !condition->is(Type::kDocument)) return Bad(element, "no such projection");
  node->action = Node::Action::kElemMatch;
  ASSIGN_OR_RETURN(node->filter, ValueFilter::Parse(condition->bytes));
  return absl::OkStatus();
}

absl::StatusOr<Projection> Projection::Parse(std::string_view document) {
  Projection projection;
  if (document.size() <= 5) return projection;
  projection.root_ = std::make_unique<Node>();
  std::optional<bool> including;
  std::optional<bool> id;
  ElementReader reader(document);
  Element element;
  while (reader.Next(&element)) {
    std::optional<bool> flag = AsFlag(element.value);
    if (!flag && !element.value.is(Type::kDocument))
      return Bad(element, "needs 0, 1, $slice or $elemMatch");
    if (element.name == "_id" && flag) {
      id = flag;
      continue;
    }
    if (!flag && FindField(element.value, "$elemMatch")) flag = true;
    if (flag && including.value_or(*flag) != *flag)
      return Bad(element, "fields to keep and to leave out are mixed");
    if (flag) including = flag;
    RETURN_IF_ERROR(projection.Add(element));
  }
  projection.including_ =
      including.value_or(id.value_or(false) && projection.root_->children.empty());
  projection.keeps_id_ = id.value_or(true);
  return projection;
}

Document Projection::Apply(const Document& document) const {
  if (keeps_all()) return document;
  std::string bytes;
  Writer writer(bytes);
  Fields(*root_, document.view(), writer);
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

void Projection::Fields(const Node& node, std::string_view document, Writer& writer) const {
  ElementReader reader(document);
  Element element;
  while (reader.Next(&element)) {
    if (&node == root_.get() && element.name == "_id") {
      if (keeps_id_) writer.Append(element);
      continue;
    }
    const Node* const child = node.Child(element.name);
    if (child != nullptr) {
      Field(*child, element, writer);
    } else if (!including_) {
      writer.Append(element);
    }
  }
}

void Projection::Field(const Node& node, const Element& element, Writer& writer) const {
  const ValueRef value = element.value;
  switch (node.action) {
    case Node::Action::kMark:
      if (including_) writer.Append(element);
      return;
    case Node::Action::kSlice:
      if (!value.is(Type::kArray)) return writer.Append(element);
      return CopySlice(value, node.skip, node.limit, element.name, writer);
    case Node::Action::kElemMatch: {
      if (!value.is(Type::kArray)) return;
      ElementReader reader(value);
      Element inner;
      while (reader.Next(&inner)) {
        if (!node.filter->Matches(inner.value)) continue;
        const size_t array = writer.Begin(element.name, Type::kArray);
        writer.Append("0", inner.value);
        return writer.End(array);
      }
      return;
    }
    case Node::Action::kDescend:
      break;
  }
  if (value.is(Type::kDocument)) {
    const size_t inner = writer.Begin(element.name, Type::kDocument);
    Fields(node, value.bytes, writer);
    return writer.End(inner);
  }
  if (!value.is(Type::kArray)) {
    if (!including_) writer.Append(element);
    return;
  }
  // In an array, what is true of the documents in it; others stay only if nothing is picked.
  const size_t array = writer.Begin(element.name, Type::kArray);
  ElementReader reader(value);
  Element inner;
  size_t index = 0;
  while (reader.Next(&inner)) {
    if (inner.value.is_container()) {
      Field(node, {std::to_string(index++), inner.value}, writer);
    } else if (!including_) {
      writer.Append(std::to_string(index++), inner.value);
    }
  }
  writer.End(array);
}

}  // namespace lockstep::docs
