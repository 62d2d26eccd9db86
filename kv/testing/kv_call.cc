#include "kv/testing/kv_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "kv/proto/rpc.pb.h"

namespace lockstep::kv {
namespace {

namespace pb = etcdserverpb;
using checkers::KvCompare;
using checkers::KvOp;
using checkers::KvOpResult;
using checkers::KvRequest;
using checkers::KvResponse;

void Fill(const KvOp& op, bool serializable, pb::RangeRequest& out) {
  out.set_key(op.key);
  out.set_range_end(op.range_end);
  out.set_revision(op.revision);
  out.set_limit(op.limit);
  out.set_serializable(serializable);
}

void Fill(const KvOp& op, pb::PutRequest& out) {
  out.set_key(op.key);
  out.set_value(op.value);
  out.set_prev_kv(op.prev_kv);
}

void Fill(const KvOp& op, pb::DeleteRangeRequest& out) {
  out.set_key(op.key);
  out.set_range_end(op.range_end);
  out.set_prev_kv(op.prev_kv);
}

void Fill(const KvOp& op, bool serializable, pb::RequestOp& out) {
  switch (op.kind) {
    case KvOp::Kind::kPut:
      return Fill(op, *out.mutable_request_put());
    case KvOp::Kind::kDelete:
      return Fill(op, *out.mutable_request_delete_range());
    case KvOp::Kind::kRange:
      return Fill(op, serializable, *out.mutable_request_range());
  }
}

void Fill(const KvCompare& compare, pb::Compare& out) {
  using Relation = KvCompare::Relation;
  out.set_key(compare.key);
  out.set_result(compare.relation == Relation::kEqual     ? pb::Compare::EQUAL
                 : compare.relation == Relation::kGreater ? pb::Compare::GREATER
                 : compare.relation == Relation::kLess    ? pb::Compare::LESS
                                                          : pb::Compare::NOT_EQUAL);
  switch (compare.target) {
    case KvCompare::Target::kValue:
      out.set_target(pb::Compare::VALUE);
      return out.set_value(compare.value);
    case KvCompare::Target::kVersion:
      out.set_target(pb::Compare::VERSION);
      return out.set_version(compare.number);
    case KvCompare::Target::kCreateRevision:
      out.set_target(pb::Compare::CREATE);
      return out.set_create_revision(compare.number);
    case KvCompare::Target::kModRevision:
      out.set_target(pb::Compare::MOD);
      return out.set_mod_revision(compare.number);
  }
}

checkers::KvPair PairOf(const mvccpb::KeyValue& kv) {
  return {kv.key(), kv.value(), kv.create_revision(), kv.mod_revision(), kv.version()};
}

KvOpResult ResultOf(const pb::RangeResponse& response) {
  KvOpResult result;
  result.count = response.count();
  for (const auto& kv : response.kvs()) result.kvs.push_back(PairOf(kv));
  return result;
}

KvOpResult ResultOf(const pb::PutResponse& response) {
  KvOpResult result;
  if (response.has_prev_kv()) result.kvs.push_back(PairOf(response.prev_kv()));
  return result;
}

KvOpResult ResultOf(const pb::DeleteRangeResponse& response) {
  KvOpResult result;
  result.count = response.deleted();
  for (const auto& kv : response.prev_kvs()) result.kvs.push_back(PairOf(kv));
  return result;
}

KvOpResult ResultOf(const pb::ResponseOp& op) {
  if (op.has_response_put()) return ResultOf(op.response_put());
  if (op.has_response_delete_range()) return ResultOf(op.response_delete_range());
  return ResultOf(op.response_range());
}

// A request on the wire.
struct Call final {
  const char* method = "";
  std::string body;
};

bool IsSingle(const KvRequest& request) {
  return request.compares.empty() && request.success.size() == 1 && request.failure.empty();
}

Call EncodeSingle(const KvOp& op, bool serializable) {
  switch (op.kind) {
    case KvOp::Kind::kPut: {
      pb::PutRequest put;
      Fill(op, put);
      return {"/etcdserverpb.KV/Put", put.SerializeAsString()};
    }
    case KvOp::Kind::kDelete: {
      pb::DeleteRangeRequest remove;
      Fill(op, remove);
      return {"/etcdserverpb.KV/DeleteRange", remove.SerializeAsString()};
    }
    case KvOp::Kind::kRange:
      break;
  }
  pb::RangeRequest range;
  Fill(op, serializable, range);
  return {"/etcdserverpb.KV/Range", range.SerializeAsString()};
}

Call Encode(const KvRequest& request) {
  if (request.kind == KvRequest::Kind::kCompact) {
    pb::CompactionRequest compact;
    compact.set_revision(request.compact_revision);
    return {"/etcdserverpb.KV/Compact", compact.SerializeAsString()};
  }
  if (IsSingle(request)) return EncodeSingle(request.success[0], request.serializable);
  pb::TxnRequest txn;
  for (const KvCompare& compare : request.compares) Fill(compare, *txn.add_compare());
  for (const KvOp& op : request.success) Fill(op, request.serializable, *txn.add_success());
  for (const KvOp& op : request.failure) Fill(op, request.serializable, *txn.add_failure());
  return {"/etcdserverpb.KV/Txn", txn.SerializeAsString()};
}

template <typename Message>
bool DecodeSingle(const std::string& body, KvResponse* response) {
  Message message;
  if (!message.ParseFromString(body)) return false;
  response->revision = message.header().revision();
  response->results.push_back(ResultOf(message));
  return true;
}

bool Decode(const KvRequest& request, const std::string& body, KvResponse* response) {
  if (request.kind == KvRequest::Kind::kCompact) {
    pb::CompactionResponse compact;
    if (!compact.ParseFromString(body)) return false;
    response->revision = compact.header().revision();
    return true;
  }
  if (IsSingle(request)) {
    switch (request.success[0].kind) {
      case KvOp::Kind::kPut:
        return DecodeSingle<pb::PutResponse>(body, response);
      case KvOp::Kind::kDelete:
        return DecodeSingle<pb::DeleteRangeResponse>(body, response);
      case KvOp::Kind::kRange:
        return DecodeSingle<pb::RangeResponse>(body, response);
    }
  }
  pb::TxnResponse txn;
  if (!txn.ParseFromString(body)) return false;
  response->revision = txn.header().revision();
  response->succeeded = txn.succeeded();
  for (const auto& op : txn.responses()) response->results.push_back(ResultOf(op));
  return true;
}

// A refusal that tells something about the state.
std::optional<checkers::KvError> RefusalOf(const edge::GrpcResult& result) {
  if (result.code != edge::GrpcCode::kOutOfRange) return std::nullopt;
  return result.message.find("compacted") != std::string::npos ? checkers::KvError::kCompacted
                                                               : checkers::KvError::kFutureRevision;
}

// A compaction changes no key, but what can be read.
bool MayHaveEffect(const KvRequest& request) {
  return request.kind == KvRequest::Kind::kCompact || checkers::MayWrite(request);
}

}  // namespace

CallResult CallKv(Fiber& fiber, edge::GrpcChannel& channel, const KvRequest& request,
                  MonoTime deadline, Duration max_staleness) {
  const Call call = Encode(request);
  edge::Metadata metadata;
  if (max_staleness > Duration(0)) {
    metadata.Add("max-staleness-ms", absl::StrCat(max_staleness / Milliseconds(1)));
  }
  const edge::GrpcResult answer =
      channel.Call(fiber, call.method, call.body, {deadline, &metadata});
  CallResult result;
  result.error = answer.message;
  if (answer.ok()) {
    CHECK(Decode(request, answer.response, &result.response)) << "an answer that does not parse";
    result.outcome = CallOutcome::kAnswered;
  } else if (const auto refusal = RefusalOf(answer)) {
    result.response.error = *refusal;
    result.outcome = CallOutcome::kAnswered;
  } else if (!MayHaveEffect(request) || answer.outcome == edge::GrpcOutcome::kNeverSent ||
             answer.code == edge::GrpcCode::kResourceExhausted) {
    result.outcome = CallOutcome::kNothing;
  }
  // Reads also when a node could not serve them; writes only if no node has seen them.
  result.is_sent_again = result.outcome != CallOutcome::kAnswered &&
                         (answer.outcome == edge::GrpcOutcome::kNeverSent ||
                          (!MayHaveEffect(request) && answer.code == edge::GrpcCode::kUnavailable));
  return result;
}

}  // namespace lockstep::kv
