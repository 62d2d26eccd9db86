#include "checkers/register_zones.h"

#include <algorithm>
#include <utility>

#include "checkers/refutation.h"
#include "checkers/version_chains.h"

namespace lockstep::checkers {
namespace {

using Kind = RegisterInput::Kind;

Access::Kind KindOf(const RegisterOperation& op) {
  if (op.input.kind == Kind::kRead) return Access::Kind::kRead;
  if (op.input.kind == Kind::kWrite) return Access::Kind::kWrite;
  return op.returned && !op.output.succeeded ? Access::Kind::kFailedCas : Access::Kind::kCas;
}

int64_t ValueOf(const RegisterOperation& op, Access::Kind kind) {
  if (kind == Access::Kind::kRead) return op.output.value;
  return kind == Access::Kind::kFailedCas ? op.input.from : op.input.to;
}

// The accesses by key: those of key k are [begin[k], begin[k + 1]).
class ByKey final {
 public:
  // False: something writes "nothing".
  bool Group(const std::vector<RegisterOperation>& operations) {
    uint32_t keys = 0;
    bool has_cas = false;
    for (const RegisterOperation& op : operations) {
      const Access::Kind kind = KindOf(op);
      if (kind != Access::Kind::kRead && op.input.to == kNoValue) return false;
      has_cas = has_cas || op.input.kind == Kind::kCas;
      keys = std::max(keys, op.input.key + 1);
      const int64_t value = ValueOf(op, kind);
      if (value == kNoValue) continue;
      lowest_ = std::min(lowest_, value);
      highest_ = std::max(highest_, value);
    }
    if (keys > operations.size() * 4 + 1024) return false;  // numbers of keys are dense
    if (has_cas) Expect(operations);
    begin_.assign(size_t{keys} + 1, 0);
    for (const RegisterOperation& op : operations) begin_[op.input.key + 1] += Says(op) ? 1 : 0;
    for (uint32_t key = 0; key < keys; ++key) begin_[key + 1] += begin_[key];
    Fill(operations);
    return true;
  }

  uint32_t keys() const { return static_cast<uint32_t>(begin_.size() - 1); }
  const Access* begin(uint32_t key) const { return accesses_.data() + begin_[key]; }
  size_t bytes() const { return accesses_.size() * sizeof(Access); }
  VersionChains Chains() const {
    return VersionChains(kNoValue, lowest_, highest_, accesses_.size() * 4 + 1024, expected_);
  }

 private:
  // A read without an answer says nothing.
  static bool Says(const RegisterOperation& op) {
    return op.returned.has_value() || op.input.kind != Kind::kRead;
  }

  void Expect(const std::vector<RegisterOperation>& operations) {
    expected_.reserve(operations.size());
    for (const RegisterOperation& op : operations) {
      expected_.push_back(op.input.from);
      if (op.input.kind != Kind::kCas || op.input.from == kNoValue) continue;
      lowest_ = std::min(lowest_, op.input.from);
      highest_ = std::max(highest_, op.input.from);
    }
  }

  void Fill(const std::vector<RegisterOperation>& operations) {
    accesses_.resize(begin_.back());
    std::vector<uint32_t> next(begin_.begin(), begin_.end() - 1);
    for (uint32_t place = 0; place < operations.size(); ++place) {
      const RegisterOperation& op = operations[place];
      if (!Says(op)) continue;
      const Access::Kind kind = KindOf(op);
      accesses_[next[op.input.key]++] = {op.call, op.returned.value_or(Access::kNever),
                                         ValueOf(op, kind), place, kind};
    }
  }

  std::vector<Access> accesses_;
  std::vector<uint32_t> begin_;
  std::vector<int64_t> expected_;  // by place, if there is a cas
  int64_t lowest_ = INT64_MAX;
  int64_t highest_ = INT64_MIN;
};

// The places that a finding names contradict each other whatever else happened, so the search puts
// them into words; unless it also takes what is not among them.
LinearizabilityResult InWords(const RegisterModel& model,
                              const std::vector<RegisterOperation>& operations,
                              const VersionChains::Finding& finding,
                              const LinearizabilityLimits& limits) {
  constexpr size_t kSearchedMax = 64;
  const std::vector<size_t> places(finding.places.begin(), finding.places.end());
  if (limits.minimize && places.size() <= kSearchedMax) {
    LinearizabilityResult result = CheckPart(model, operations, places, limits);
    if (result.verdict == Verdict::kViolation) return result;
  }
  const std::string key = model.Key(operations[places[0]].input);
  return Refutation(model, operations, places, *finding.why, key.empty() ? "" : "key " + key);
}

// What the chains say of all keys; the keys of which they say nothing are added to `open`.
LinearizabilityResult CheckKeys(const RegisterModel& model,
                                const std::vector<RegisterOperation>& operations,
                                const ByKey& by_key, const LinearizabilityLimits& limits,
                                std::vector<uint32_t>* open) {
  VersionChains chains = by_key.Chains();
  for (uint32_t key = 0; key < by_key.keys(); ++key) {
    const VersionChains::Finding finding = chains.Check(by_key.begin(key), by_key.begin(key + 1));
    if (finding.why) return InWords(model, operations, finding, limits);
    if (!finding.is_decided) open->push_back(key);
  }
  return Proof(operations.size(), by_key.bytes());
}

}  // namespace

std::optional<LinearizabilityResult> CheckZones(const RegisterModel& model,
                                                const std::vector<RegisterOperation>& operations) {
  ByKey by_key;
  if (!by_key.Group(operations)) return std::nullopt;
  std::vector<uint32_t> open;
  LinearizabilityResult result = CheckKeys(model, operations, by_key, {}, &open);
  if (result.verdict == Verdict::kOk && !open.empty()) return std::nullopt;
  return result;
}

LinearizabilityResult CheckRegisters(const RegisterModel& model,
                                     const std::vector<RegisterOperation>& operations,
                                     const LinearizabilityLimits& limits) {
  ByKey by_key;
  if (!by_key.Group(operations)) return CheckLinearizability(model, operations, limits);
  std::vector<uint32_t> open;
  LinearizabilityResult result = CheckKeys(model, operations, by_key, limits, &open);
  if (result.verdict != Verdict::kOk || open.empty()) return result;
  std::vector<size_t> places;
  for (size_t place = 0; place < operations.size(); ++place) {
    const uint32_t key = operations[place].input.key;
    if (std::binary_search(open.begin(), open.end(), key)) places.push_back(place);
  }
  return CheckPart(model, operations, std::move(places), limits);
}

}  // namespace lockstep::checkers
