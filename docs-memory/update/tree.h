// A document that is being changed.
#ifndef LOCKSTEP_DOCS_MEMORY_UPDATE_TREE_H_
#define LOCKSTEP_DOCS_MEMORY_UPDATE_TREE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/query/path.h"

namespace lockstep::docs {

// A value, or a container whose children may be changed; opened only where somebody looks inside.
// A value type; owns everything.
class TreeNode final {
 public:
  struct Child;

  explicit TreeNode(ValueRef value) : type_(value.type), bytes_(value.bytes) {}

  Type type() const { return type_; }
  bool is_container() const { return type_ == Type::kDocument || type_ == Type::kArray; }
  // The children; of an array, their names mean nothing. REQUIRES: a container.
  std::vector<Child>& children();
  // Null if there is none. A number picks an element of an array.
  TreeNode* Find(std::string_view name);
  // As a value of its own.
  Value ToValue() const;
  void AppendTo(std::string_view name, Writer& writer) const;
  // Replaces what it is.
  void Set(ValueRef value);

 private:
  void AppendChildren(Writer& writer) const;

  Type type_;
  bool open_ = false;
  std::string bytes_;            // while it is not open
  std::vector<Child> children_;  // once it is
};

struct TreeNode::Child final {
  std::string name;
  TreeNode node;
};

inline constexpr size_t kArrayPaddingMax = 1500;

// The node at the path; null if there is none.
TreeNode* FindNode(TreeNode& root, const Path& path);
// The node at the path, which becomes null with its parents if it is not there: documents, and
// padding with null up to the index in an array that is there. E_PATH_TYPE: a scalar is in the way,
// or an array that is no number's.
absl::StatusOr<TreeNode*> MakeNode(TreeNode& root, const Path& path, std::string_view field);
// Whether MakeNode would fail; changes nothing.
absl::Status CheckPath(TreeNode& root, const Path& path, std::string_view field);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_UPDATE_TREE_H_
