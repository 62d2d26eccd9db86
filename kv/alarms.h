// Alarms: what members of the cluster have raised, as rows of the replicated state, and what it
// forbids. As in etcd, one member's alarm holds for all.
//
// While NOSPACE is raised nothing is put; reads, deletes and compactions go on. While CORRUPT is
// raised the key space is neither read nor written. An operator takes them back.
#ifndef LOCKSTEP_KV_ALARMS_H_
#define LOCKSTEP_KV_ALARMS_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/machine/ordered_store.h"
#include "kv/command.h"
#include "kv/verdict.h"

namespace etcdserverpb {
class AlarmMember;
class AlarmRequest;
class AlarmResponse;
class PutRequest;
class TxnRequest;
}  // namespace etcdserverpb

namespace lockstep::kv {

// Invariant: raised_ is what the store's rows say.
// Part of the machine's memory; a value.
class Alarms final {
 public:
  // What the store has raised. Suspends.
  static absl::StatusOr<Alarms> Read(Fiber& fiber, const machine::StoreView& view);

  // Raises or takes back one alarm; answers with it, unless there was nothing to take back.
  // `revision` is the key space's.
  void Change(const etcdserverpb::AlarmRequest& request, int64_t revision,
              machine::StoreTransaction& store, etcdserverpb::AlarmResponse& response);
  // All of the type, or of every type, in the order of type and member.
  void List(const etcdserverpb::AlarmRequest& request, etcdserverpb::AlarmResponse& response) const;

  // What forbids commands and queries of this kind; `puts` says whether it may put something.
  Verdict Refusal(CommandKind kind, bool puts) const;

 private:
  struct Place final {
    int type = 0;
    uint64_t member = 0;
    auto operator<=>(const Place&) const = default;
  };
  static std::string RowKey(const Place& place);
  bool Has(int type) const;

  std::set<Place> raised_;
};

// As etcd's Status shows it.
std::string DescribeAlarm(const etcdserverpb::AlarmMember& alarm);

// Bytes that etcd reckons for what a request may put, keys and values and 256 for each put; 0 if it
// puts nothing.
size_t PutCost(const etcdserverpb::PutRequest& request);
size_t PutCost(const etcdserverpb::TxnRequest& request);

// Says when something was put although it was forbidden. Suspends.
absl::Status CheckAlarms(Fiber& fiber, const machine::StoreView& view);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_ALARMS_H_
