#include "kv/range.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "kv/keyspace.h"
#include "kv/marks.h"
#include "kv/mutants.h"
#include "kv/proto/rpc.pb.h"

namespace lockstep::kv {
namespace {

using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;
using mvccpb::KeyValue;

bool HasFilters(const RangeRequest& request) {
  return request.min_mod_revision() != 0 || request.max_mod_revision() != 0 ||
         request.min_create_revision() != 0 || request.max_create_revision() != 0;
}

bool PassesFilters(const RangeRequest& request, const Record& record) {
  const auto within = [](int64_t value, int64_t min, int64_t max) {
    return (min == 0 || value >= min) && (max == 0 || value <= max);
  };
  return within(record.mod.main, request.min_mod_revision(), request.max_mod_revision()) &&
         within(record.create, request.min_create_revision(), request.max_create_revision());
}

// How many keys to collect before the rest is only counted: one more than the limit, which tells
// whether there are more. Filters and an explicit order need all. An order of NONE with a target
// other than the key does not: it sorts what the limit let through, as etcd does.
int64_t CollectMax(const RangeRequest& request) {
  constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
  const bool in_key_order =
      request.sort_order() == RangeRequest::NONE ||
      (request.sort_order() == RangeRequest::ASCEND && request.sort_target() == RangeRequest::KEY);
  const bool all =
      request.limit() <= 0 || request.limit() == kAll || !in_key_order || HasFilters(request);
  return all ? kAll : request.limit() + 1;
}

// Whether a orders before b by the request's target alone.
bool TargetLess(RangeRequest::SortTarget target, const KeyValue& a, const KeyValue& b) {
  switch (target) {
    case RangeRequest::VERSION:
      return a.version() < b.version();
    case RangeRequest::CREATE:
      return a.create_revision() < b.create_revision();
    case RangeRequest::MOD:
      return a.mod_revision() < b.mod_revision();
    case RangeRequest::VALUE:
      return a.value() < b.value();
    default:
      return a.key() < b.key();
  }
}

// Sorts what was collected in key order. Equal targets stay in key order, in both directions.
void Sort(const RangeRequest& request, RangeResponse& response) {
  const bool descend = request.sort_order() == RangeRequest::DESCEND;
  if (request.sort_target() == RangeRequest::KEY && !descend) return;
  auto& kvs = *response.mutable_kvs();
  std::stable_sort(kvs.pointer_begin(), kvs.pointer_end(),
                   [&](const KeyValue* a, const KeyValue* b) {
                     return descend ? TargetLess(request.sort_target(), *b, *a)
                                    : TargetLess(request.sort_target(), *a, *b);
                   });
}

void Truncate(const RangeRequest& request, RangeResponse& response) {
  auto& kvs = *response.mutable_kvs();
  if (request.limit() > 0 && kvs.size() > request.limit()) {
    response.set_more(true);
    while (kvs.size() > request.limit()) kvs.RemoveLast();
  }
  if (!request.keys_only()) return;
  for (KeyValue& kv : kvs) kv.clear_value();
}

}  // namespace

void FillKeyValue(std::string_view key, const Record& record, KeyValue& out) {
  out.set_key(key.data(), key.size());
  out.set_create_revision(record.create);
  out.set_mod_revision(record.mod.main);
  out.set_version(record.version);
  out.set_value(record.value.data(), record.value.size());
  out.set_lease(record.lease);
}

absl::StatusOr<Verdict> ExecuteRange(Fiber& fiber, const machine::StoreView& view, const Head& head,
                                     const RangeRequest& request, RangeResponse& response) {
  marks::Sometimes(request.revision() > head.revision, kMarkFutureRefused);
  if (request.revision() > head.revision) return &kFutureRevision;
  const int64_t revision = request.revision() > 0 ? request.revision() : head.revision;
  marks::Sometimes(revision < head.compacted, kMarkCompactedRefused);
  if (revision < head.compacted) return &kCompacted;

  const int64_t collect_max = request.count_only() ? 0 : CollectMax(request);
  const bool has_filters = HasFilters(request);
  int64_t count = 0;
  const auto visit = [&](std::string_view key, const Record& record) -> absl::StatusOr<bool> {
    ++count;
    if (response.kvs_size() >= collect_max) return true;
    if (has_filters && !PassesFilters(request, record)) return true;
    FillKeyValue(key, record, *response.add_kvs());
    return true;
  };
  const KeyRange range(request.key(), request.range_end());
  const bool newest =
      revision == head.revision || mutant::Enabled(mutant::kM72RangeIgnoresRevision);
  marks::Sometimes(!newest, kMarkReadOfThePast);
  RETURN_IF_ERROR(newest ? VisitNewest(fiber, view, range, visit)
                         : VisitAt(fiber, view, range, revision, visit));

  Sort(request, response);
  Truncate(request, response);
  response.mutable_header()->set_revision(head.revision);
  response.set_count(count);
  return nullptr;
}

}  // namespace lockstep::kv
