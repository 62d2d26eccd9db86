#include "framework/store/persistent_map.h"

#include <memory>

#include "framework/base/check.h"
#include "framework/base/checksum.h"

namespace lockstep::store {

Record::Record(std::string_view k, std::string_view v)
    : priority(base::Checksum64(k)), key(k), value(v) {}

void Record::Destroy(Record* record) { const std::unique_ptr<Record> last(record); }

struct PersistentMap::Node final {
  static void Destroy(Node* node) { const std::unique_ptr<Node> last(node); }
  uint64_t priority() const { return record->priority; }
  // REQUIRES: both children are as they will be.
  void Count() {
    bytes = record->key.size() + record->value.size();
    if (left) bytes += left->bytes;
    if (right) bytes += right->bytes;
  }

  uint32_t references = 1;
  RecordRef record;
  NodeRef left;
  NodeRef right;
  uint64_t bytes = 0;  // of the subtree
};

struct PersistentMap::Trees final {
  NodeRef below;  // keys < the key split at
  NodeRef at_or_above;
};

PersistentMap::PersistentMap() = default;
PersistentMap::PersistentMap(const PersistentMap&) = default;
PersistentMap::PersistentMap(PersistentMap&&) noexcept = default;
PersistentMap& PersistentMap::operator=(const PersistentMap&) = default;
PersistentMap& PersistentMap::operator=(PersistentMap&&) noexcept = default;
PersistentMap::~PersistentMap() = default;

void PersistentMap::Put(std::string_view key, std::string_view value) {
  root_ = Insert(std::move(root_), RecordRef(std::make_unique<Record>(key, value).release()));
}

void PersistentMap::Erase(std::string_view key) {
  // Looking first keeps the path shared when there is nothing to erase.
  if (Find(key)) root_ = Remove(std::move(root_), key);
}

void PersistentMap::EraseRange(std::string_view begin, std::string_view end) {
  if (begin >= end) return;
  Trees low = Split(std::move(root_), begin);
  Trees high = Split(std::move(low.at_or_above), end);
  root_ = Merge(std::move(low.below), std::move(high.at_or_above));
}

RecordRef PersistentMap::Find(std::string_view key) const {
  const Node* node = root_.get();
  while (node != nullptr) {
    const int order = key.compare(node->record->key);
    if (order == 0) return node->record;
    node = order < 0 ? node->left.get() : node->right.get();
  }
  return {};
}

RecordRef PersistentMap::FirstAtOrAfter(std::string_view key) const {
  const Node* best = nullptr;
  for (const Node* node = root_.get(); node != nullptr;) {
    const bool fits = node->record->key >= key;
    if (fits) best = node;
    node = fits ? node->left.get() : node->right.get();
  }
  return best == nullptr ? RecordRef() : best->record;
}

RecordRef PersistentMap::FirstAfter(std::string_view key) const {
  const Node* best = nullptr;
  for (const Node* node = root_.get(); node != nullptr;) {
    const bool fits = node->record->key > key;
    if (fits) best = node;
    node = fits ? node->left.get() : node->right.get();
  }
  return best == nullptr ? RecordRef() : best->record;
}

RecordRef PersistentMap::LastBefore(std::string_view key) const {
  const Node* best = nullptr;
  for (const Node* node = root_.get(); node != nullptr;) {
    const bool fits = node->record->key < key;
    if (fits) best = node;
    node = fits ? node->right.get() : node->left.get();
  }
  return best == nullptr ? RecordRef() : best->record;
}

uint64_t PersistentMap::bytes() const { return root_ ? root_->bytes : 0; }

// A node that may be written: this one if only the caller has it, else a copy.
PersistentMap::NodeRef PersistentMap::Owned(NodeRef node) {
  if (node->references == 1) return node;
  auto copy = std::make_unique<Node>(*node);
  copy->references = 1;
  return NodeRef(copy.release());
}

PersistentMap::NodeRef PersistentMap::Insert(NodeRef node, RecordRef record) {
  if (!node) {
    NodeRef leaf(std::make_unique<Node>().release());
    leaf->record = std::move(record);
    leaf->Count();
    return leaf;
  }
  node = Owned(std::move(node));
  const int order = record->key.compare(node->record->key);
  if (order == 0) {
    node->record = std::move(record);
    node->Count();
    return node;
  }
  NodeRef& side = order < 0 ? node->left : node->right;
  side = Insert(std::move(side), std::move(record));
  if (side->priority() <= node->priority()) {
    node->Count();
    return node;
  }
  // Rotate the child up. It was just written, so it is ours alone.
  NodeRef child = std::move(side);
  NodeRef& inner = order < 0 ? child->right : child->left;
  side = std::move(inner);
  node->Count();
  inner = std::move(node);
  child->Count();
  return child;
}

// REQUIRES: the key is in the subtree.
PersistentMap::NodeRef PersistentMap::Remove(NodeRef node, std::string_view key) {
  node = Owned(std::move(node));
  const int order = key.compare(node->record->key);
  if (order == 0) return Merge(std::move(node->left), std::move(node->right));
  NodeRef& side = order < 0 ? node->left : node->right;
  side = Remove(std::move(side), key);
  node->Count();
  return node;
}

PersistentMap::NodeRef PersistentMap::Merge(NodeRef left, NodeRef right) {
  if (!left) return right;
  if (!right) return left;
  if (left->priority() >= right->priority()) {
    left = Owned(std::move(left));
    left->right = Merge(std::move(left->right), std::move(right));
    left->Count();
    return left;
  }
  right = Owned(std::move(right));
  right->left = Merge(std::move(left), std::move(right->left));
  right->Count();
  return right;
}

PersistentMap::Trees PersistentMap::Split(NodeRef node, std::string_view key) {
  if (!node) return {};
  node = Owned(std::move(node));
  const bool is_below = node->record->key < key;
  NodeRef& side = is_below ? node->right : node->left;
  Trees trees = Split(std::move(side), key);
  side = std::move(is_below ? trees.below : trees.at_or_above);
  node->Count();
  (is_below ? trees.below : trees.at_or_above) = std::move(node);
  return trees;
}

void PersistentMap::CheckInvariants() const { CheckSubtree(root_.get()); }

void PersistentMap::CheckSubtree(const Node* node) {
  if (node == nullptr) return;
  uint64_t bytes = node->record->key.size() + node->record->value.size();
  for (const Node* child : {node->left.get(), node->right.get()}) {
    if (child == nullptr) continue;
    CHECK_LE(child->priority(), node->priority());
    CHECK_GE(child->references, 1u);
    CheckSubtree(child);
    bytes += child->bytes;
  }
  if (node->left) CHECK_LT(node->left->record->key, node->record->key);
  if (node->right) CHECK_GT(node->right->record->key, node->record->key);
  CHECK_EQ(bytes, node->bytes);
}

}  // namespace lockstep::store
