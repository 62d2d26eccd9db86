#include "checkers/transactions/write_index.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace lockstep::checkers {
namespace {

using Kind = TxnOp::Kind;

}  // namespace

// Gives every key its place in values_.
void WriteIndex::PlaceKeys() {
  struct Extent {
    int64_t lowest = INT64_MAX;
    int64_t highest = INT64_MIN;
    uint32_t count = 0;
  };
  std::vector<Extent> extents(history_.keys);
  for (const TxnOp& op : history_.ops) {
    if (op.kind != Kind::kWrite) continue;
    Extent& extent = extents[op.key];
    extent.lowest = std::min(extent.lowest, op.value);
    extent.highest = std::max(extent.highest, op.value);
    ++extent.count;
  }
  keys_.assign(history_.keys, Key());
  uint32_t begin = 0;
  for (uint32_t k = 0; k < history_.keys; ++k) {
    const Extent& extent = extents[k];
    Key& key = keys_[k];
    key.begin = begin;
    if (extent.count == 0) continue;
    const auto width =
        static_cast<uint64_t>(extent.highest) - static_cast<uint64_t>(extent.lowest) + 1;
    key.is_dense = width != 0 && width <= uint64_t{extent.count} * 4 + 16;
    key.lowest = extent.lowest;
    key.size = key.is_dense ? static_cast<uint32_t>(width) : extent.count;
    begin += key.size;
  }
  values_.assign(begin, WrittenValue());
}

uint32_t WriteIndex::Find(uint32_t k, int64_t value) const {
  const Key& key = keys_[k];
  if (key.is_dense) {
    const auto offset = static_cast<uint64_t>(value) - static_cast<uint64_t>(key.lowest);
    if (offset >= key.size) return kNone;
    const uint32_t at = key.begin + static_cast<uint32_t>(offset);
    return values_[at].writer == kNone ? kNone : at;
  }
  const auto begin = values_.begin() + key.begin;
  const auto at = std::lower_bound(begin, begin + key.size, value,
                                   [](const WrittenValue& e, int64_t v) { return e.value < v; });
  if (at == begin + key.size || at->value != value) return kNone;
  return static_cast<uint32_t>(at - values_.begin());
}

void WriteIndex::Build(Anomalies* anomalies) {
  PlaceKeys();
  std::vector<uint32_t> filled(history_.keys, 0);
  for (uint32_t t = 0; t < history_.txns.size(); ++t) {
    for (const TxnOp& op : history_.OpsOf(history_.txns[t])) {
      if (op.kind != Kind::kWrite) continue;
      Key& key = keys_[op.key];
      const auto offset =
          static_cast<uint32_t>(key.is_dense ? op.value - key.lowest : int64_t{filled[op.key]++});
      WrittenValue& element = values_[key.begin + offset];
      if (element.writer != kNone && anomalies->Wants("duplicate-writes")) {
        anomalies->Keep(
            "duplicate-writes",
            absl::StrCat("T", element.writer, " and T", t, " both write ",
                         history_.value_names.Name(op.value), " to ",
                         history_.key_names.Name(op.key), ": values must be unique for this check"),
            {element.writer, t});
      }
      if (element.writer == kNone) element = {op.value, t, false};
    }
  }
  for (const Key& key : keys_) {
    if (key.is_dense) continue;
    const auto begin = values_.begin() + key.begin;
    std::stable_sort(begin, begin + key.size, [](const WrittenValue& a, const WrittenValue& b) {
      return a.value < b.value;
    });
    for (auto at = begin; at != begin + key.size; ++at) {
      if (at == begin || at->value != (at - 1)->value) continue;
      if (!anomalies->Wants("duplicate-writes")) continue;
      anomalies->Keep("duplicate-writes",
                      absl::StrCat("T", (at - 1)->writer, " and T", at->writer, " both write ",
                                   history_.value_names.Name(at->value),
                                   ": values must be unique for this check"),
                      {(at - 1)->writer, at->writer});
    }
  }
  PlaceWrites();
  for (const Txn& txn : history_.txns) MarkIntermediate(txn);
}

void WriteIndex::PlaceWrites() {
  place_of_.assign(history_.ops.size(), kNone);
  for (size_t i = 0; i < history_.ops.size(); ++i) {
    const TxnOp& op = history_.ops[i];
    if (op.kind == Kind::kWrite) place_of_[i] = Find(op.key, op.value);
  }
}

void WriteIndex::MarkIntermediate(const Txn& txn) {
  const absl::Span<const TxnOp> ops = history_.OpsOf(txn);
  if (ops.size() < 2) return;
  for (size_t i = 0; i + 1 < ops.size(); ++i) {
    if (ops[i].kind != Kind::kWrite) continue;
    const bool again = std::any_of(
        ops.begin() + static_cast<std::ptrdiff_t>(i) + 1, ops.end(),
        [&](const TxnOp& later) { return later.kind == Kind::kWrite && later.key == ops[i].key; });
    if (again) values_[place_of_[txn.ops_begin + i]].is_intermediate = true;
  }
}

}  // namespace lockstep::checkers
