// KvModel: what a key-value store with etcd's semantics answers, executed one request at a time in
// memory. The oracle for the replicated machine; shares nothing with it but the messages.
#ifndef LOCKSTEP_KV_TESTING_KV_MODEL_H_
#define LOCKSTEP_KV_TESTING_KV_MODEL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kv/proto/rpc.pb.h"

namespace lockstep::kv {

// Code 0 with a serialized response, or a gRPC code with the text of the refusal.
struct ModelAnswer final {
  int code = 0;
  std::string body;

  bool operator==(const ModelAnswer&) const = default;
};

// Invariants:
//   1. Each key has all its versions that can still be read, oldest first.
//   2. compacted_ <= revision_.
// A value: copy it to try something out.
class KvModel final {
 public:
  int64_t revision() const { return revision_; }
  int64_t compacted() const { return compacted_; }

  ModelAnswer Range(const etcdserverpb::RangeRequest& request) const;
  ModelAnswer Put(const etcdserverpb::PutRequest& request);
  ModelAnswer DeleteRange(const etcdserverpb::DeleteRangeRequest& request);
  ModelAnswer Txn(const etcdserverpb::TxnRequest& request);
  ModelAnswer Compact(const etcdserverpb::CompactionRequest& request);
  ModelAnswer HashKv(const etcdserverpb::HashKVRequest& request) const;

 private:
  struct Version final {
    int64_t main = 0;
    int64_t sub = 0;
    bool is_deleted = false;
    mvccpb::KeyValue kv;
  };
  struct Refused final {
    int code = 0;
    const char* text = "";
  };
  using Refusal = std::optional<Refused>;

  // One request while it runs: which revision its changes get and how many there are.
  struct Session final {
    int64_t base = 0;
    int64_t changes = 0;
    int64_t now() const { return changes > 0 ? base + 1 : base; }
  };

  static Refusal CheckRange(const etcdserverpb::RangeRequest& request);
  static Refusal CheckPut(const etcdserverpb::PutRequest& request);
  static Refusal CheckTxn(const etcdserverpb::TxnRequest& request, int budget);
  static bool HasDuplicates(const etcdserverpb::TxnRequest& request);

  // The keys of a request that exist at a revision.
  std::vector<const mvccpb::KeyValue*> Find(const std::string& key, const std::string& range_end,
                                            int64_t revision) const;
  Refusal CheckState(const etcdserverpb::PutRequest& request) const;
  Refusal CheckState(const etcdserverpb::TxnRequest& request) const;
  bool Holds(const etcdserverpb::Compare& compare) const;
  bool AllHold(const etcdserverpb::TxnRequest& request) const;

  Refusal RunRange(const etcdserverpb::RangeRequest& request, int64_t now,
                   etcdserverpb::RangeResponse& response) const;
  void RunPut(const etcdserverpb::PutRequest& request, Session& session,
              etcdserverpb::PutResponse& response);
  void RunDelete(const etcdserverpb::DeleteRangeRequest& request, Session& session,
                 etcdserverpb::DeleteRangeResponse& response);
  // Compares look at revision_, which stays what it was until the request is through.
  void RunTxn(const etcdserverpb::TxnRequest& request, Session& session,
              etcdserverpb::TxnResponse& response);
  void RunOp(const etcdserverpb::RequestOp& op, Session& session,
             etcdserverpb::ResponseOp& response);

  std::map<std::string, std::vector<Version>> keys_;
  int64_t revision_ = 1;
  int64_t compacted_ = -1;
};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_TESTING_KV_MODEL_H_
