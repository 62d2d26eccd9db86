// KvWorkload: random key-value requests, of every kind and with every option.
#ifndef LOCKSTEP_KV_TESTING_KV_WORKLOAD_H_
#define LOCKSTEP_KV_TESTING_KV_WORKLOAD_H_

#include <cstdint>
#include <string>

#include "framework/base/random.h"
#include "kv/command.h"
#include "kv/proto/rpc.pb.h"
#include "kv/testing/kv_model.h"

namespace lockstep::kv {

// One request: a command, or a query if it changes nothing.
struct WorkloadRequest final {
  CommandKind kind = CommandKind::kRange;
  bool is_query = true;
  std::string body;  // the serialized request
};

// A value: the same seed gives the same requests, as long as the revisions that it is told are the
// same. Values are unique: `name` and a counter.
class KvWorkload final {
 public:
  struct Options final {
    std::string name = "w";
    int keys = 20;
    // Of 100 requests; what is left are ranges.
    int put_percent = 25;
    int txn_percent = 20;
    int delete_percent = 10;
    // Of 1000 requests. A hash reads everything.
    int compact_permille = 6;
    int hash_permille = 2;
    // Requests to be refused too: empty keys, leases that nobody granted.
    bool with_bad_requests = true;
    // Also what makes an etcd 3.4 panic (unknown sort options; transactions that delete a key and
    // then put it with its old value), or what its versions refuse for different reasons (leases in
    // transactions).
    bool with_etcd_differences = true;
  };

  KvWorkload(uint64_t seed, Options options) : random_(seed), options_(std::move(options)) {}

  // `newest` is a guess at the store's revision; old, current and future ones are drawn around it.
  WorkloadRequest Next(int64_t newest);

  etcdserverpb::RangeRequest Range(int64_t newest);
  etcdserverpb::PutRequest Put(bool in_txn = false);
  etcdserverpb::DeleteRangeRequest DeleteRange();
  etcdserverpb::TxnRequest Txn(int64_t newest, int depth);

 private:
  bool Chance(uint64_t percent) { return random_.Below(100) < percent; }
  std::string Key();
  std::string RangeEnd(const std::string& key);
  std::string UniqueValue();
  int64_t Revision(int64_t newest);
  etcdserverpb::Compare Compare(int64_t newest);
  void FillOp(int64_t newest, int depth, etcdserverpb::RequestOp& op);

  base::SequentialRandom random_;
  Options options_;
  uint64_t values_ = 0;
};

// What the model answers to a request of the workload.
ModelAnswer Ask(KvModel& model, const WorkloadRequest& request);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_TESTING_KV_WORKLOAD_H_
