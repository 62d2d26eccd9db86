// WriteIndex: who wrote which value of which key.
#ifndef LOCKSTEP_CHECKERS_TRANSACTIONS_WRITE_INDEX_H_
#define LOCKSTEP_CHECKERS_TRANSACTIONS_WRITE_INDEX_H_

#include <cstdint>
#include <vector>

#include "checkers/transactions/transactions.h"

namespace lockstep::checkers {

// One (key, value) that somebody writes.
struct WrittenValue final {
  int64_t value = 0;
  uint32_t writer = UINT32_MAX;
  bool is_intermediate = false;  // its writer writes to the key again
};

// Values lie by key and, within a key, by value, so that neighbours in time are neighbours in
// memory. Borrows the history.
class WriteIndex final {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  explicit WriteIndex(const TxnHistory& history) : history_(history) {}

  // Complains about values that are written twice; the first writer keeps them.
  void Build(Anomalies* anomalies);
  // The place of what operation `op` of the history writes.
  uint32_t PlaceOf(uint32_t op) const { return place_of_[op]; }
  // The place of a value; kNone: nobody writes it.
  uint32_t Find(uint32_t key, int64_t value) const;
  const WrittenValue& operator[](uint32_t at) const { return values_[at]; }
  // Places of a key's values are from `Begin` on; some may be empty (no writer).
  uint32_t Begin(uint32_t key) const { return keys_[key].begin; }
  uint32_t Size(uint32_t key) const { return keys_[key].size; }
  size_t size() const { return values_.size(); }

 private:
  struct Key {
    int64_t lowest = 0;
    uint32_t begin = 0;  // in values_
    uint32_t size = 0;
    bool is_dense = false;  // value v is at begin + v - lowest
  };

  void PlaceKeys();
  void PlaceWrites();
  void MarkIntermediate(const Txn& txn);

  const TxnHistory& history_;
  std::vector<Key> keys_;
  std::vector<WrittenValue> values_;
  std::vector<uint32_t> place_of_;  // by operation
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_TRANSACTIONS_WRITE_INDEX_H_
