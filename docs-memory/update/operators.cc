#include "docs-memory/update/operators.h"

#include <utility>

#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/number.h"
#include "docs-memory/bson/parse.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

absl::Status Bad(const Element& element, std::string_view reason) {
  return Error(ErrorCode::kUpdate, element.name, ToText(element.value), reason);
}

absl::Status SetAt(const Target& target, ValueRef value) {
  ASSIGN_OR_RETURN(TreeNode * node, MakeNode(target.root, target.path, target.field));
  node->Set(value);
  return absl::OkStatus();
}

class Set final : public Operator {
 public:
  Set(ValueRef value, bool on_insert) : value_(value), on_insert_(on_insert) {}
  absl::Status Apply(const Target& target) const override {
    if (on_insert_ && !target.context.inserting) return absl::OkStatus();
    return SetAt(target, value_);
  }

 private:
  const Value value_;
  const bool on_insert_;
};

// Takes the place out of the document; in an array null stays.
void RemoveAt(TreeNode& root, const Path& path) {
  const Path parent_path(path.begin(), path.end() - 1);
  TreeNode* const parent = FindNode(root, parent_path);
  TreeNode* const node = parent == nullptr ? nullptr : parent->Find(path.back());
  if (node == nullptr) return;
  if (parent->type() == Type::kArray) return node->Set(ValueRef{});
  std::erase_if(parent->children(),
                [&](const TreeNode::Child& child) { return child.name == path.back(); });
}

class Unset final : public Operator {
 public:
  absl::Status Apply(const Target& target) const override {
    RemoveAt(target.root, target.path);
    return absl::OkStatus();
  }
};

class Arithmetic final : public Operator {
 public:
  Arithmetic(ValueRef operand, bool multiplies) : operand_(operand), multiplies_(multiplies) {}
  absl::Status Apply(const Target& target) const override {
    TreeNode* const node = FindNode(target.root, target.path);
    if (node == nullptr) {
      if (!multiplies_) return SetAt(target, operand_);
      // 0 of the operand's type.
      ASSIGN_OR_RETURN(const Value zero, Multiply(operand_, Value(0)));
      return SetAt(target, zero);
    }
    if (!IsNumber(node->type())) {
      return Error(ErrorCode::kType, target.field, ToText(node->ToValue()),
                   multiplies_ ? "$mul needs a number" : "$inc needs a number");
    }
    const Value old = node->ToValue();
    auto changed = multiplies_ ? Multiply(old, operand_) : Add(old, operand_);
    if (!changed.ok()) {
      return Error(ErrorCode::kOverflow, target.field, ToText(old), "leaves the range of int64");
    }
    node->Set(*changed);
    return absl::OkStatus();
  }

 private:
  const Value operand_;
  const bool multiplies_;
};

class Extreme final : public Operator {
 public:
  Extreme(ValueRef operand, int wanted) : operand_(operand), wanted_(wanted) {}
  absl::Status Apply(const Target& target) const override {
    TreeNode* const node = FindNode(target.root, target.path);
    if (node == nullptr) return SetAt(target, operand_);
    const int order = Compare(operand_, node->ToValue());
    if ((wanted_ < 0 && order < 0) || (wanted_ > 0 && order > 0)) node->Set(operand_);
    return absl::OkStatus();
  }

 private:
  const Value operand_;
  const int wanted_;  // -1: the smaller stays
};

// Whether the path leads through an array, or ends in one's element.
bool PassesArray(TreeNode& root, const Path& path) {
  TreeNode* node = &root;
  for (const std::string& name : path) {
    if (node->type() == Type::kArray) return true;
    node = node->Find(name);
    if (node == nullptr) return false;
  }
  return false;
}

class Rename final : public Operator {
 public:
  Rename(std::string to, Path path) : to_(std::move(to)), path_(std::move(path)) {}
  absl::Status Apply(const Target& target) const override {
    for (const Path* path : {&target.path, &path_}) {
      if (PassesArray(target.root, *path)) {
        return Error(ErrorCode::kPathType, target.field, to_,
                     "$rename does not work inside arrays");
      }
    }
    TreeNode* const node = FindNode(target.root, target.path);
    if (node == nullptr) return absl::OkStatus();
    const Value value = node->ToValue();
    RETURN_IF_ERROR(CheckPath(target.root, path_, to_));
    RemoveAt(target.root, target.path);
    RemoveAt(target.root, path_);
    return SetAt({target.root, to_, path_, target.context}, value);
  }

 private:
  const std::string to_;
  const Path path_;
};

class CurrentDate final : public Operator {
 public:
  explicit CurrentDate(bool timestamp) : timestamp_(timestamp) {}
  absl::Status Apply(const Target& target) const override {
    const int64_t ms = target.context.now_ms;
    const auto seconds = static_cast<uint64_t>(ms / 1000);
    return SetAt(target, timestamp_ ? Value::Timestamp(seconds << 32 | 1) : Value::Date(ms));
  }

 private:
  const bool timestamp_;
};

absl::StatusOr<std::unique_ptr<const Operator>> MakeRename(const Element& element) {
  if (!element.value.is(Type::kString)) return Bad(element, "$rename needs the new name");
  std::string to(element.value.string());
  auto path = ParsePath(to);
  if (!path.ok()) return Bad(element, "$rename needs a path");
  if (to == element.name) return Bad(element, "$rename to the same name");
  return std::make_unique<const Rename>(std::move(to), *std::move(path));
}

absl::StatusOr<std::unique_ptr<const Operator>> MakeCurrentDate(const Element& element) {
  if (element.value.is(Type::kBool) && element.value.boolean())
    return std::make_unique<const CurrentDate>(false);
  if (element.value.is(Type::kDocument)) {
    const auto type = FindField(element.value, "$type");
    if (type && type->is(Type::kString) &&
        (type->string() == "date" || type->string() == "timestamp")) {
      return std::make_unique<const CurrentDate>(type->string() == "timestamp");
    }
  }
  return Bad(element, "$currentDate needs true or {$type: 'date' or 'timestamp'}");
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Operator>> MakeOperator(std::string_view op,
                                                             const Element& element) {
  if (op == "$set" || op == "$setOnInsert") {
    return std::make_unique<const Set>(element.value, op == "$setOnInsert");
  }
  if (op == "$unset") return std::make_unique<const Unset>();
  if (op == "$inc" || op == "$mul") {
    if (!IsNumber(element.value.type))
      return Error(ErrorCode::kType, element.name, ToText(element.value),
                   "the operand is not a number");
    return std::make_unique<const Arithmetic>(element.value, op == "$mul");
  }
  if (op == "$min" || op == "$max")
    return std::make_unique<const Extreme>(element.value, op == "$min" ? -1 : 1);
  if (op == "$rename") return MakeRename(element);
  if (op == "$currentDate") return MakeCurrentDate(element);
  return MakeArrayOperator(op, element);
}

}  // namespace lockstep::docs
