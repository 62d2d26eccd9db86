#include "checkers/kv_replay.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace lockstep::checkers {
namespace {

std::string DescribePair(const KvPair& pair) {
  return absl::StrCat(pair.key, " = ", pair.value, " (mod revision ", pair.mod_revision,
                      ", create revision ", pair.create_revision, ", version ", pair.version, ")");
}

int Order(int64_t a, int64_t b) { return a < b ? -1 : a > b; }

bool Writes(const std::vector<KvOp>& branch, const KvPair& pair) {
  return std::any_of(branch.begin(), branch.end(), [&](const KvOp& op) {
    return op.kind == KvOp::Kind::kPut && op.key == pair.key && op.value == pair.value;
  });
}

}  // namespace

std::optional<bool> KvReplay::Evaluate(const KvCompare& compare) const {
  const auto at = cells_.find(compare.key);
  const bool exists = at != cells_.end();
  if (exists && !at->second.known) return std::nullopt;
  const KvPair none;
  const KvPair& pair = exists ? at->second.pair : none;
  switch (compare.target) {
    case KvCompare::Target::kValue:
      return exists && Holds(compare.relation, pair.value.compare(compare.value));
    case KvCompare::Target::kModRevision:
      return Holds(compare.relation, Order(pair.mod_revision, compare.number));
    case KvCompare::Target::kCreateRevision:
      if (exists && !at->second.lineage_known) return std::nullopt;
      return Holds(compare.relation, Order(pair.create_revision, compare.number));
    case KvCompare::Target::kVersion:
      if (exists && !at->second.lineage_known) return std::nullopt;
      return Holds(compare.relation, Order(pair.version, compare.number));
  }
  return std::nullopt;
}

std::optional<bool> KvReplay::EvaluateAll(const std::vector<KvCompare>& compares) const {
  bool decided = true;
  for (const KvCompare& compare : compares) {
    const std::optional<bool> holds = Evaluate(compare);
    if (holds == false) return false;
    if (!holds) decided = false;
  }
  return decided ? std::optional<bool>(true) : std::nullopt;
}

KvReplay::Reason KvReplay::ComparePair(const KvPair& got, const Cell& cell) const {
  const KvPair& want = cell.pair;
  const bool same = got.key == want.key && got.value == want.value &&
                    got.mod_revision == want.mod_revision &&
                    (!cell.lineage_known ||
                     (got.create_revision == want.create_revision && got.version == want.version));
  if (same) return std::nullopt;
  return absl::StrCat("it shows ", DescribePair(got), " where the store held ", DescribePair(want));
}

KvReplay::Reason KvReplay::Put(const KvOp& op, const KvOpResult* result, int64_t revision) {
  const auto at = cells_.find(op.key);
  const bool exists = at != cells_.end();
  if (result && op.prev_kv && !(exists && !at->second.known)) {
    if (result->kvs.size() != (exists ? 1u : 0u)) {
      return absl::StrCat("it shows ", result->kvs.size(), " previous values of ", op.key,
                          " where there ", exists ? "was one" : "was none");
    }
    if (exists) {
      if (Reason reason = ComparePair(result->kvs[0], at->second)) return reason;
    }
  }
  Cell cell;
  cell.pair = {op.key, op.value, revision, revision, 1};
  if (exists) {
    cell.lineage_known = at->second.known && at->second.lineage_known;
    cell.pair.create_revision = at->second.pair.create_revision;
    cell.pair.version = at->second.pair.version + 1;
  }
  cells_[op.key] = cell;
  return std::nullopt;
}

KvReplay::Reason KvReplay::Delete(const KvOp& op, const KvOpResult* result) {
  std::vector<Cell> gone;
  int64_t certain = 0;
  for (auto at = cells_.lower_bound(op.key); at != cells_.end() && InRange(op, at->first);) {
    certain += at->second.known ? 1 : 0;
    gone.push_back(at->second);
    at = cells_.erase(at);
  }
  if (!result) return std::nullopt;
  if (result->count < certain || result->count > static_cast<int64_t>(gone.size())) {
    return absl::StrCat("it says that it deleted ", result->count, " keys where there were ",
                        certain);
  }
  if (!op.prev_kv || certain != static_cast<int64_t>(gone.size())) return std::nullopt;
  if (result->kvs.size() != gone.size()) {
    return absl::StrCat("it shows ", result->kvs.size(), " previous values of ", gone.size());
  }
  for (size_t i = 0; i < gone.size(); ++i) {
    if (Reason reason = ComparePair(result->kvs[i], gone[i])) return reason;
  }
  return std::nullopt;
}

KvReplay::Reason KvReplay::CheckRange(const KvOp& op, const KvOpResult& result) {
  const KvPair* previous = nullptr;
  for (const KvPair& pair : result.kvs) {
    if (!InRange(op, pair.key)) return absl::StrCat("it shows ", pair.key, ", which is outside");
    if (previous && previous->key >= pair.key) {
      return absl::StrCat("it shows ", pair.key, " behind ", previous->key);
    }
    previous = &pair;
    const auto at = cells_.find(pair.key);
    if (at == cells_.end()) {
      return absl::StrCat("it shows ", DescribePair(pair), ", which the store did not hold");
    }
    if (!at->second.known) {
      Show(pair);
    } else if (Reason reason = ComparePair(pair, at->second)) {
      return reason;
    }
  }
  return CheckMissing(op, result);
}

// The other direction: what the store held and the answer does not show.
KvReplay::Reason KvReplay::CheckMissing(const KvOp& op, const KvOpResult& result) {
  const auto shown = static_cast<int64_t>(result.kvs.size());
  if (op.limit != 0 && shown > op.limit) return absl::StrCat("it exceeds the limit ", op.limit);
  const bool cut = op.limit != 0 && shown == op.limit;
  auto next = result.kvs.begin();
  int64_t held = 0;
  bool certain = true;
  for (auto at = cells_.lower_bound(op.key); at != cells_.end() && InRange(op, at->first);) {
    while (next != result.kvs.end() && next->key < at->first) ++next;
    const bool is_shown = next != result.kvs.end() && next->key == at->first;
    const bool is_cut = cut && next == result.kvs.end();
    if (!is_shown && !is_cut && at->second.known) {
      return absl::StrCat("it does not show ", DescribePair(at->second.pair));
    }
    if (!is_shown && !is_cut) {
      at = cells_.erase(at);
      continue;
    }
    certain = certain && at->second.known;
    ++held;
    ++at;
  }
  if (certain && result.count != held) {
    return absl::StrCat("it counts ", result.count, " keys where the store held ", held);
  }
  return std::nullopt;
}

KvReplay::Reason KvReplay::Execute(const KvOperation& op, int64_t revision) {
  const std::optional<bool> holds = EvaluateAll(op.input.compares);
  if (holds && *holds != op.output.succeeded) {
    return absl::StrCat("it says that its compares ", op.output.succeeded ? "hold" : "do not hold",
                        ", which was not so");
  }
  const std::vector<KvOp>& branch = TakenBranch(op.input, op.output);
  if (branch.size() != op.output.results.size()) {
    return absl::StrCat("it has ", op.output.results.size(), " results of ", branch.size());
  }
  for (size_t i = 0; i < branch.size(); ++i) {
    const KvOpResult& result = op.output.results[i];
    Reason reason;
    if (branch[i].kind == KvOp::Kind::kPut) {
      reason = Put(branch[i], &result, revision);
    } else if (branch[i].kind == KvOp::Kind::kDelete) {
      reason = Delete(branch[i], &result);
    } else if (branch[i].revision == 0) {
      reason = CheckRange(branch[i], result);
    }
    if (reason) return reason;
  }
  return std::nullopt;
}

KvReplay::Reason KvReplay::ExecuteUnknown(const KvRequest& request, int64_t revision,
                                          const std::vector<KvPair>& observed) {
  const auto explains = [&](const std::vector<KvOp>& branch) {
    return std::all_of(observed.begin(), observed.end(),
                       [&](const KvPair& pair) { return Writes(branch, pair); });
  };
  std::optional<bool> success = EvaluateAll(request.compares);
  if (!success && explains(request.success) != explains(request.failure)) {
    success = explains(request.success);
  }
  if (!success) {
    Blur(request);
    for (const KvPair& pair : observed) Show(pair);
    return std::nullopt;
  }
  const std::vector<KvOp>& branch = *success ? request.success : request.failure;
  if (!explains(branch)) {
    return absl::StrCat("its compares ", *success ? "hold" : "do not hold",
                        " there, and answers show what the other branch writes");
  }
  for (const KvOp& op : branch) {
    if (op.kind == KvOp::Kind::kPut) Put(op, nullptr, revision);
    if (op.kind == KvOp::Kind::kDelete) Delete(op, nullptr);
  }
  return std::nullopt;
}

void KvReplay::Blur(const KvRequest& request) {
  for (const std::vector<KvOp>* branch : {&request.success, &request.failure}) {
    for (const KvOp& op : *branch) {
      if (op.kind == KvOp::Kind::kRange) continue;
      if (op.kind == KvOp::Kind::kPut) cells_[op.key].known = false;
      for (auto at = cells_.lower_bound(op.key); at != cells_.end() && InRange(op, at->first);
           ++at) {
        at->second.known = false;
      }
    }
  }
}

void KvReplay::Show(const KvPair& pair) { cells_[pair.key] = {pair, true, true}; }

}  // namespace lockstep::checkers
