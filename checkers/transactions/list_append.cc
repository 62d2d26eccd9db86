#include "checkers/transactions/list_append.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::checkers {
namespace {

using Kind = TxnOp::Kind;

bool SameStart(absl::Span<const int64_t> a, absl::Span<const int64_t> b) {
  const size_t size = std::min(a.size(), b.size());
  return size == 0 || std::memcmp(a.data(), b.data(), size * sizeof(int64_t)) == 0;
}

}  // namespace

// --- the order of versions --------------------------------------------------------------------

void ListAppend::OrderVersions(Anomalies* anomalies) {
  keys_.assign(history_.keys, Key());
  for (const Txn& txn : history_.txns) {
    for (uint32_t i = txn.ops_begin; i < txn.ops_end; ++i) {
      const TxnOp& op = history_.ops[i];
      if (op.kind != Kind::kRead) continue;
      Key& key = keys_[op.key];
      if (key.longest != kNone && op.length <= key.length) continue;
      key.longest = i;
      key.length = op.length;
    }
  }
  uint32_t begin = 0;
  for (Key& key : keys_) {
    key.order_begin = begin;
    begin += key.length;
  }
  order_.assign(begin, kNone);
  position_.assign(index_.size(), kNone);
  for (uint32_t key = 0; key < keys_.size(); ++key) OrderKey(key, anomalies);
  for (uint32_t t = 0; t < history_.txns.size(); ++t) {
    if (history_.txns[t].outcome != Outcome::kOk) continue;
    for (uint32_t i = history_.txns[t].ops_begin; i < history_.txns[t].ops_end; ++i) {
      const TxnOp& op = history_.ops[i];
      if (op.kind != Kind::kWrite) continue;
      const uint32_t at = index_.PlaceOf(i);
      if (position_[at] != kNone || index_[at].writer != t) continue;
      unread_.emplace_back(op.key, t);
      keys_[op.key].has_unread = true;
    }
  }
  std::sort(unread_.begin(), unread_.end());
  unread_.erase(std::unique(unread_.begin(), unread_.end()), unread_.end());
}

void ListAppend::OrderKey(uint32_t k, Anomalies* anomalies) {
  Key& key = keys_[k];
  if (key.longest == kNone) return;
  const absl::Span<const int64_t> list = history_.ListOf(history_.ops[key.longest]);
  const auto complain = [&](const char* name, const std::string& text) {
    if (!anomalies->Wants(name)) return;
    anomalies->Keep(
        name,
        absl::StrCat("a read of ", KeyName(k), " = ", DescribeList(history_, list), " ", text), {});
  };
  bool clean = true;
  for (uint32_t i = 0; i < list.size(); ++i) {
    const uint32_t at = index_.Find(k, list[i]);
    if (at == kNone) {
      complain("garbage-read", absl::StrCat("shows ", Value(list[i]), ", which nobody appended"));
      continue;
    }
    const WrittenValue& element = index_[at];
    if (position_[at] != kNone) {
      complain("duplicate-elements", absl::StrCat("shows ", Value(list[i]), " twice"));
      continue;
    }
    position_[at] = i;
    order_[key.order_begin + i] = at;
    const bool failed = history_.txns[element.writer].outcome == Outcome::kFailed;
    if (failed && key.aborted == kNone) key.aborted = i;
    if (!failed && key.aborted != kNone && clean) {
      clean = false;
      complain("dirty-update",
               absl::StrCat("shows ", Value(list[i]), " of T", element.writer, " behind ",
                            Value(list[key.aborted]), ", whose transaction failed"));
    }
  }
}

uint32_t ListAppend::WriterAt(const Key& key, uint32_t position) const {
  const uint32_t at = order_[key.order_begin + position];
  if (at == kNone) return kNone;
  const uint32_t writer = index_[at].writer;
  return history_.txns[writer].outcome == Outcome::kFailed ? kNone : writer;
}

// --- what one transaction saw -----------------------------------------------------------------

// Calls visit(FirstRead) for each key that the transaction read, in order of the reads.
template <typename Visit>
void ListAppend::ForEachFirstRead(const Txn& txn, Visit visit) const {
  const absl::Span<const TxnOp> ops = history_.OpsOf(txn);
  for (size_t i = 0; i < ops.size(); ++i) {
    if (ops[i].kind != Kind::kRead) continue;
    uint32_t own = 0;
    bool again = false;
    for (size_t j = 0; j < i; ++j) {
      if (ops[j].key != ops[i].key) continue;
      again = again || ops[j].kind == Kind::kRead;
      own += ops[j].kind == Kind::kWrite ? 1 : 0;
    }
    if (again) continue;
    visit(FirstRead{&ops[i], ops[i].length - std::min(own, ops[i].length), own > 0});
  }
}

// The lists that a transaction reads agree with each other and with what it appends between.
void ListAppend::CheckTxn(uint32_t t, Anomalies* anomalies) {
  const absl::Span<const TxnOp> ops = history_.OpsOf(history_.txns[t]);
  for (size_t i = 1; i < ops.size(); ++i) {
    if (ops[i].kind != Kind::kRead) {
      CheckFuture(t, i, anomalies);
      continue;
    }
    const absl::Span<const int64_t> list = history_.ListOf(ops[i]);
    size_t own = 0;
    bool fits = true;
    const TxnOp* before = nullptr;
    for (size_t j = i; j-- > 0 && before == nullptr;) {
      if (ops[j].key != ops[i].key) continue;
      if (ops[j].kind == Kind::kRead) {
        before = &ops[j];
      } else if (++own > list.size() || list[list.size() - own] != ops[j].value) {
        fits = false;
      }
    }
    if (before != nullptr) {
      fits =
          fits && list.size() == before->length + own && SameStart(history_.ListOf(*before), list);
    }
    if (fits || !anomalies->Wants("internal")) continue;
    anomalies->Keep(
        "internal",
        absl::StrCat("a read of ", KeyName(ops[i].key), " = ", DescribeList(history_, list),
                     " does not fit what its own transaction read and appended "
                     "before: ",
                     DescribeTxn(history_, t)),
        {t});
  }
}

// What a transaction appends, it has not read before, and it lies behind what it appended before.
void ListAppend::CheckFuture(uint32_t t, size_t append, Anomalies* anomalies) {
  const absl::Span<const TxnOp> ops = history_.OpsOf(history_.txns[t]);
  const TxnOp& op = ops[append];
  const uint32_t begin = history_.txns[t].ops_begin;
  const uint32_t position = position_[index_.PlaceOf(begin + static_cast<uint32_t>(append))];
  for (size_t i = 0; i < append; ++i) {
    if (ops[i].key != op.key) continue;
    if (ops[i].kind == Kind::kWrite) {
      const uint32_t before = position_[index_.PlaceOf(begin + static_cast<uint32_t>(i))];
      if (position == kNone || before < position || !anomalies->Wants("internal")) continue;
      anomalies->Keep("internal",
                      absl::StrCat(KeyName(op.key), " holds ", Value(op.value), " and not ",
                                   Value(ops[i].value), " before it, as its transaction did: ",
                                   DescribeTxn(history_, t)),
                      {t});
      continue;
    }
    if (position >= ops[i].length) continue;
    if (!anomalies->Wants("future-read")) return;
    anomalies->Keep("future-read",
                    absl::StrCat("it read ", Value(op.value), " in ", KeyName(op.key),
                                 " before it appended it: ", DescribeTxn(history_, t)),
                    {t});
    return;
  }
}

void ListAppend::CheckRead(uint32_t t, const TxnOp& op, const FirstRead& first,
                           Anomalies* anomalies) {
  const Key& key = keys_[op.key];
  const absl::Span<const int64_t> list = history_.ListOf(op);
  const TxnOp& longest = history_.ops[key.longest];
  const auto complain = [&](const char* name, const std::string& text) {
    if (anomalies->Wants(name)) {
      anomalies->Keep(name, absl::StrCat(text, ": ", DescribeTxn(history_, t)), {t});
    }
  };
  if (!SameStart(list, history_.ListOf(longest))) {
    complain("incompatible-order",
             absl::StrCat("reads of ", KeyName(op.key), " show ", DescribeList(history_, list),
                          " and ", DescribeList(history_, history_.ListOf(longest)),
                          ", of which neither begins with the other"));
    return;
  }
  if (key.aborted != kNone && list.size() > key.aborted) {
    const uint32_t writer = index_[order_[key.order_begin + key.aborted]].writer;
    if (writer != t) {
      complain("G1a", absl::StrCat("it saw ", Value(list[key.aborted]), " in ", KeyName(op.key),
                                   " although T", writer, ", which appended it, failed"));
    }
  }
  if (first.length == 0) return;
  const uint32_t last = order_[key.order_begin + first.length - 1];
  if (last == kNone || !index_[last].is_intermediate || index_[last].writer == t) return;
  complain("G1b", absl::StrCat("it saw ", KeyName(op.key), " up to ", Value(index_[last].value),
                               ", after which T", index_[last].writer,
                               " appended to it again: half of a transaction"));
}

// Two transactions that read the same version of a key and then both append to it.
void ListAppend::CheckLostUpdates(Anomalies* anomalies) {
  std::vector<uint32_t> updater(order_.size() + keys_.size(), kNone);  // by key and version read
  for (uint32_t t = 0; t < history_.txns.size(); ++t) {
    const Txn& txn = history_.txns[t];
    if (txn.outcome != Outcome::kOk) continue;
    ForEachFirstRead(txn, [&](const FirstRead& read) {
      if (read.has_own) return;
      const absl::Span<const TxnOp> ops = history_.OpsOf(txn);
      const bool updates = std::any_of(ops.begin(), ops.end(), [&](const TxnOp& op) {
        return op.kind == Kind::kWrite && op.key == read.op->key;
      });
      if (!updates) return;
      const uint32_t k = read.op->key;
      uint32_t& other = updater[keys_[k].order_begin + k + read.length];
      if (other != kNone && anomalies->Wants("lost-update")) {
        anomalies->Keep("lost-update",
                        absl::StrCat("both read ", KeyName(k), " = ",
                                     DescribeList(history_, history_.ListOf(*read.op)),
                                     " and then appended to it: ", DescribeTxn(history_, other),
                                     ", ", DescribeTxn(history_, t)),
                        {other, t});
      }
      if (other == kNone) other = t;
    });
  }
}

// --- edges ------------------------------------------------------------------------------------

void ListAppend::AddWriteEdges(DependencyGraph* graph) {
  for (const Key& key : keys_) {
    uint32_t before = kNone;
    for (uint32_t i = 0; i < key.length; ++i) {
      const uint32_t writer = WriterAt(key, i);
      if (writer == kNone) continue;
      if (before != kNone) graph->Add(before, writer, EdgeKind::kWw);
      before = writer;
    }
  }
  for (const auto& [k, writer] : unread_) {
    const Key& key = keys_[k];
    if (key.length == 0) continue;
    if (const uint32_t last = WriterAt(key, key.length - 1); last != kNone) {
      graph->Add(last, writer, EdgeKind::kWw);
    }
  }
}

// Who read all of a list did not see what was appended and never read.
void ListAppend::AddUnreadEdges(DependencyGraph* graph) {
  std::sort(complete_readers_.begin(), complete_readers_.end());
  auto reader = complete_readers_.begin();
  for (size_t i = 0; i < unread_.size();) {
    const uint32_t k = unread_[i].first;
    std::vector<uint32_t> writers;
    for (; i < unread_.size() && unread_[i].first == k; ++i) writers.push_back(unread_[i].second);
    std::vector<uint32_t> readers;
    reader = std::lower_bound(reader, complete_readers_.end(), std::pair(k, 0u));
    for (; reader != complete_readers_.end() && reader->first == k; ++reader) {
      readers.push_back(reader->second);
    }
    graph->AddAll(readers, writers, EdgeKind::kRw);
  }
}

void ListAppend::AddReadEdges(uint32_t t, DependencyGraph* graph) {
  ForEachFirstRead(history_.txns[t], [&](const FirstRead& read) {
    const Key& key = keys_[read.op->key];
    if (!SameStart(history_.ListOf(*read.op), history_.ListOf(history_.ops[key.longest]))) return;
    if (read.length > 0) {
      const uint32_t writer = WriterAt(key, read.length - 1);
      if (writer != kNone) graph->Add(writer, t, EdgeKind::kWr);
    }
    uint32_t next = read.length;
    while (next < key.length && WriterAt(key, next) == kNone) ++next;
    if (next < key.length) {
      graph->Add(t, WriterAt(key, next), EdgeKind::kRw);
    } else if (key.has_unread) {
      complete_readers_.emplace_back(read.op->key, t);
    }
  });
}

void ListAppend::Infer(DependencyGraph* graph, Anomalies* anomalies) {
  index_.Build(anomalies);
  OrderVersions(anomalies);
  AddWriteEdges(graph);
  for (uint32_t t = 0; t < history_.txns.size(); ++t) {
    const Txn& txn = history_.txns[t];
    if (txn.outcome != Outcome::kOk) continue;
    if (txn.ops_end - txn.ops_begin > 1) CheckTxn(t, anomalies);
    ForEachFirstRead(txn, [&](const FirstRead& read) { CheckRead(t, *read.op, read, anomalies); });
    AddReadEdges(t, graph);
  }
  AddUnreadEdges(graph);
  CheckLostUpdates(anomalies);
}

std::string ListAppend::Explain(uint32_t from, uint32_t to, EdgeKind kind) const {
  std::string text;
  const auto is_unread_of = [&](uint32_t key, uint32_t txn, int64_t* value) {
    for (const TxnOp& op : history_.OpsOf(history_.txns[txn])) {
      if (op.kind != Kind::kWrite || op.key != key) continue;
      *value = op.value;
      if (position_[index_.Find(key, op.value)] == kNone) return true;
    }
    return false;
  };
  int64_t value = 0;
  if (kind == EdgeKind::kWw) {
    for (const TxnOp& op : history_.OpsOf(history_.txns[from])) {
      if (op.kind != Kind::kWrite) continue;
      const Key& key = keys_[op.key];
      const uint32_t position = position_[index_.Find(op.key, op.value)];
      if (position == kNone) continue;
      uint32_t next = position + 1;
      while (next < key.length && WriterAt(key, next) == kNone) ++next;
      if (next < key.length ? WriterAt(key, next) != to : !is_unread_of(op.key, to, &value))
        continue;
      if (next < key.length) value = index_[order_[key.order_begin + next]].value;
      return absl::StrCat("T", from, " appended ", Value(op.value), " to ", KeyName(op.key),
                          " and T", to, " appended ", Value(value), " behind it");
    }
  }
  ForEachFirstRead(history_.txns[kind == EdgeKind::kWr ? to : from], [&](const FirstRead& read) {
    const Key& key = keys_[read.op->key];
    const std::string list = DescribeList(history_, history_.ListOf(*read.op));
    if (!text.empty()) return;
    if (kind == EdgeKind::kWr) {
      if (read.length == 0 || WriterAt(key, read.length - 1) != from) return;
      value = index_[order_[key.order_begin + read.length - 1]].value;
      text = absl::StrCat("T", from, " appended ", Value(value), " to ", KeyName(read.op->key),
                          " and T", to, " saw it");
      return;
    }
    uint32_t next = read.length;
    while (next < key.length && WriterAt(key, next) == kNone) ++next;
    if (next < key.length ? WriterAt(key, next) != to : !is_unread_of(read.op->key, to, &value)) {
      return;
    }
    if (next < key.length) value = index_[order_[key.order_begin + next]].value;
    text = absl::StrCat("T", from, " read ", KeyName(read.op->key), " = ", list,
                        " and did not see ", Value(value), ", which T", to, " appended");
  });
  return text;
}

}  // namespace lockstep::checkers
