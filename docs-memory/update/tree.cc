#include "docs-memory/update/tree.h"

#include <algorithm>
#include <utility>

#include "docs-memory/bson/error.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {

std::vector<TreeNode::Child>& TreeNode::children() {
  CHECK(is_container());
  if (open_) return children_;
  ElementReader reader(bytes_);
  Element element;
  while (reader.Next(&element))
    children_.push_back({std::string(element.name), TreeNode(element.value)});
  open_ = true;
  bytes_.clear();
  return children_;
}

TreeNode* TreeNode::Find(std::string_view name) {
  if (!is_container()) return nullptr;
  std::vector<Child>& all = children();
  if (type_ == Type::kArray) {
    const auto index = ParseArrayIndex(name);
    return index && *index < all.size() ? &all[*index].node : nullptr;
  }
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Child& c) { return c.name == name; });
  return found == all.end() ? nullptr : &found->node;
}

void TreeNode::AppendChildren(Writer& writer) const {
  size_t index = 0;
  for (const Child& child : children_) {
    if (type_ == Type::kArray) {
      child.node.AppendTo(std::to_string(index++), writer);
    } else {
      child.node.AppendTo(child.name, writer);
    }
  }
}

void TreeNode::AppendTo(std::string_view name, Writer& writer) const {
  if (!open_) return writer.Append(name, {type_, bytes_});
  const size_t inner = writer.Begin(name, type_);
  AppendChildren(writer);
  writer.End(inner);
}

Value TreeNode::ToValue() const {
  if (!open_) return Value::Of(type_, bytes_);
  std::string bytes;
  Writer writer(bytes);
  AppendChildren(writer);
  writer.Finish();
  return Value::Of(type_, std::move(bytes));
}

void TreeNode::Set(ValueRef value) {
  // (The value may be part of this node.)
  std::string bytes(value.bytes);
  type_ = value.type;
  bytes_ = std::move(bytes);
  open_ = false;
  children_.clear();
}

TreeNode* FindNode(TreeNode& root, const Path& path) {
  TreeNode* node = &root;
  for (const std::string& name : path) {
    node = node->Find(name);
    if (node == nullptr) return nullptr;
  }
  return node;
}

namespace {

// Whether a child of this name can be made in the node.
absl::Status CheckChild(TreeNode& node, const std::string& name, std::string_view field) {
  if (!node.is_container()) {
    return Error(ErrorCode::kPathType, field, "",
                 "'" + name + "' would be in a value of type " + std::string(NameOf(node.type())));
  }
  if (node.type() == Type::kDocument) return absl::OkStatus();
  const auto index = ParseArrayIndex(name);
  if (!index)
    return Error(ErrorCode::kPathType, field, "", "'" + name + "' names no element of an array");
  if (*index >= node.children().size() + kArrayPaddingMax) {
    return Error(ErrorCode::kPathType, field, "",
                 "more than 1500 elements beyond the end of the array");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckPath(TreeNode& root, const Path& path, std::string_view field) {
  TreeNode* node = &root;
  for (const std::string& name : path) {
    TreeNode* const child = node->Find(name);
    if (child == nullptr) return CheckChild(*node, name, field);
    node = child;
  }
  return absl::OkStatus();
}

absl::StatusOr<TreeNode*> MakeNode(TreeNode& root, const Path& path, std::string_view field) {
  RETURN_IF_ERROR(CheckPath(root, path, field));
  const Document empty;
  TreeNode* node = &root;
  for (size_t i = 0; i < path.size(); ++i) {
    if (TreeNode* const child = node->Find(path[i])) {
      node = child;
      continue;
    }
    const ValueRef made = i + 1 == path.size() ? ValueRef{Type::kNull, {}} : empty.ref();
    std::vector<TreeNode::Child>& all = node->children();
    if (node->type() == Type::kArray) {
      const size_t index = *ParseArrayIndex(path[i]);
      while (all.size() < index) all.push_back({"", TreeNode(ValueRef{})});
    }
    all.push_back({path[i], TreeNode(made)});
    node = &all.back().node;
  }
  return node;
}

}  // namespace lockstep::docs
