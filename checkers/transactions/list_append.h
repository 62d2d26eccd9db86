// ListAppend: the dependencies of transactions that append unique elements to lists and read them.
//
// The longest list that was read of a key is the order of its versions: every other read must be a
// prefix of it. Elements that were appended and never read come behind it.
#ifndef LOCKSTEP_CHECKERS_TRANSACTIONS_LIST_APPEND_H_
#define LOCKSTEP_CHECKERS_TRANSACTIONS_LIST_APPEND_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "checkers/transactions/transactions.h"
#include "checkers/transactions/write_index.h"

namespace lockstep::checkers {

// Borrows the history.
class ListAppend final : public DependencySource {
 public:
  explicit ListAppend(const TxnHistory& history) : history_(history), index_(history) {}

  void Infer(DependencyGraph* graph, Anomalies* anomalies) override;
  std::string Explain(uint32_t from, uint32_t to, EdgeKind kind) const override;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Key {
    uint32_t longest = kNone;  // the read with the longest list
    uint32_t order_begin = 0;  // in order_
    uint32_t length = 0;       // of that list
    uint32_t aborted = kNone;  // the first position of an element whose writer failed
    bool has_unread = false;
  };
  // The list that a transaction read first, without what it appended itself.
  struct FirstRead {
    const TxnOp* op = nullptr;
    uint32_t length = 0;
    bool has_own = false;
  };

  void OrderVersions(Anomalies* anomalies);
  void OrderKey(uint32_t key, Anomalies* anomalies);
  void CheckTxn(uint32_t txn, Anomalies* anomalies);
  void CheckFuture(uint32_t txn, size_t append, Anomalies* anomalies);
  void CheckRead(uint32_t txn, const TxnOp& op, const FirstRead& first, Anomalies* anomalies);
  void AddWriteEdges(DependencyGraph* graph);
  void AddUnreadEdges(DependencyGraph* graph);
  void AddReadEdges(uint32_t txn, DependencyGraph* graph);
  void CheckLostUpdates(Anomalies* anomalies);

  template <typename Visit>
  void ForEachFirstRead(const Txn& txn, Visit visit) const;
  uint32_t WriterAt(const Key& key, uint32_t position) const;
  std::string Value(int64_t value) const { return history_.value_names.Name(value); }
  std::string KeyName(uint32_t key) const { return history_.key_names.Name(key); }

  const TxnHistory& history_;
  WriteIndex index_;
  std::vector<Key> keys_;
  std::vector<uint32_t> position_;  // by element: its place in the order of versions, or kNone
  std::vector<uint32_t> order_;     // elements by key and position; kNone: garbage
  // By key: committed transactions that appended what nobody read, and those that read all else.
  std::vector<std::pair<uint32_t, uint32_t>> unread_;
  std::vector<std::pair<uint32_t, uint32_t>> complete_readers_;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_TRANSACTIONS_LIST_APPEND_H_
