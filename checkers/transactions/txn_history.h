// TxnHistory: transactions over keys, in flat arrays, so that a million of them stay small.
//
// Two workloads: list-append (append an element, read the list) and rw-register (write a value,
// read it). Elements and values are unique per key; the checkers say so where they are not.
#ifndef LOCKSTEP_CHECKERS_TRANSACTIONS_TXN_HISTORY_H_
#define LOCKSTEP_CHECKERS_TRANSACTIONS_TXN_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "checkers/formats/recorded_history.h"
#include "checkers/models/names.h"

namespace lockstep::checkers {

struct TxnOp final {
  enum class Kind : uint8_t {
    kWrite,  // of a value, or append of an element
    kRead,
  };
  // A read's value that says: there was none.
  static constexpr int64_t kNothing = INT64_MIN;

  int64_t value = kNothing;  // kWrite; kRead of a register
  uint32_t key = 0;
  uint32_t begin = 0;  // kRead of a list: its elements in TxnHistory::elements
  uint32_t length = 0;
  Kind kind = Kind::kRead;
};

struct Txn final {
  static constexpr int64_t kNever = INT64_MAX;

  uint64_t client = 0;
  int64_t call = 0;
  int64_t returned = kNever;  // kNever iff the outcome is unknown
  uint32_t ops_begin = 0;     // in TxnHistory::ops
  uint32_t ops_end = 0;
  Outcome outcome = Outcome::kUnknown;
};

enum class TxnWorkload { kListAppend, kRegister };

// Invariant: the reads of a transaction that is not kOk are left out.
struct TxnHistory final {
  TxnWorkload workload = TxnWorkload::kListAppend;
  std::vector<Txn> txns;
  std::vector<TxnOp> ops;
  std::vector<int64_t> elements;
  uint32_t keys = 0;  // every TxnOp::key is below
  Names key_names;    // empty: keys are called by their number
  Names value_names;

  absl::Span<const TxnOp> OpsOf(const Txn& txn) const {
    return absl::MakeConstSpan(ops).subspan(txn.ops_begin, txn.ops_end - txn.ops_begin);
  }
  absl::Span<const int64_t> ListOf(const TxnOp& op) const {
    return absl::MakeConstSpan(elements).subspan(op.begin, op.length);
  }
};

// "[1 2 3]", shortened in the middle.
std::string DescribeList(const TxnHistory& history, absl::Span<const int64_t> list);
// "append 7 to x, read y = [1 2]".
std::string DescribeOps(const TxnHistory& history, uint32_t txn);
// "T3 (client 1, called at 5, returned at 9: append 7 to x, read y = [1 2])".
std::string DescribeTxn(const TxnHistory& history, uint32_t txn);

// Function txn with [[:append k v] [:r k [...]]] or [[:w k v] [:r k v]], and single operations of
// the same form. The workload is the one whose writes occur.
absl::StatusOr<TxnHistory> TxnHistoryOf(const RecordedHistory& recorded);

// Whether a history of transactions appends.
bool Appends(const RecordedHistory& recorded);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_TRANSACTIONS_TXN_HISTORY_H_
