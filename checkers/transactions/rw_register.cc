#include "checkers/transactions/rw_register.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace lockstep::checkers {
namespace {

using Kind = TxnOp::Kind;

}  // namespace

uint32_t RwRegister::WriterOf(uint32_t version) const {
  if (version >= index_.size()) return kNone;
  const uint32_t writer = index_[version].writer;
  return history_.txns[writer].outcome == Outcome::kFailed ? kNone : writer;
}

std::string RwRegister::ValueName(uint32_t version) const {
  return version >= index_.size() ? "nothing" : history_.value_names.Name(index_[version].value);
}

// --- what was seen ----------------------------------------------------------------------------

// The version that a read shows, or kNone; complains if it should not have been seen.
uint32_t RwRegister::ReadVersion(uint32_t t, const TxnOp& op, Anomalies* anomalies) {
  if (op.value == TxnOp::kNothing) return Nothing(op.key);
  const uint32_t version = index_.Find(op.key, op.value);
  const auto complain = [&](const char* name, const std::string& text) {
    if (!anomalies->Wants(name)) return;
    anomalies->Keep(name,
                    absl::StrCat("it read ", history_.key_names.Name(op.key), " = ",
                                 history_.value_names.Name(op.value), ", ", text, ": ",
                                 DescribeTxn(history_, t)),
                    {t});
  };
  if (version == kNone) {
    complain("garbage-read", "which nobody wrote");
    return kNone;
  }
  const WrittenValue& written = index_[version];
  is_read_[version] = true;
  if (written.writer == t) {
    complain("future-read", "which it wrote only then");
    return kNone;
  }
  if (history_.txns[written.writer].outcome == Outcome::kFailed) {
    complain("G1a", absl::StrCat("although T", written.writer, ", which wrote it, failed"));
  } else if (written.is_intermediate) {
    complain("G1b",
             absl::StrCat("which T", written.writer, " wrote over itself: half of a transaction"));
  }
  return version;
}

void RwRegister::CollectOf(uint32_t t, Anomalies* anomalies) {
  const Txn& txn = history_.txns[t];
  const absl::Span<const TxnOp> ops = history_.OpsOf(txn);
  for (size_t i = 0; i < ops.size(); ++i) {
    const TxnOp* before = nullptr;
    for (size_t j = i; j-- > 0 && before == nullptr;) {
      if (ops[j].key == ops[i].key) before = &ops[j];
    }
    if (ops[i].kind == Kind::kWrite) {
      const uint32_t version = index_.PlaceOf(txn.ops_begin + static_cast<uint32_t>(i));
      if (index_[version].is_intermediate || index_[version].writer != t) continue;
      collected_.push_back({ops[i].key, {t, version, true}});
    } else if (before == nullptr) {
      const uint32_t version = ReadVersion(t, ops[i], anomalies);
      if (version != kNone) collected_.push_back({ops[i].key, {t, version, false}});
    } else if (before->value != ops[i].value && anomalies->Wants("internal")) {
      anomalies->Keep("internal",
                      absl::StrCat("a read of ", history_.key_names.Name(ops[i].key), " = ",
                                   history_.value_names.Name(ops[i].value),
                                   " does not fit what its own transaction did before: ",
                                   DescribeTxn(history_, t)),
                      {t});
    }
  }
}

void RwRegister::CollectAccesses(Anomalies* anomalies) {
  is_read_.assign(index_.size(), false);
  for (uint32_t t = 0; t < history_.txns.size(); ++t) {
    if (history_.txns[t].outcome != Outcome::kFailed) CollectOf(t, anomalies);
  }
  GroupByKey();
}

// Writes of unknown outcome that nobody read say nothing.
void RwRegister::GroupByKey() {
  const auto is_known = [&](const Access& access) {
    return !access.is_write || is_read_[access.version] ||
           history_.txns[access.txn].outcome == Outcome::kOk;
  };
  access_begin_.assign(size_t{history_.keys} + 1, 0);
  for (const auto& [key, access] : collected_) {
    if (is_known(access)) ++access_begin_[key + 1];
  }
  for (size_t key = 0; key < history_.keys; ++key) access_begin_[key + 1] += access_begin_[key];
  accesses_.resize(access_begin_[history_.keys]);
  std::vector<uint32_t> next(access_begin_.begin(), access_begin_.end() - 1);
  for (const auto& [key, access] : collected_) {
    if (is_known(access)) accesses_[next[key]++] = access;
  }
  collected_ = {};
}

// --- the order of a key's versions ------------------------------------------------------------

void RwRegister::AddWritesFollowReads(uint32_t key, std::vector<VersionEdge>* edges) const {
  for (uint32_t i = access_begin_[key]; i + 1 < access_begin_[key + 1]; ++i) {
    const Access& read = accesses_[i];
    const Access& write = accesses_[i + 1];
    if (read.txn != write.txn || read.is_write || !write.is_write) continue;
    edges->emplace_back(read.version, write.version);
  }
}

// Each access behind those that had returned when it was called, but for those that are behind
// others of them.
void RwRegister::AddRealtime(uint32_t key, std::vector<VersionEdge>* edges) const {
  std::vector<const Access*> by_call;
  for (uint32_t i = access_begin_[key]; i < access_begin_[key + 1]; ++i) {
    by_call.push_back(&accesses_[i]);
  }
  const auto txn_of = [&](const Access* access) -> const Txn& {
    return history_.txns[access->txn];
  };
  std::stable_sort(by_call.begin(), by_call.end(), [&](const Access* a, const Access* b) {
    return txn_of(a).call < txn_of(b).call;
  });
  std::vector<const Access*> by_return;
  for (const Access* access : by_call) {
    if (txn_of(access).returned != Txn::kNever) by_return.push_back(access);
  }
  std::stable_sort(by_return.begin(), by_return.end(), [&](const Access* a, const Access* b) {
    return txn_of(a).returned < txn_of(b).returned;
  });
  std::vector<const Access*> newest;  // returned, and nothing that returned was called after that
  size_t next = 0;
  for (const Access* access : by_call) {
    for (; next < by_return.size() && txn_of(by_return[next]).returned < txn_of(access).call;
         ++next) {
      const int64_t call = txn_of(by_return[next]).call;
      std::erase_if(newest, [&](const Access* old) { return txn_of(old).returned < call; });
      newest.push_back(by_return[next]);
    }
    for (const Access* old : newest) {
      if (old->version != access->version) edges->emplace_back(old->version, access->version);
    }
  }
}

// Nothing comes before every version that has no other before it.
void RwRegister::AddFirst(uint32_t key, std::vector<VersionEdge>* edges) {
  // By place of the key: whether something is before it.
  has_before_.assign(index_.Size(key), false);
  const uint32_t begin = index_.Begin(key);
  for (const VersionEdge& edge : *edges) {
    if (edge.second < index_.size()) has_before_[edge.second - begin] = true;
  }
  for (uint32_t i = access_begin_[key]; i < access_begin_[key + 1]; ++i) {
    const uint32_t version = accesses_[i].version;
    if (version >= index_.size() || has_before_[version - begin]) continue;
    has_before_[version - begin] = true;
    edges->emplace_back(Nothing(key), version);
  }
  std::sort(edges->begin(), edges->end());
  edges->erase(std::unique(edges->begin(), edges->end()), edges->end());
}

bool RwRegister::IsCyclic(uint32_t key, const std::vector<VersionEdge>& edges) const {
  const uint32_t size = index_.Size(key) + 1;
  const auto local = [&](uint32_t version) {
    return version >= index_.size() ? size - 1 : version - index_.Begin(key);
  };
  std::vector<uint32_t> before(size, 0);
  std::vector<uint32_t> begin(size + 1, 0);
  for (const auto& [from, to] : edges) {
    ++before[local(to)];
    ++begin[local(from) + 1];
  }
  for (uint32_t i = 0; i < size; ++i) begin[i + 1] += begin[i];
  std::vector<uint32_t> to_of(edges.size());
  std::vector<uint32_t> next(begin.begin(), begin.end() - 1);
  for (const auto& [from, to] : edges) to_of[next[local(from)]++] = local(to);
  std::vector<uint32_t> ready;
  for (uint32_t i = 0; i < size; ++i) {
    if (before[i] == 0) ready.push_back(i);
  }
  size_t done = 0;
  while (!ready.empty()) {
    const uint32_t node = ready.back();
    ready.pop_back();
    ++done;
    for (uint32_t i = begin[node]; i < begin[node + 1]; ++i) {
      if (--before[to_of[i]] == 0) ready.push_back(to_of[i]);
    }
  }
  return done != size;
}

void RwRegister::OrderKey(uint32_t key, Anomalies* anomalies) {
  std::vector<VersionEdge> sure;
  AddWritesFollowReads(key, &sure);
  std::vector<VersionEdge> edges = sure;
  if (keys_follow_realtime_) AddRealtime(key, &edges);
  AddFirst(key, &edges);
  const bool is_cyclic = IsCyclic(key, edges);
  if (is_cyclic && keys_follow_realtime_) {
    // The cycle of transactions, which is easier to understand, is found without it.
    edges = std::move(sure);
    AddFirst(key, &edges);
  }
  if (is_cyclic && anomalies->Wants("cyclic-versions")) {
    anomalies->Keep("cyclic-versions",
                    absl::StrCat("what was read and written of ", history_.key_names.Name(key),
                                 " fits no order of its values"),
                    {});
  }
  if (is_cyclic && IsCyclic(key, edges)) edges.clear();
  order_[key] = std::move(edges);
}

// --- dependencies -----------------------------------------------------------------------------

void RwRegister::AddEdges(uint32_t key, DependencyGraph* graph) {
  const std::vector<VersionEdge>& order = order_[key];
  reads_.clear();
  for (uint32_t i = access_begin_[key]; i < access_begin_[key + 1]; ++i) {
    const Access& access = accesses_[i];
    if (access.is_write) continue;
    reads_.emplace_back(access.version, access.txn);
    const uint32_t writer = WriterOf(access.version);
    if (writer != kNone) graph->Add(writer, access.txn, EdgeKind::kWr);
  }
  std::sort(reads_.begin(), reads_.end());
  auto reader = reads_.begin();
  for (size_t i = 0; i < order.size();) {
    const uint32_t version = order[i].first;
    const uint32_t writer = WriterOf(version);
    readers_.clear();
    while (reader != reads_.end() && reader->first < version) ++reader;
    for (; reader != reads_.end() && reader->first == version; ++reader) {
      readers_.push_back(reader->second);
    }
    writers_.clear();
    for (; i < order.size() && order[i].first == version; ++i) {
      const uint32_t next = WriterOf(order[i].second);
      if (next == kNone) continue;
      if (writer != kNone) graph->Add(writer, next, EdgeKind::kWw);
      writers_.push_back(next);
    }
    std::sort(writers_.begin(), writers_.end());
    graph->AddAll(readers_, writers_, EdgeKind::kRw);
  }
}

void RwRegister::CheckLostUpdates(uint32_t key, Anomalies* anomalies) const {
  std::vector<std::pair<uint32_t, uint32_t>> updates;  // version read, transaction
  for (uint32_t i = access_begin_[key]; i + 1 < access_begin_[key + 1]; ++i) {
    const Access& read = accesses_[i];
    const Access& write = accesses_[i + 1];
    if (read.txn != write.txn || read.is_write || !write.is_write) continue;
    updates.emplace_back(read.version, read.txn);
  }
  std::sort(updates.begin(), updates.end());
  for (size_t i = 1; i < updates.size(); ++i) {
    if (updates[i].first != updates[i - 1].first) continue;
    if (!anomalies->Wants("lost-update")) continue;
    anomalies->Keep(
        "lost-update",
        absl::StrCat("both read ", history_.key_names.Name(key), " = ", ValueName(updates[i].first),
                     " and then wrote it: ", DescribeTxn(history_, updates[i - 1].second), ", ",
                     DescribeTxn(history_, updates[i].second)),
        {updates[i - 1].second, updates[i].second});
  }
}

void RwRegister::Infer(DependencyGraph* graph, Anomalies* anomalies) {
  index_.Build(anomalies);
  CollectAccesses(anomalies);
  order_.resize(history_.keys);
  for (uint32_t key = 0; key < history_.keys; ++key) {
    OrderKey(key, anomalies);
    AddEdges(key, graph);
    CheckLostUpdates(key, anomalies);
  }
}

std::string RwRegister::Explain(uint32_t from, uint32_t to, EdgeKind kind) const {
  for (const TxnOp& op : history_.OpsOf(history_.txns[kind == EdgeKind::kWr ? to : from])) {
    if ((op.kind == Kind::kWrite) != (kind == EdgeKind::kWw)) continue;
    const uint32_t version =
        op.value == TxnOp::kNothing ? Nothing(op.key) : index_.Find(op.key, op.value);
    const std::string key = history_.key_names.Name(op.key);
    if (version == kNone) continue;
    if (kind == EdgeKind::kWr) {
      if (WriterOf(version) != from) continue;
      return absl::StrCat("T", from, " wrote ", key, " = ", ValueName(version), " and T", to,
                          " read it");
    }
    const std::vector<VersionEdge>& order = order_[op.key];
    for (auto at = std::lower_bound(order.begin(), order.end(), VersionEdge(version, 0));
         at != order.end() && at->first == version; ++at) {
      if (WriterOf(at->second) != to) continue;
      return kind == EdgeKind::kWw
                 ? absl::StrCat("T", from, " wrote ", key, " = ", ValueName(version), " and T", to,
                                " wrote over it ", ValueName(at->second))
                 : absl::StrCat("T", from, " read ", key, " = ", ValueName(version),
                                " and did not see ", ValueName(at->second), ", which T", to,
                                " wrote over it");
    }
  }
  return absl::StrCat("T", from, " comes before T", to);
}

}  // namespace lockstep::checkers
