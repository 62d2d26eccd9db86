#include "bench/workload.h"

#include <algorithm>
#include <cstring>

#include "framework/base/check.h"
#include "kv/proto/rpc.pb.h"

namespace lockstep::bench {

struct Workload::Messages final {
  etcdserverpb::PutRequest put;
  etcdserverpb::RangeRequest range;
  etcdserverpb::TxnRequest txn;
};

Workload::Workload(const LoadOptions& options)
    : options_(options), random_(options.seed), messages_(std::make_unique<Messages>()) {
  CHECK_GT(options_.keys, 0u);
  CHECK_GT(options_.key_bytes, 0u);
  value_.resize(options_.value_bytes);
  for (char& c : value_) c = static_cast<char>('a' + random_.Below(26));
}

Workload::~Workload() = default;

void Workload::Next(Operation* operation) {
  const uint64_t key = NextKey();
  ++operations_;
  switch (options_.workload) {
    case WorkloadKind::kPut:
      return Put(key, operation);
    case WorkloadKind::kRange:
      return Range(key, operation);
    case WorkloadKind::kMixed:
      if (random_.Below(100) < options_.read_percent) return Range(key, operation);
      return Put(key, operation);
    case WorkloadKind::kTxn:
      return Txn(key, operation);
  }
}

void Workload::Preload(uint64_t key, Operation* operation) {
  ++operations_;
  Put(key, operation);
}

uint64_t Workload::NextKey() {
  return options_.sequential_keys ? operations_ % options_.keys : random_.Below(options_.keys);
}

// The key's number in decimal, right-aligned among zeros.
void Workload::SetKey(uint64_t key) {
  key_.assign(options_.key_bytes, '0');
  for (size_t at = key_.size(); at > 0 && key > 0; --at, key /= 10) {
    key_[at - 1] = static_cast<char>('0' + key % 10);
  }
}

// Letters that differ from one operation to the next, so that nothing can merge them.
void Workload::SetValue() {
  uint64_t mark = base::Mix64(operations_);
  for (size_t at = 0; at < std::min<size_t>(value_.size(), 12); ++at, mark /= 26) {
    value_[at] = static_cast<char>('a' + mark % 26);
  }
}

void Workload::Put(uint64_t key, Operation* operation) {
  SetKey(key);
  SetValue();
  messages_->put.set_key(key_);
  messages_->put.set_value(value_);
  operation->method = "/etcdserverpb.KV/Put";
  operation->is_read = false;
  CHECK(messages_->put.SerializeToString(&operation->request));
}

void Workload::Range(uint64_t key, Operation* operation) {
  SetKey(key);
  messages_->range.set_key(key_);
  messages_->range.set_serializable(options_.serializable);
  operation->method = "/etcdserverpb.KV/Range";
  operation->is_read = true;
  CHECK(messages_->range.SerializeToString(&operation->request));
}

// If the key was ever written or not (always true): put it, then read it back.
void Workload::Txn(uint64_t key, Operation* operation) {
  SetKey(key);
  SetValue();
  etcdserverpb::TxnRequest& txn = messages_->txn;
  txn.Clear();
  etcdserverpb::Compare& compare = *txn.add_compare();
  compare.set_target(etcdserverpb::Compare::VERSION);
  compare.set_result(etcdserverpb::Compare::GREATER);
  compare.set_key(key_);
  compare.set_version(-1);
  etcdserverpb::PutRequest& put = *txn.add_success()->mutable_request_put();
  put.set_key(key_);
  put.set_value(value_);
  txn.add_success()->mutable_request_range()->set_key(key_);
  operation->method = "/etcdserverpb.KV/Txn";
  operation->is_read = false;
  CHECK(txn.SerializeToString(&operation->request));
}

}  // namespace lockstep::bench
