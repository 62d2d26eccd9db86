// TestKv: a key-value machine that is called like a client would call the service.
#ifndef LOCKSTEP_TESTS_KV_TEST_KV_H_
#define LOCKSTEP_TESTS_KV_TEST_KV_H_

#include <string>
#include <utility>
#include <vector>

#include "kv/proto/rpc.pb.h"
#include "tests/kv/map_store.h"

namespace lockstep::kv {

template <typename Response>
struct Answer final {
  GrpcCode code = GrpcCode::kOk;
  std::string text;  // of a refusal
  Response response;

  int64_t revision() const { return response.header().revision(); }
  bool Is(const Refusal& refusal) const { return code == refusal.code && text == refusal.text; }
};

class TestKv final {
 public:
  template <typename Response, typename Request>
  Answer<Response> Call(CommandKind kind, const Request& request, bool is_query = false) {
    const std::string command = EncodeCommand(kind, request);
    const std::string bytes = is_query ? machine.Query(command) : machine.Apply(command);
    const auto outcome = DecodeOutcome(bytes);
    CHECK_OK(outcome.status());
    Answer<Response> answer;
    answer.code = outcome->code;
    const std::string body(outcome->body);
    if (outcome->ok()) {
      CHECK(answer.response.ParseFromString(body));
    } else {
      answer.text = body;
    }
    return answer;
  }

  auto Put(const etcdserverpb::PutRequest& request) {
    return Call<etcdserverpb::PutResponse>(CommandKind::kPut, request);
  }
  auto Put(const std::string& key, const std::string& value) {
    etcdserverpb::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    return Put(request);
  }
  auto Range(const etcdserverpb::RangeRequest& request) {
    return Call<etcdserverpb::RangeResponse>(CommandKind::kRange, request, true);
  }
  auto Get(const std::string& key, int64_t revision = 0) {
    etcdserverpb::RangeRequest request;
    request.set_key(key);
    request.set_revision(revision);
    return Range(request);
  }
  auto Delete(const std::string& key, const std::string& range_end = "") {
    etcdserverpb::DeleteRangeRequest request;
    request.set_key(key);
    request.set_range_end(range_end);
    return Call<etcdserverpb::DeleteRangeResponse>(CommandKind::kDeleteRange, request);
  }
  auto Txn(const etcdserverpb::TxnRequest& request) {
    return Call<etcdserverpb::TxnResponse>(CommandKind::kTxn, request);
  }
  auto Compact(int64_t revision) {
    etcdserverpb::CompactionRequest request;
    request.set_revision(revision);
    return Call<etcdserverpb::CompactionResponse>(CommandKind::kCompact, request);
  }

  MachineOnMap machine;
};

// Operations for transactions.
inline etcdserverpb::RequestOp PutOp(const std::string& key, const std::string& value = "v") {
  etcdserverpb::RequestOp op;
  op.mutable_request_put()->set_key(key);
  op.mutable_request_put()->set_value(value);
  return op;
}
inline etcdserverpb::RequestOp DeleteOp(const std::string& key, const std::string& end = "") {
  etcdserverpb::RequestOp op;
  op.mutable_request_delete_range()->set_key(key);
  op.mutable_request_delete_range()->set_range_end(end);
  return op;
}
inline etcdserverpb::RequestOp RangeOp(const std::string& key, int64_t revision = 0) {
  etcdserverpb::RequestOp op;
  op.mutable_request_range()->set_key(key);
  op.mutable_request_range()->set_revision(revision);
  return op;
}
using OpList = std::vector<etcdserverpb::RequestOp>;
inline etcdserverpb::TxnRequest MakeTxn(const OpList& success, const OpList& failure = {}) {
  etcdserverpb::TxnRequest txn;
  for (const auto& op : success) *txn.add_success() = op;
  for (const auto& op : failure) *txn.add_failure() = op;
  return txn;
}
inline etcdserverpb::RequestOp TxnOp(const OpList& success, const OpList& failure = {}) {
  etcdserverpb::RequestOp op;
  *op.mutable_request_txn() = MakeTxn(success, failure);
  return op;
}

// "a=1 b=2".
inline std::string Show(const etcdserverpb::RangeResponse& response) {
  std::string out;
  for (const auto& kv : response.kvs()) {
    if (!out.empty()) out += ' ';
    out += kv.key() + "=" + kv.value();
  }
  return out;
}

}  // namespace lockstep::kv

#endif  // LOCKSTEP_TESTS_KV_TEST_KV_H_
