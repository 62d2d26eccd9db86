// MapStore: the smallest store that a state machine can run on, and a machine running on it.
#ifndef LOCKSTEP_TESTS_KV_MAP_STORE_H_
#define LOCKSTEP_TESTS_KV_MAP_STORE_H_

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "framework/base/check.h"
#include "framework/machine/state_machine.h"
#include "kv/command.h"
#include "kv/kv_machine.h"

namespace lockstep::kv {

// Columns that are changed in place: view, transaction and committed state are one.
class MapStore final : public machine::StoreTransaction {
 public:
  using Rows = std::map<std::string, std::string, std::less<>>;

  absl::StatusOr<std::optional<std::string>> Get(Fiber&, machine::Column column,
                                                 std::string_view key) const override {
    const auto found = rows(column).find(key);
    if (found == rows(column).end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
  }
  std::unique_ptr<machine::Iterator> NewIterator(machine::Column column) const override {
    return std::make_unique<RowIterator>(rows(column));
  }
  void Put(machine::Column column, std::string_view key, std::string_view value) override {
    columns_[static_cast<size_t>(column)][std::string(key)] = std::string(value);
  }
  void Delete(machine::Column column, std::string_view key) override {
    columns_[static_cast<size_t>(column)].erase(std::string(key));
  }
  void DeleteRange(machine::Column column, std::string_view begin, std::string_view end) override {
    Rows& all = columns_[static_cast<size_t>(column)];
    all.erase(all.lower_bound(begin), all.lower_bound(end));
  }

  const Rows& rows(machine::Column column) const { return columns_[static_cast<size_t>(column)]; }
  bool operator==(const MapStore& other) const { return columns_ == other.columns_; }

 private:
  class RowIterator final : public machine::Iterator {
   public:
    explicit RowIterator(const Rows& rows) : rows_(rows), at_(rows.end()) {}
    void Seek(Fiber&, std::string_view key) override { at_ = rows_.lower_bound(key); }
    void SeekBefore(Fiber&, std::string_view key) override {
      at_ = rows_.lower_bound(key);
      at_ = at_ == rows_.begin() ? rows_.end() : std::prev(at_);
    }
    void Next(Fiber&) override { ++at_; }
    void Previous(Fiber&) override { at_ = at_ == rows_.begin() ? rows_.end() : std::prev(at_); }
    bool Valid() const override { return at_ != rows_.end(); }
    std::string_view key() const override { return at_->first; }
    std::string_view value() const override { return at_->second; }
    absl::Status status() const override { return absl::OkStatus(); }

   private:
    const Rows& rows_;
    Rows::const_iterator at_;
  };

  std::array<Rows, machine::kColumnCount> columns_;
};

// One replica's machine and store, driven request by request from the main stack.
class MachineOnMap final {
 public:
  class Context final : public machine::ApplyContext {
   public:
    explicit Context(MapStore& store) : store_(store) {}
    machine::StoreTransaction& store() override { return store_; }
    uint64_t index() const override { return 1; }
    uint64_t term() const override { return 1; }
    WallTime time() const override { return {}; }
    void Publish(std::string) override {}

   private:
    MapStore& store_;
  };

  MachineOnMap() { Load(); }

  // A new incarnation of the machine over the same store.
  void Load() {
    machine_ = std::make_unique<KvMachine>();
    InFiber([&](Fiber& fiber) { CHECK_OK(machine_->Load(fiber, store_)); });
  }
  std::string Apply(std::string_view command) {
    std::string result;
    InFiber([&](Fiber& fiber) {
      Context context(store_);
      const auto outcome = machine_->Apply(fiber, command, context);
      CHECK(outcome.ok()) << outcome.status().ToString();
      result = *outcome;
    });
    return result;
  }
  std::string Query(std::string_view request) {
    std::string result;
    InFiber([&](Fiber& fiber) {
      const auto outcome = machine_->Query(fiber, request, store_);
      CHECK(outcome.ok()) << outcome.status().ToString();
      result = *outcome;
    });
    return result;
  }
  absl::Status CheckInvariants() {
    absl::Status status;
    InFiber([&](Fiber& fiber) { status = machine_->CheckInvariants(fiber, store_); });
    return status;
  }
  MapStore& store() { return store_; }
  KvMachine& machine() { return *machine_; }

  // Runs the body on a fiber, to its end.
  void InFiber(const std::function<void(Fiber&)>& body) {
    bool done = false;
    fiber::Scope scope(scheduler_);
    scope.Spawn("test", [&](Fiber& fiber) {
      body(fiber);
      done = true;
    });
    scheduler_.RunReady();
    CHECK(done);
  }
  fiber::Scheduler& scheduler() { return scheduler_; }

 private:
  fiber::Scheduler scheduler_;
  MapStore store_;
  std::unique_ptr<KvMachine> machine_;
};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_TESTS_KV_MAP_STORE_H_
