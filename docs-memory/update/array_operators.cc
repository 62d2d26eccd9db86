#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/number.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/query/shape.h"
#include "docs-memory/update/operators.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

absl::Status Bad(const Element& element, std::string_view reason) {
  return Error(ErrorCode::kUpdate, element.name, ToText(element.value), reason);
}

absl::Status NoArray(const Target& target, const TreeNode& node) {
  return Error(ErrorCode::kType, target.field, ToText(node.ToValue()), "the field is not an array");
}

// The array at the path, made if there is nothing.
absl::StatusOr<TreeNode*> ArrayAt(const Target& target) {
  const bool there = FindNode(target.root, target.path) != nullptr;
  ASSIGN_OR_RETURN(TreeNode * node, MakeNode(target.root, target.path, target.field));
  if (!there) node->Set(Value::Array({}));
  if (node->type() != Type::kArray) return NoArray(target, *node);
  return node;
}

std::vector<Value> ElementsOf(ValueRef array) {
  std::vector<Value> all;
  ElementReader reader(array);
  Element element;
  while (reader.Next(&element)) all.emplace_back(element.value);
  return all;
}

std::optional<int64_t> AsInteger(ValueRef value) {
  return IsNumber(value.type) ? ToInteger(value) : std::nullopt;
}

class Push final : public Operator {
 public:
  static absl::StatusOr<std::unique_ptr<const Operator>> Make(const Element& element) {
    auto push = std::make_unique<Push>();
    const bool modified = element.value.is(Type::kDocument) && FindField(element.value, "$each");
    if (!modified) {
      RETURN_IF_ERROR(NoModifiers(element));
      push->each_.emplace_back(element.value);
      return std::unique_ptr<const Operator>(std::move(push));
    }
    ElementReader reader(element.value);
    Element modifier;
    while (reader.Next(&modifier)) RETURN_IF_ERROR(push->AddModifier(element, modifier));
    return std::unique_ptr<const Operator>(std::move(push));
  }

  absl::Status Apply(const Target& target) const override {
    ASSIGN_OR_RETURN(TreeNode * array, ArrayAt(target));
    std::vector<TreeNode::Child>& all = array->children();
    const auto size = static_cast<int64_t>(all.size());
    int64_t at = position_.value_or(size);
    at = at < 0 ? std::max<int64_t>(0, size + at) : std::min(at, size);
    std::vector<TreeNode::Child> added;
    for (const Value& value : each_) added.push_back({"", TreeNode(value)});
    all.insert(all.begin() + at, std::make_move_iterator(added.begin()),
               std::make_move_iterator(added.end()));
    Sort(all);
    Slice(all);
    return absl::OkStatus();
  }

 private:
  static absl::Status NoModifiers(const Element& element) {
    if (!element.value.is(Type::kDocument)) return absl::OkStatus();
    for (const std::string_view name : {"$position", "$slice", "$sort"}) {
      if (FindField(element.value, name)) return Bad(element, "modifiers of $push need $each");
    }
    return absl::OkStatus();
  }

  absl::Status AddModifier(const Element& element, const Element& modifier) {
    if (modifier.name == "$each") {
      if (!modifier.value.is(Type::kArray)) return Bad(element, "$each needs an array");
      each_ = ElementsOf(modifier.value);
      return absl::OkStatus();
    }
    const std::optional<int64_t> number = AsInteger(modifier.value);
    if (modifier.name == "$position" || modifier.name == "$slice") {
      if (!number) return Bad(element, "$position and $slice need whole numbers");
      (modifier.name == "$slice" ? slice_ : position_) = number;
      return absl::OkStatus();
    }
    if (modifier.name != "$sort") return Bad(element, "no such modifier of $push");
    if (modifier.value.is(Type::kDocument)) {
      auto spec = SortSpec::Parse(modifier.value.bytes);
      if (!spec.ok() || spec->empty()) return Bad(element, "$sort needs 1, -1 or {field: 1 or -1}");
      sort_fields_ = *std::move(spec);
    } else if (number != 1 && number != -1) {
      return Bad(element, "$sort needs 1, -1 or {field: 1 or -1}");
    }
    sorts_ = true;
    descending_ = number == -1;
    return absl::OkStatus();
  }

  void Sort(std::vector<TreeNode::Child>& all) const {
    if (!sorts_) return;
    std::vector<std::pair<std::string, TreeNode::Child>> keyed;
    for (TreeNode::Child& child : all) {
      const Value value = child.node.ToValue();
      std::string key;
      if (sort_fields_.empty()) {
        AppendKey(value, key);
        if (descending_) Invert(key, 0);
      } else {
        const Document nothing;
        key = sort_fields_.KeyOf(
            value.type() == Type::kDocument ? value.ref().bytes : nothing.view(), "");
      }
      keyed.emplace_back(std::move(key), std::move(child));
    }
    std::stable_sort(keyed.begin(), keyed.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    all.clear();
    for (auto& [key, child] : keyed) all.push_back(std::move(child));
  }

  void Slice(std::vector<TreeNode::Child>& all) const {
    if (!slice_) return;
    const auto size = static_cast<int64_t>(all.size());
    if (*slice_ >= 0) {
      if (*slice_ < size) all.erase(all.begin() + *slice_, all.end());
    } else if (size + *slice_ > 0) {
      all.erase(all.begin(), all.begin() + (size + *slice_));
    }
  }

  std::vector<Value> each_;
  std::optional<int64_t> position_;
  std::optional<int64_t> slice_;
  bool sorts_ = false;
  bool descending_ = false;
  SortSpec sort_fields_;
};

class AddToSet final : public Operator {
 public:
  explicit AddToSet(std::vector<Value> each) : each_(std::move(each)) {}
  absl::Status Apply(const Target& target) const override {
    ASSIGN_OR_RETURN(TreeNode * array, ArrayAt(target));
    std::vector<TreeNode::Child>& all = array->children();
    for (const Value& value : each_) {
      const bool there = std::any_of(all.begin(), all.end(), [&](const TreeNode::Child& child) {
        return Equal(child.node.ToValue(), value);
      });
      if (!there) all.push_back({"", TreeNode(value)});
    }
    return absl::OkStatus();
  }

 private:
  const std::vector<Value> each_;
};

class Pull final : public Operator {
 public:
  // What to take out: a condition, or these values.
  Pull(std::optional<ValueFilter> filter, std::vector<Value> values)
      : filter_(std::move(filter)), values_(std::move(values)) {}
  absl::Status Apply(const Target& target) const override {
    TreeNode* const node = FindNode(target.root, target.path);
    if (node == nullptr) return absl::OkStatus();
    if (node->type() != Type::kArray) return NoArray(target, *node);
    std::erase_if(node->children(),
                  [&](const TreeNode::Child& child) { return Goes(child.node.ToValue()); });
    return absl::OkStatus();
  }

 private:
  bool Goes(const Value& value) const {
    if (filter_) return filter_->Matches(value);
    return std::any_of(values_.begin(), values_.end(),
                       [&](const Value& v) { return Equal(v, value); });
  }

  const std::optional<ValueFilter> filter_;
  const std::vector<Value> values_;
};

class Pop final : public Operator {
 public:
  explicit Pop(bool first) : first_(first) {}
  absl::Status Apply(const Target& target) const override {
    TreeNode* const node = FindNode(target.root, target.path);
    if (node == nullptr) return absl::OkStatus();
    if (node->type() != Type::kArray) return NoArray(target, *node);
    std::vector<TreeNode::Child>& all = node->children();
    if (!all.empty()) all.erase(first_ ? all.begin() : all.end() - 1);
    return absl::OkStatus();
  }

 private:
  const bool first_;
};

absl::StatusOr<std::unique_ptr<const Operator>> MakePull(const Element& element) {
  std::string wrapped;
  if (element.value.is(Type::kDocument)) {
    wrapped = element.value.bytes;
  } else if (element.value.is(Type::kRegex)) {
    wrapped = Document{{"$regex", Value(element.value)}}.bytes();
  } else {
    return std::make_unique<const Pull>(std::nullopt, std::vector<Value>{Value(element.value)});
  }
  auto filter = ValueFilter::Parse(wrapped);
  if (!filter.ok()) return filter.status();
  return std::make_unique<const Pull>(*std::move(filter), std::vector<Value>());
}

absl::StatusOr<std::unique_ptr<const Operator>> MakeAddToSet(const Element& element) {
  if (element.value.is(Type::kDocument)) {
    if (const auto each = FindField(element.value, "$each")) {
      if (!each->is(Type::kArray) || CountElements(element.value) != 1)
        return Bad(element, "$each needs an array, alone");
      return std::make_unique<const AddToSet>(ElementsOf(*each));
    }
  }
  return std::make_unique<const AddToSet>(std::vector<Value>{Value(element.value)});
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Operator>> MakeArrayOperator(std::string_view op,
                                                                  const Element& element) {
  if (op == "$push") return Push::Make(element);
  if (op == "$addToSet") return MakeAddToSet(element);
  if (op == "$pull") return MakePull(element);
  if (op == "$pullAll") {
    if (!element.value.is(Type::kArray)) return Bad(element, "$pullAll needs an array");
    return std::make_unique<const Pull>(std::nullopt, ElementsOf(element.value));
  }
  if (op == "$pop") {
    const auto end = AsInteger(element.value);
    if (end != 1 && end != -1) return Bad(element, "$pop needs 1 or -1");
    return std::make_unique<const Pop>(end == -1);
  }
  return Error(ErrorCode::kUpdate, element.name, op, "no such operator");
}

}  // namespace lockstep::docs
