#include "docs-memory/store/reusing.h"

#include <utility>

#include "framework/base/check.h"

namespace lockstep::docs {

// Gives the iterator back when it goes.
class ReusingTransaction::Lent final : public machine::Iterator {
 public:
  Lent(Idle& idle, std::unique_ptr<machine::Iterator> inner)
      : idle_(idle), inner_(std::move(inner)) {}
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  ~Lent() override {
    if (inner_->status().ok()) idle_.push_back(std::move(inner_));
  }

  void Seek(Fiber& fiber, std::string_view key) override {
    has_moved_ = true;
    inner_->Seek(fiber, key);
  }
  void SeekBefore(Fiber& fiber, std::string_view key) override {
    has_moved_ = true;
    inner_->SeekBefore(fiber, key);
  }
  void Next(Fiber& fiber) override {
    CHECK(has_moved_);
    inner_->Next(fiber);
  }
  void Previous(Fiber& fiber) override {
    CHECK(has_moved_);
    inner_->Previous(fiber);
  }
  bool Valid() const override { return has_moved_ && inner_->Valid(); }
  std::string_view key() const override {
    CHECK(has_moved_);
    return inner_->key();
  }
  std::string_view value() const override {
    CHECK(has_moved_);
    return inner_->value();
  }
  absl::Status status() const override { return inner_->status(); }

 private:
  Idle& idle_;
  std::unique_ptr<machine::Iterator> inner_;
  bool has_moved_ = false;  // (before that it stands where somebody else has left it)
};

std::unique_ptr<machine::Iterator> ReusingTransaction::NewIterator(machine::Column column) const {
  Idle& idle = IdleOf(column);
  if (idle.empty()) return std::make_unique<Lent>(idle, inner_.NewIterator(column));
  std::unique_ptr<machine::Iterator> inner = std::move(idle.back());
  idle.pop_back();
  return std::make_unique<Lent>(idle, std::move(inner));
}

}  // namespace lockstep::docs
