#include "checkers/kv_history.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "checkers/linearizability.h"
#include "framework/base/checksum.h"
#include "framework/base/random.h"

namespace lockstep::checkers {
namespace {

KvRequest Single(KvOp op) {
  KvRequest request;
  request.success.push_back(std::move(op));
  return request;
}

bool IsWrite(const KvOp& op) { return op.kind != KvOp::Kind::kRange; }

template <typename Visit>
void ForEachOp(const KvRequest& request, Visit visit) {
  for (const KvOp& op : request.success) visit(op);
  for (const KvOp& op : request.failure) visit(op);
}

std::string DescribeOp(const KvOp& op) {
  const std::string range = op.range_end.empty() ? op.key
                            : op.range_end == std::string(1, '\0')
                                ? absl::StrCat("everything from ", op.key)
                                : absl::StrCat(op.key, " to ", op.range_end);
  const std::string at = op.revision == 0 ? "" : absl::StrCat(" at revision ", op.revision);
  switch (op.kind) {
    case KvOp::Kind::kPut:
      return absl::StrCat("put of ", op.key, " = ", op.value);
    case KvOp::Kind::kDelete:
      return absl::StrCat("delete of ", range);
    case KvOp::Kind::kRange:
      return absl::StrCat("get of ", range, at);
  }
  return "";
}

std::string DescribeBranch(const std::vector<KvOp>& branch) {
  std::string text;
  for (const KvOp& op : branch) absl::StrAppend(&text, text.empty() ? "" : " and ", DescribeOp(op));
  return text.empty() ? "nothing" : text;
}

std::string DescribeCompare(const KvCompare& compare) {
  constexpr const char* kTargets[] = {"value", "version", "create revision", "mod revision"};
  constexpr const char* kRelations[] = {"=", "!=", ">", "<"};
  const bool is_value = compare.target == KvCompare::Target::kValue;
  return absl::StrCat(kTargets[static_cast<int>(compare.target)], " of ", compare.key, " ",
                      kRelations[static_cast<int>(compare.relation)], " ",
                      is_value ? compare.value : absl::StrCat(compare.number));
}

// Representatives of sets of keys, merged as they are seen together.
class KeySets final {
 public:
  std::string Find(std::string key) {
    for (;;) {
      const std::string& parent = parents_.try_emplace(key, key).first->second;
      if (parent == key) return key;
      key = parent;
    }
  }
  void Merge(const std::string& a, const std::string& b) {
    const std::string x = Find(a);
    const std::string y = Find(b);
    if (x != y) parents_[std::max(x, y)] = std::min(x, y);
  }
  const std::map<std::string, std::string>& parents() const { return parents_; }

 private:
  std::map<std::string, std::string> parents_;
};

// What a compare says in a state of KvModel; absent: the model does not know.
std::optional<bool> Evaluate(const KvCompare& compare, const KvModel::Cells& state) {
  const auto at = state.find(compare.key);
  const bool exists = at != state.end();
  switch (compare.target) {
    case KvCompare::Target::kValue:
      return exists && Holds(compare.relation, at->second.value.compare(compare.value));
    case KvCompare::Target::kModRevision: {
      if (exists && at->second.mod_revision == 0) return std::nullopt;
      const int64_t revision = exists ? at->second.mod_revision : 0;
      return Holds(compare.relation, revision < compare.number ? -1 : revision > compare.number);
    }
    default:
      break;
  }
  if (!exists) return Holds(compare.relation, 0 < compare.number ? -1 : 0 > compare.number);
  return std::nullopt;
}

bool RangeFits(const KvOp& op, const KvOpResult& result, const KvModel::Cells& state) {
  size_t next = 0;
  int64_t count = 0;
  for (auto at = state.lower_bound(op.key); at != state.end() && InRange(op, at->first); ++at) {
    if (op.limit != 0 && count++ >= op.limit) continue;
    if (next == result.kvs.size()) return false;
    const KvPair& pair = result.kvs[next++];
    if (pair.key != at->first || pair.value != at->second.value) return false;
    const int64_t revision = at->second.mod_revision;
    if (revision != 0 && revision != pair.mod_revision) return false;
  }
  return next == result.kvs.size();
}

}  // namespace

KvRequest PutRequest(std::string key, std::string value) {
  KvOp op;
  op.kind = KvOp::Kind::kPut;
  op.key = std::move(key);
  op.value = std::move(value);
  return Single(std::move(op));
}

KvRequest GetRequest(std::string key) { return RangeRequest(std::move(key), ""); }

KvRequest RangeRequest(std::string key, std::string range_end) {
  KvOp op;
  op.key = std::move(key);
  op.range_end = std::move(range_end);
  return Single(std::move(op));
}

KvRequest DeleteRequest(std::string key, std::string range_end) {
  KvRequest request = RangeRequest(std::move(key), std::move(range_end));
  request.success[0].kind = KvOp::Kind::kDelete;
  return request;
}

KvRequest CompactRequest(int64_t revision) {
  KvRequest request;
  request.kind = KvRequest::Kind::kCompact;
  request.compact_revision = revision;
  return request;
}

bool InRange(const KvOp& op, const std::string& key) {
  if (op.range_end.empty() || op.kind == KvOp::Kind::kPut) return key == op.key;
  return key >= op.key && (op.range_end == std::string(1, '\0') || key < op.range_end);
}

const std::vector<KvOp>& TakenBranch(const KvRequest& request, const KvResponse& response) {
  return response.succeeded ? request.success : request.failure;
}

bool MayWrite(const KvRequest& request) {
  return std::any_of(request.success.begin(), request.success.end(), IsWrite) ||
         std::any_of(request.failure.begin(), request.failure.end(), IsWrite);
}

bool DidWrite(const KvRequest& request, const KvResponse& response) {
  if (response.error != KvError::kNone) return false;
  const std::vector<KvOp>& branch = TakenBranch(request, response);
  for (size_t i = 0; i < branch.size(); ++i) {
    if (branch[i].kind == KvOp::Kind::kPut) return true;
    if (branch[i].kind == KvOp::Kind::kDelete && i < response.results.size() &&
        response.results[i].count > 0) {
      return true;
    }
  }
  return false;
}

bool Holds(KvCompare::Relation relation, int comparison) {
  switch (relation) {
    case KvCompare::Relation::kEqual:
      return comparison == 0;
    case KvCompare::Relation::kNotEqual:
      return comparison != 0;
    case KvCompare::Relation::kGreater:
      return comparison > 0;
    case KvCompare::Relation::kLess:
      return comparison < 0;
  }
  return false;
}

std::string DescribeRequest(const KvRequest& request) {
  if (request.kind == KvRequest::Kind::kCompact) {
    return absl::StrCat("compaction at revision ", request.compact_revision);
  }
  std::string text = request.serializable ? "serializable " : "";
  if (request.compares.empty()) return text + DescribeBranch(request.success);
  absl::StrAppend(&text, "txn if ");
  for (size_t i = 0; i < request.compares.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : " and ", DescribeCompare(request.compares[i]));
  }
  return absl::StrCat(text, " then ", DescribeBranch(request.success), " else ",
                      DescribeBranch(request.failure));
}

std::string DescribeOperation(const KvOperation& op) {
  return DescribeInterval(op.client, DescribeRequest(op.input), op.call, op.returned);
}

KvModel::KvModel(const KvHistory& history) {
  KeySets sets;
  std::set<std::string> keys;
  const auto add = [&](const std::string& key) {
    keys.insert(key);
    sets.Find(key);
  };
  for (const KvOperation& op : history) {
    for (const KvCompare& compare : op.input.compares) add(compare.key);
    ForEachOp(op.input, [&](const KvOp& o) { add(o.key); });
  }
  for (const KvOperation& op : history) {
    if (op.input.kind != KvRequest::Kind::kTxn) continue;
    std::optional<std::string> first;
    const auto merge = [&](const std::string& key) {
      if (first) sets.Merge(*first, key);
      first = first ? first : key;
    };
    for (const KvCompare& compare : op.input.compares) merge(compare.key);
    ForEachOp(op.input, [&](const KvOp& o) {
      merge(o.key);
      if (o.range_end.empty()) return;
      for (auto at = keys.lower_bound(o.key); at != keys.end() && InRange(o, *at); ++at) {
        merge(*at);
      }
    });
  }
  for (const std::string& key : keys) partition_[key] = sets.Find(key);
}

KvHistory KvModel::Judged(const KvHistory& history) const {
  const auto compares_only_values = [](const KvRequest& request) {
    return std::all_of(request.compares.begin(), request.compares.end(),
                       [](const KvCompare& c) { return c.target == KvCompare::Target::kValue; });
  };
  std::set<std::string> undecidable;
  for (const KvOperation& op : history) {
    if (op.returned || compares_only_values(op.input)) continue;
    if (std::any_of(op.input.failure.begin(), op.input.failure.end(), IsWrite)) {
      undecidable.insert(Key(op.input));
    }
  }
  KvHistory judged;
  for (const KvOperation& op : history) {
    if (op.input.kind != KvRequest::Kind::kTxn || op.input.serializable) continue;
    if (op.returned && op.output.error != KvError::kNone) continue;
    bool about_the_past = false;
    bool empty = op.input.compares.empty();
    ForEachOp(op.input, [&](const KvOp& o) {
      about_the_past |= o.revision != 0;
      empty = false;
    });
    if (about_the_past && !MayWrite(op.input)) continue;
    if (empty || undecidable.contains(Key(op.input))) continue;
    judged.push_back(op);
  }
  return judged;
}

std::optional<KvModel::State> KvModel::Step(const State& state, const Input& in,
                                            const Output* out) const {
  if (out && out->revision < state.revision + (DidWrite(in, *out) ? 1 : 0)) return std::nullopt;
  bool all_hold = true;
  bool decided = true;
  for (const KvCompare& compare : in.compares) {
    const std::optional<bool> holds = Evaluate(compare, state.cells);
    if (holds == false) all_hold = false;
    if (!holds) decided = false;
  }
  // One compare that fails decides whatever the others say.
  if (out && (decided || !all_hold) && out->succeeded != all_hold) return std::nullopt;
  const std::vector<KvOp>& branch = out        ? TakenBranch(in, *out)
                                    : all_hold ? in.success
                                               : in.failure;
  if (out && out->results.size() != branch.size()) return std::nullopt;
  State next = state;
  if (out && DidWrite(in, *out)) next.revision = out->revision;
  for (size_t i = 0; i < branch.size(); ++i) {
    const KvOp& op = branch[i];
    if (op.kind == KvOp::Kind::kPut) {
      next.cells[op.key] = {op.value, out ? out->revision : 0};
    } else if (op.kind == KvOp::Kind::kDelete) {
      int64_t deleted = 0;
      Cells& cells = next.cells;
      for (auto at = cells.lower_bound(op.key); at != cells.end() && InRange(op, at->first);) {
        at = cells.erase(at);
        ++deleted;
      }
      if (out && out->results[i].count != deleted) return std::nullopt;
    } else if (out && op.revision == 0 && !RangeFits(op, out->results[i], next.cells)) {
      return std::nullopt;
    }
  }
  return next;
}

uint64_t KvModel::Hash(const State& state) const {
  uint64_t hash = static_cast<uint64_t>(state.revision);
  for (const auto& [key, cell] : state.cells) {
    hash = base::Checksum64(key, hash);
    hash = base::Checksum64(cell.value, hash);
    hash = base::Mix64(hash + static_cast<uint64_t>(cell.mod_revision));
  }
  return hash;
}

std::string KvModel::Key(const Input& in) const {
  const std::string* key = nullptr;
  if (!in.compares.empty()) key = &in.compares[0].key;
  ForEachOp(in, [&](const KvOp& op) { key = key ? key : &op.key; });
  if (key == nullptr) return "";
  const auto at = partition_.find(*key);
  return at == partition_.end() ? *key : at->second;
}

bool KvModel::NeverMutates(const Input& in, const Output* out) const {
  return out ? !DidWrite(in, *out) : !MayWrite(in);
}

std::string KvModel::Describe(const Input& in, const Output* out) const {
  std::string text = DescribeRequest(in);
  if (!out) return text;
  if (!in.compares.empty()) absl::StrAppend(&text, out->succeeded ? " (held)" : " (did not hold)");
  const std::vector<KvOp>& branch = TakenBranch(in, *out);
  for (size_t i = 0; i < branch.size() && i < out->results.size(); ++i) {
    if (branch[i].kind != KvOp::Kind::kRange) continue;
    absl::StrAppend(&text, out->results[i].kvs.empty() ? " which found nothing" : " which found");
    for (const KvPair& pair : out->results[i].kvs) {
      absl::StrAppend(&text, " ", pair.key, " = ", pair.value);
    }
  }
  return text;
}

std::string KvModel::DescribeState(const State& state) const {
  if (state.cells.empty()) return "the empty store";
  std::string text;
  for (const auto& [key, cell] : state.cells) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", key, " = ", cell.value);
  }
  return text;
}

}  // namespace lockstep::checkers
