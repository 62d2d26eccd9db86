// A key-value store that is right by being simple, and histories of clients that use it.
#ifndef LOCKSTEP_TESTS_CHECKERS_KV_SUPPORT_H_
#define LOCKSTEP_TESTS_CHECKERS_KV_SUPPORT_H_

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "checkers/kv_history.h"
#include "framework/base/random.h"

namespace lockstep::checkers {

// Keeps every state: states[i] is the store at revision i + 1.
class AtomicKv final {
 public:
  using Content = std::map<std::string, KvPair>;

  KvResponse Execute(const KvRequest& request) {
    KvResponse response;
    Content now = states_.back();
    response.succeeded = true;
    for (const KvCompare& compare : request.compares) response.succeeded &= Check(compare, now);
    bool wrote = false;
    for (const KvOp& op : TakenBranch(request, response)) {
      response.results.push_back(Apply(op, &now, &wrote));
    }
    if (wrote) states_.push_back(now);
    response.revision = revision();
    return response;
  }

  // The answer of a read as it was at an earlier revision.
  KvResponse ReadAt(const KvRequest& request, int64_t at) const {
    AtomicKv old;
    old.states_.assign(states_.begin(), states_.begin() + at);
    return old.Execute(request);
  }

  int64_t revision() const { return static_cast<int64_t>(states_.size()); }
  // For planting bugs.
  std::vector<Content>& states() { return states_; }

 private:
  static bool Check(const KvCompare& c, const Content& now) {
    const auto at = now.find(c.key);
    const KvPair pair = at == now.end() ? KvPair{} : at->second;
    if (c.target == KvCompare::Target::kValue) {
      return at != now.end() && Holds(c.relation, pair.value.compare(c.value));
    }
    const int64_t number = c.target == KvCompare::Target::kVersion          ? pair.version
                           : c.target == KvCompare::Target::kCreateRevision ? pair.create_revision
                                                                            : pair.mod_revision;
    return Holds(c.relation, number < c.number ? -1 : number > c.number);
  }

  KvOpResult Apply(const KvOp& op, Content* now, bool* wrote) {
    KvOpResult result;
    const int64_t next = revision() + 1;
    if (op.kind == KvOp::Kind::kPut) {
      KvPair& pair = (*now)[op.key];
      if (op.prev_kv && pair.version > 0) result.kvs.push_back(pair);
      pair = {op.key, op.value, pair.version > 0 ? pair.create_revision : next, next,
              pair.version + 1};
      *wrote = true;
      return result;
    }
    const Content old = op.revision == 0 ? *now : states_[static_cast<size_t>(op.revision) - 1];
    for (const auto& [key, pair] : old) {
      if (!InRange(op, key)) continue;
      ++result.count;
      const bool is_delete = op.kind == KvOp::Kind::kDelete;
      const bool fits = op.limit == 0 || static_cast<int64_t>(result.kvs.size()) < op.limit;
      if (is_delete ? op.prev_kv : fits) result.kvs.push_back(pair);
      if (!is_delete) continue;
      now->erase(key);
      *wrote = true;
    }
    return result;
  }

  std::vector<Content> states_{Content{}};
};

struct KvWorkload final {
  uint64_t seed = 1;
  int operations = 100;
  uint64_t clients = 4;
  uint64_t keys = 4;
  uint64_t unknown_percent = 0;
};

inline KvRequest RandomRequest(base::SequentialRandom& random, uint64_t keys, int number,
                               int64_t revision) {
  const auto key = [&] { return absl::StrCat("k", random.Below(keys)); };
  const std::string value = absl::StrCat("v", number);
  switch (random.Below(9)) {
    case 0:
    case 1:
    case 2: {
      KvRequest put = PutRequest(key(), value);
      put.success[0].prev_kv = random.Below(2) == 0;
      return put;
    }
    case 3: {
      KvRequest gone = DeleteRequest(key(), random.Below(3) == 0 ? "k9" : "");
      gone.success[0].prev_kv = random.Below(2) == 0;
      return gone;
    }
    case 4: {
      KvRequest range = RangeRequest("k", "l");
      range.success[0].limit = static_cast<int64_t>(random.Below(3));
      range.serializable = random.Below(3) == 0;
      return range;
    }
    case 5: {
      KvRequest past = RangeRequest("k", "l");
      past.success[0].revision =
          1 + static_cast<int64_t>(random.Below(static_cast<uint64_t>(revision)));
      return past;
    }
    case 6: {
      KvRequest txn = PutRequest(key(), value);
      const std::string other = key();
      txn.success.push_back(GetRequest(other).success[0]);
      if (other != txn.success[0].key) txn.success.push_back(PutRequest(other, value).success[0]);
      txn.failure.push_back(DeleteRequest(other).success[0]);
      KvCompare compare;
      compare.target = static_cast<KvCompare::Target>(1 + random.Below(3));
      compare.relation = static_cast<KvCompare::Relation>(random.Below(4));
      compare.key = key();
      compare.number = static_cast<int64_t>(random.Below(4));
      if (compare.target != KvCompare::Target::kVersion) compare.number = revision - compare.number;
      txn.compares.push_back(compare);
      return txn;
    }
    default:
      return GetRequest(key());
  }
}

// What clients of an atomic store see: each operation takes effect at a hidden instant inside its
// interval. Ends with a read of everything. Unknown operations take effect late, or never.
inline KvHistory RunKv(const KvWorkload& workload, AtomicKv* store) {
  base::SequentialRandom random(workload.seed);
  std::vector<int64_t> free_at(workload.clients, 0);
  std::vector<std::pair<int64_t, size_t>> effects;
  KvHistory history;
  for (int i = 0; i < workload.operations; ++i) {
    const auto client =
        static_cast<size_t>(std::min_element(free_at.begin(), free_at.end()) - free_at.begin());
    KvOperation op;
    op.client = client;
    op.id = static_cast<uint64_t>(i) + 1;
    op.call = free_at[client] + 1 + static_cast<int64_t>(random.Below(10));
    int64_t effect = op.call + static_cast<int64_t>(random.Below(50));
    op.returned = effect + 1 + static_cast<int64_t>(random.Below(50));
    free_at[client] = *op.returned;
    if (random.Below(100) < workload.unknown_percent) {
      op.returned.reset();
      effect = random.Below(3) == 0 ? -1 : effect + static_cast<int64_t>(random.Below(500));
    }
    effects.emplace_back(effect, history.size());
    history.push_back(op);
  }
  std::sort(effects.begin(), effects.end());
  for (const auto& [time, i] : effects) {
    KvOperation& op = history[i];
    op.input = RandomRequest(random, workload.keys, static_cast<int>(i), store->revision());
    if (time < 0) continue;
    if (op.input.serializable) {
      op.output = store->ReadAt(
          op.input,
          1 + static_cast<int64_t>(random.Below(static_cast<uint64_t>(store->revision()))));
    } else {
      op.output = store->Execute(op.input);
    }
    if (!op.returned) op.output = {};
  }
  KvOperation last;
  last.id = history.size() + 1;
  last.call = 2 + *std::max_element(free_at.begin(), free_at.end());
  if (!effects.empty()) last.call = std::max(last.call, effects.back().first + 1);
  last.returned = last.call + 1;
  last.input = RangeRequest("k", "l");
  last.output = store->Execute(last.input);
  history.push_back(last);
  return history;
}

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_TESTS_CHECKERS_KV_SUPPORT_H_
