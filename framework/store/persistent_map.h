// PersistentMap: an ordered map of byte strings whose copies cost nothing.
//
// A treap whose priorities are hashes of the keys, so that equal contents have equal shapes. Copies
// share nodes; a change copies the path to what it changes, unless nobody else sees that path.
#ifndef LOCKSTEP_FRAMEWORK_STORE_PERSISTENT_MAP_H_
#define LOCKSTEP_FRAMEWORK_STORE_PERSISTENT_MAP_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace lockstep::store {

// A counted reference for one thread; T has `uint32_t references`.
template <typename T>
class Shared final {
 public:
  Shared() = default;
  // Takes over an object whose count is 1.
  explicit Shared(T* object) : object_(object) {}
  Shared(const Shared& other) : object_(other.object_) {
    if (object_ != nullptr) ++object_->references;
  }
  Shared(Shared&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Shared& operator=(Shared other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Shared() {
    if (object_ != nullptr && --object_->references == 0) T::Destroy(object_);
  }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

// One key and its value; never changes.
struct Record final {
  Record(std::string_view k, std::string_view v);
  static void Destroy(Record* record);

  uint32_t references = 1;
  const uint64_t priority;
  const std::string key;
  const std::string value;
};
using RecordRef = Shared<Record>;

// Invariants:
//   1. Keys are in order from left to right; a parent's priority is not below its children's.
//   2. A node that two maps can reach is never written.
// A value. Not for two threads, not even copies of one map.
class PersistentMap final {
 public:
  PersistentMap();
  PersistentMap(const PersistentMap&);
  PersistentMap(PersistentMap&&) noexcept;
  PersistentMap& operator=(const PersistentMap&);
  PersistentMap& operator=(PersistentMap&&) noexcept;
  ~PersistentMap();

  void Put(std::string_view key, std::string_view value);
  void Erase(std::string_view key);
  // Erases [begin, end). Logarithmic, however much it erases.
  void EraseRange(std::string_view begin, std::string_view end);

  // Null if there is none. A record stays readable for as long as it is referred to.
  RecordRef Find(std::string_view key) const;
  RecordRef FirstAtOrAfter(std::string_view key) const;
  RecordRef FirstAfter(std::string_view key) const;
  RecordRef LastBefore(std::string_view key) const;

  // Sum of the sizes of keys and values.
  uint64_t bytes() const;
  void CheckInvariants() const;

 private:
  struct Node;
  using NodeRef = Shared<Node>;
  struct Trees;

  static NodeRef Owned(NodeRef node);
  static NodeRef Insert(NodeRef node, RecordRef record);
  static NodeRef Remove(NodeRef node, std::string_view key);
  static NodeRef Merge(NodeRef left, NodeRef right);
  static Trees Split(NodeRef node, std::string_view key);
  static void CheckSubtree(const Node* node);

  NodeRef root_;
};

}  // namespace lockstep::store

#endif  // LOCKSTEP_FRAMEWORK_STORE_PERSISTENT_MAP_H_
