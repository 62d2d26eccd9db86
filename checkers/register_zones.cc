#include "checkers/register_zones.h"

#include <algorithm>
#include <utility>

#include "framework/base/check.h"
#include "framework/base/random.h"

namespace lockstep::checkers {
namespace {

using Kind = RegisterInput::Kind;

constexpr int64_t kBefore = INT64_MIN;  // all times of a history are later
constexpr int64_t kNever = INT64_MAX;

// One operation, as much as the zones need.
struct Access final {
  int64_t call;
  int64_t returned;
  int64_t value;
  uint32_t place;
  bool is_write;
};

struct Cluster final {
  int64_t first_return = kNever;
  int64_t last_call = kBefore;
  int64_t write_call = kNever;
  int64_t value = 0;
  bool is_written = false;
};

// The zones of one key after the other; its memory is used again.
class Zones final {
 public:
  // What is wrong: a value whose read is impossible, or two values that exclude each other.
  struct Conflict {
    int64_t value;
    std::optional<int64_t> other;
    bool is_duplicate = false;
  };

  std::optional<Conflict> Check(const Access* begin, const Access* end) {
    Reset(static_cast<size_t>(end - begin));
    Cluster& nothing = At(kNoValue);
    nothing = {kBefore, kBefore, kBefore, kNoValue, true};
    for (const Access* access = begin; access != end; ++access) {
      if (!access->is_write) continue;
      Cluster& cluster = At(access->value);
      if (cluster.is_written) return Conflict{access->value, {}, true};
      cluster.is_written = true;
      cluster.write_call = access->call;
      Include(*access, &cluster);
    }
    for (const Access* access = begin; access != end; ++access) {
      if (access->is_write) continue;
      Cluster& cluster = At(access->value);
      if (!cluster.is_written || access->returned < cluster.write_call) {
        return Conflict{access->value, {}};
      }
      Include(*access, &cluster);
    }
    return CheckZones();
  }

 private:
  static constexpr uint32_t kFree = UINT32_MAX;

  void Reset(size_t accesses) {
    size_t capacity = 16;
    while (capacity < accesses * 2 + 4) capacity *= 2;
    slots_.assign(capacity, kFree);
    clusters_.clear();
  }

  static void Include(const Access& access, Cluster* cluster) {
    cluster->first_return = std::min(cluster->first_return, access.returned);
    cluster->last_call = std::max(cluster->last_call, access.call);
  }

  Cluster& At(int64_t value) {
    size_t at = base::Mix64(static_cast<uint64_t>(value)) & (slots_.size() - 1);
    while (slots_[at] != kFree && clusters_[slots_[at]].value != value) {
      at = (at + 1) & (slots_.size() - 1);
    }
    if (slots_[at] == kFree) {
      slots_[at] = static_cast<uint32_t>(clusters_.size());
      clusters_.emplace_back().value = value;
    }
    return clusters_[slots_[at]];
  }

  std::optional<Conflict> CheckZones() {
    forward_.clear();
    for (const Cluster& cluster : clusters_) {
      if (cluster.first_return < cluster.last_call) forward_.push_back(&cluster);
    }
    std::sort(forward_.begin(), forward_.end(), [](const Cluster* a, const Cluster* b) {
      return std::pair(a->first_return, a->value) < std::pair(b->first_return, b->value);
    });
    for (size_t i = 1; i < forward_.size(); ++i) {
      if (forward_[i]->first_return < forward_[i - 1]->last_call) {
        return Conflict{forward_[i - 1]->value, forward_[i]->value};
      }
    }
    for (const Cluster& inner : clusters_) {
      // A write that nobody answered or read may not have happened.
      if (inner.first_return == kNever || inner.first_return < inner.last_call) continue;
      auto outer = std::lower_bound(
          forward_.begin(), forward_.end(), inner.last_call,
          [](const Cluster* cluster, int64_t time) { return cluster->first_return < time; });
      if (outer == forward_.begin()) continue;
      --outer;
      if (inner.first_return < (*outer)->last_call) return Conflict{(*outer)->value, inner.value};
    }
    return std::nullopt;
  }

  std::vector<uint32_t> slots_;  // a power of two
  std::vector<Cluster> clusters_;
  std::vector<const Cluster*> forward_;
};

// The accesses by key: those of key k are [begin[k], begin[k + 1]).
struct ByKey final {
  std::vector<Access> accesses;
  std::vector<uint32_t> begin;
};

// False: something is no plain read or write of a value.
bool Group(const std::vector<RegisterOperation>& operations, ByKey* out) {
  uint32_t keys = 0;
  for (const RegisterOperation& op : operations) {
    if (op.input.kind == Kind::kCas) return false;
    if (op.input.kind == Kind::kWrite && op.input.to == kNoValue) return false;
    keys = std::max(keys, op.input.key + 1);
  }
  if (keys > operations.size() * 4 + 1024) return false;  // numbers of keys are dense
  out->begin.assign(size_t{keys} + 1, 0);
  for (const RegisterOperation& op : operations) ++out->begin[op.input.key + 1];
  for (uint32_t key = 0; key < keys; ++key) out->begin[key + 1] += out->begin[key];
  out->accesses.resize(operations.size());
  std::vector<uint32_t> next(out->begin.begin(), out->begin.end() - 1);
  for (uint32_t place = 0; place < operations.size(); ++place) {
    const RegisterOperation& op = operations[place];
    const bool is_write = op.input.kind == Kind::kWrite;
    Access access{op.call, op.returned.value_or(kNever), is_write ? op.input.to : op.output.value,
                  place, is_write};
    // A read without an answer is made one of nothing that ends never and starts always.
    if (!is_write && !op.returned) {
      access.value = kNoValue;
      access.call = kBefore;
    }
    out->accesses[next[op.input.key]++] = access;
  }
  return true;
}

// The operations that make the two zones: of each value the write, what returned first and what was
// called last.
std::vector<size_t> Witnesses(const ByKey& by_key, uint32_t key, const Zones::Conflict& conflict) {
  std::vector<size_t> places;
  const auto add = [&](const Access* access) {
    if (access == nullptr) return;
    if (std::find(places.begin(), places.end(), access->place) == places.end()) {
      places.push_back(access->place);
    }
  };
  for (const std::optional<int64_t>& value : {std::optional(conflict.value), conflict.other}) {
    if (!value) continue;
    const Access* write = nullptr;
    const Access* first = nullptr;
    const Access* last = nullptr;
    for (uint32_t i = by_key.begin[key]; i < by_key.begin[key + 1]; ++i) {
      const Access& access = by_key.accesses[i];
      if (access.value != *value || access.call == kBefore) continue;
      if (access.is_write) write = &access;
      if (first == nullptr || access.returned < first->returned) first = &access;
      if (last == nullptr || access.call > last->call) last = &access;
    }
    for (const Access* access : {write, first, last}) add(access);
  }
  return places;
}

// The witnesses contradict each other whatever else happened, so the search puts them into words.
LinearizabilityResult Refute(const RegisterModel& model,
                             const std::vector<RegisterOperation>& operations,
                             const std::vector<size_t>& places) {
  std::vector<RegisterOperation> few;
  for (const size_t place : places) few.push_back(operations[place]);
  LinearizabilityResult result = CheckLinearizability(model, few);
  CHECK(result.verdict == Verdict::kViolation);
  for (size_t& place : result.counterexample) place = places[place];
  result.culprit = places[result.culprit];
  return result;
}

}  // namespace

std::optional<LinearizabilityResult> CheckZones(const RegisterModel& model,
                                                const std::vector<RegisterOperation>& operations) {
  ByKey by_key;
  if (!Group(operations, &by_key)) return std::nullopt;
  Zones zones;
  std::optional<LinearizabilityResult> refuted;
  for (uint32_t key = 0; key + 1 < by_key.begin.size(); ++key) {
    const Access* accesses = by_key.accesses.data();
    const std::optional<Zones::Conflict> conflict =
        zones.Check(accesses + by_key.begin[key], accesses + by_key.begin[key + 1]);
    if (!conflict) continue;
    if (conflict->is_duplicate) return std::nullopt;
    if (!refuted) refuted = Refute(model, operations, Witnesses(by_key, key, *conflict));
  }
  if (refuted) return refuted;
  LinearizabilityResult result;
  result.configurations = operations.size();
  result.peak_bytes = by_key.accesses.size() * sizeof(Access);
  return result;
}

LinearizabilityResult CheckRegisters(const RegisterModel& model,
                                     const std::vector<RegisterOperation>& operations,
                                     const LinearizabilityLimits& limits) {
  if (auto result = CheckZones(model, operations)) return *std::move(result);
  return CheckLinearizability(model, operations, limits);
}

}  // namespace lockstep::checkers
