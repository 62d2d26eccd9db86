// RwRegister: the dependencies of transactions that write unique values and read them.
//
// Who read whose value is certain. The order of a key's versions is inferred: nothing comes first;
// what a transaction read comes before what it then writes; and, where each key is known to follow
// real time, what was seen earlier comes before what was seen later.
#ifndef LOCKSTEP_CHECKERS_TRANSACTIONS_RW_REGISTER_H_
#define LOCKSTEP_CHECKERS_TRANSACTIONS_RW_REGISTER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "checkers/transactions/transactions.h"
#include "checkers/transactions/write_index.h"

namespace lockstep::checkers {

// Borrows the history. A version is a place in the index, or for "nothing" the index's size plus
// the key.
class RwRegister final : public DependencySource {
 public:
  RwRegister(const TxnHistory& history, bool keys_follow_realtime)
      : history_(history), index_(history), keys_follow_realtime_(keys_follow_realtime) {}

  void Infer(DependencyGraph* graph, Anomalies* anomalies) override;
  std::string Explain(uint32_t from, uint32_t to, EdgeKind kind) const override;

 private:
  static constexpr uint32_t kNone = WriteIndex::kNone;
  using VersionEdge = std::pair<uint32_t, uint32_t>;

  // A transaction saw a version: read it before writing the key, or left it behind.
  struct Access {
    uint32_t txn = 0;
    uint32_t version = 0;
    bool is_write = false;
  };

  uint32_t Nothing(uint32_t key) const { return static_cast<uint32_t>(index_.size()) + key; }
  uint32_t WriterOf(uint32_t version) const;  // kNone: nothing, or its writer failed
  void CollectAccesses(Anomalies* anomalies);
  void CollectOf(uint32_t txn, Anomalies* anomalies);
  uint32_t ReadVersion(uint32_t txn, const TxnOp& op, Anomalies* anomalies);
  void GroupByKey();
  void OrderKey(uint32_t key, Anomalies* anomalies);
  void AddWritesFollowReads(uint32_t key, std::vector<VersionEdge>* edges) const;
  void AddRealtime(uint32_t key, std::vector<VersionEdge>* edges) const;
  void AddFirst(uint32_t key, std::vector<VersionEdge>* edges);
  bool IsCyclic(uint32_t key, const std::vector<VersionEdge>& edges) const;
  void AddEdges(uint32_t key, DependencyGraph* graph);
  void CheckLostUpdates(uint32_t key, Anomalies* anomalies) const;
  std::string ValueName(uint32_t version) const;

  const TxnHistory& history_;
  WriteIndex index_;
  const bool keys_follow_realtime_;
  std::vector<std::pair<uint32_t, Access>> collected_;  // by key, while collecting
  std::vector<Access> accesses_;                        // by key, then by transaction
  std::vector<uint32_t> access_begin_;
  std::vector<std::vector<VersionEdge>> order_;  // by key: sorted, without duplicates
  std::vector<bool> is_read_;                    // by place in the index
  // Memory of one key, used again for the next.
  std::vector<bool> has_before_;
  std::vector<std::pair<uint32_t, uint32_t>> reads_;  // version, reader
  std::vector<uint32_t> readers_;
  std::vector<uint32_t> writers_;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_TRANSACTIONS_RW_REGISTER_H_
