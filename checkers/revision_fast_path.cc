#include "checkers/revision_fast_path.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "framework/base/checksum.h"

namespace lockstep::checkers {
namespace {

constexpr uint32_t kNone = UINT32_MAX;

// Gives equal keys equal numbers. Borrows the keys.
class KeyNumbers final {
 public:
  KeyNumbers() : slots_(1024, kNone) {}

  uint32_t Number(std::string_view key) {
    const uint64_t hash = base::Checksum64(key);
    size_t at = Find(hash, key);
    if (slots_[at] != kNone) return slots_[at];
    slots_[at] = static_cast<uint32_t>(keys_.size());
    keys_.push_back({hash, key});
    if (keys_.size() * 2 > slots_.size()) Grow();
    return static_cast<uint32_t>(keys_.size() - 1);
  }
  size_t size() const { return keys_.size(); }

 private:
  struct Key {
    uint64_t hash;
    std::string_view text;
  };

  size_t Find(uint64_t hash, std::string_view key) const {
    size_t at = hash & (slots_.size() - 1);
    while (slots_[at] != kNone &&
           (keys_[slots_[at]].hash != hash || keys_[slots_[at]].text != key)) {
      at = (at + 1) & (slots_.size() - 1);
    }
    return at;
  }
  void Grow() {
    slots_.assign(slots_.size() * 2, kNone);
    for (uint32_t i = 0; i < keys_.size(); ++i) slots_[Find(keys_[i].hash, keys_[i].text)] = i;
  }

  std::vector<Key> keys_;
  std::vector<uint32_t> slots_;  // a power of two
};

class PlainProof final {
 public:
  PlainProof(const KvHistory& history, int64_t initial_revision)
      : history_(history), initial_(initial_revision) {}

  std::optional<size_t> Run() {
    if (history_.size() >= kNone || !Read() || !Place()) return std::nullopt;
    Bucket();
    KnowReturns();
    for (size_t slot = 0; slot < begin_.size() - 1; ++slot) {
      if (!CheckRevision(slot)) return std::nullopt;
    }
    return authors_.size();
  }

 private:
  // The newest version of a key.
  struct Cell {
    const KvOp* put = nullptr;  // null: there is none
    int64_t create_revision = 0;
    int64_t mod_revision = 0;
    int64_t version = 0;
  };

  static bool IsPlain(const KvOperation& op) {
    const KvRequest& in = op.input;
    if (!op.returned || op.output.error != KvError::kNone || !op.output.succeeded) return false;
    if (in.kind != KvRequest::Kind::kTxn || in.serializable || !in.compares.empty()) return false;
    if (in.success.size() != 1 || !in.failure.empty()) return false;
    const KvOp& only = in.success[0];
    return only.range_end.empty() && only.revision == 0 && only.limit == 0 && !only.prev_kv &&
           op.output.results.size() == 1;
  }

  // What the first pass keeps of an operation.
  struct Brief {
    int64_t returned;
    uint32_t slot;  // its revision above the initial one
    bool is_write;
  };

  bool Read() {
    briefs_.reserve(history_.size());
    for (const KvOperation& op : history_) {
      const int64_t above = op.output.revision - initial_;
      if (!IsPlain(op) || above < 0 || above > static_cast<int64_t>(history_.size())) return false;
      const bool is_write = DidWrite(op.input, op.output);
      briefs_.push_back({*op.returned, static_cast<uint32_t>(above), is_write});
      writes_ += is_write ? 1 : 0;
      top_ = std::max(top_, static_cast<uint32_t>(above));
    }
    return writes_ == top_;
  }

  // Every write has a revision of its own, without gaps.
  bool Place() {
    authors_.assign(writes_, kNone);
    for (uint32_t i = 0; i < briefs_.size(); ++i) {
      const Brief& brief = briefs_[i];
      if (!brief.is_write) continue;
      if (brief.slot == 0 || authors_[brief.slot - 1] != kNone) return false;
      authors_[brief.slot - 1] = i;
    }
    return true;
  }

  // Answers that wrote nothing, by revision.
  void Bucket() {
    const size_t slots = writes_ + 1;
    begin_.assign(slots + 1, 0);
    for (const Brief& brief : briefs_) begin_[brief.slot + 1] += brief.is_write ? 0 : 1;
    for (size_t slot = 0; slot < slots; ++slot) begin_[slot + 1] += begin_[slot];
    answers_.resize(begin_[slots]);
    std::vector<uint32_t> next(begin_.begin(), begin_.end() - 1);
    for (uint32_t i = 0; i < briefs_.size(); ++i) {
      if (!briefs_[i].is_write) answers_[next[briefs_[i].slot]++] = i;
    }
  }

  // known_[slot]: when somebody first knew of this revision or a later one.
  void KnowReturns() {
    known_.assign(begin_.size(), INT64_MAX);
    for (const Brief& brief : briefs_) {
      known_[brief.slot] = std::min(known_[brief.slot], brief.returned);
    }
    for (size_t slot = known_.size() - 1; slot > 0; --slot) {
      known_[slot - 1] = std::min(known_[slot - 1], known_[slot]);
    }
  }

  Cell& At(const KvOp& op) {
    const uint32_t key = keys_.Number(op.key);
    if (key == cells_.size()) cells_.emplace_back();
    return cells_[key];
  }

  bool CheckRevision(size_t slot) {
    if (slot > 0 && !Write(slot)) return false;
    for (uint32_t i = begin_[slot]; i < begin_[slot + 1]; ++i) {
      const KvOperation& op = history_[answers_[i]];
      // Whatever was known before the call is in the answer.
      if (op.call > known_[slot + 1] || !Answer(op)) return false;
    }
    return true;
  }

  bool Write(size_t slot) {
    const KvOperation& op = history_[authors_[slot - 1]];
    if (op.call > known_[slot]) return false;
    const KvOp& change = op.input.success[0];
    const KvOpResult& result = op.output.results[0];
    Cell& cell = At(change);
    if (!result.kvs.empty()) return false;
    if (change.kind == KvOp::Kind::kDelete) {
      if (cell.put == nullptr || result.count != 1) return false;
      cell = Cell();
      return true;
    }
    const int64_t revision = op.output.revision;
    if (cell.put == nullptr) cell.create_revision = revision;
    cell.put = &change;
    cell.mod_revision = revision;
    ++cell.version;
    return true;
  }

  bool Answer(const KvOperation& op) {
    const KvOp& asked = op.input.success[0];
    const KvOpResult& result = op.output.results[0];
    const Cell& cell = At(asked);
    if (asked.kind == KvOp::Kind::kDelete || cell.put == nullptr) {
      return cell.put == nullptr && result.count == 0 && result.kvs.empty();
    }
    if (result.count != 1 || result.kvs.size() != 1) return false;
    const KvPair& pair = result.kvs[0];
    return pair.mod_revision == cell.mod_revision && pair.create_revision == cell.create_revision &&
           pair.version == cell.version && pair.key == asked.key && pair.value == cell.put->value;
  }

  const KvHistory& history_;
  const int64_t initial_;
  std::vector<Brief> briefs_;  // by operation
  size_t writes_ = 0;
  uint32_t top_ = 0;               // slot
  std::vector<uint32_t> authors_;  // by slot - 1
  std::vector<uint32_t> begin_;    // by slot, in answers_
  std::vector<uint32_t> answers_;
  std::vector<int64_t> known_;
  KeyNumbers keys_;
  std::vector<Cell> cells_;  // by the key's number
};

}  // namespace

std::optional<size_t> ProvePlainHistory(const KvHistory& history, int64_t initial_revision) {
  return PlainProof(history, initial_revision).Run();
}

}  // namespace lockstep::checkers
