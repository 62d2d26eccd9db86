// KvService: etcd's gRPC services KV, Maintenance and Cluster, as far as they are there, over a
// Backend. Methods that are not there are Unimplemented by the server.
#ifndef LOCKSTEP_KV_SERVICE_H_
#define LOCKSTEP_KV_SERVICE_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "framework/base/ids.h"
#include "framework/base/limits.h"
#include "framework/base/time.h"
#include "framework/edge/grpc_service.h"
#include "kv/backend.h"
#include "kv/quota.h"
#include "kv/request_checks.h"
#include "kv/verdict.h"

namespace etcdserverpb {
class AlarmRequest;
class AlarmResponse;
}  // namespace etcdserverpb

namespace lockstep::kv {

// How a failure of the backend is told to clients, in etcd's words.
edge::GrpcStatus ToGrpcStatus(const absl::Status& failure);
edge::GrpcStatus ToGrpcStatus(const Refusal& refusal);

// Has no state but what it knows of its quota. Borrows the backend; both must outlive the
// registry's calls. The handlers suspend.
class KvService final {
 public:
  struct Options final {
    // What Status and clients that look for features are told; must be a semantic version.
    std::string version = "3.6.0";
    // A client that waits longer is answered then: etcd's 5 s and two election timeouts.
    Duration request_timeout = Seconds(7);
    size_t request_bytes_max = limits::kRequestBytesMax;
    int txn_ops_max = kTxnOpsMax;
    int64_t quota_bytes = 0;  // see Quota
    // With less than that left on its disk this node puts nothing: what is left is for deletions,
    // compactions and for what others put. By itself it goes on when there is more. 0: none.
    uint64_t disk_reserve_bytes = 0;
    std::string peer_scheme = "http://";
  };

  // `self`: for whom alarms are raised here.
  KvService(Backend& backend, NodeId self, Options options)
      : backend_(backend),
        self_(self),
        options_(std::move(options)),
        quota_(options_.quota_bytes) {}
  KvService(const KvService&) = delete;
  KvService& operator=(const KvService&) = delete;

  // The handlers keep `owner`, if there is one: whatever owns this service and its backend.
  void Register(edge::GrpcRegistry& registry, std::shared_ptr<const void> owner = nullptr);

 private:
  using Request = edge::GrpcRequest;
  using Status = edge::GrpcStatus;

  Status Range(Fiber& fiber, const Request& request, std::string* response);
  Status Put(Fiber& fiber, const Request& request, std::string* response);
  Status DeleteRange(Fiber& fiber, const Request& request, std::string* response);
  Status Txn(Fiber& fiber, const Request& request, std::string* response);
  Status Compact(Fiber& fiber, const Request& request, std::string* response);
  Status Alarm(Fiber& fiber, const Request& request, std::string* response);
  Status Defragment(Fiber& fiber, const Request& request, std::string* response);
  Status GetStatus(Fiber& fiber, const Request& request, std::string* response);
  Status Hash(Fiber& fiber, const Request& request, std::string* response);
  Status HashKv(Fiber& fiber, const Request& request, std::string* response);
  Status MemberList(Fiber& fiber, const Request& request, std::string* response);
  Status MemberAdd(Fiber& fiber, const Request& request, std::string* response);
  Status MemberRemove(Fiber& fiber, const Request& request, std::string* response);
  Status MemberUpdate(Fiber& fiber, const Request& request, std::string* response);
  Status MemberPromote(Fiber& fiber, const Request& request, std::string* response);
  Status MoveLeader(Fiber& fiber, const Request& request, std::string* response);

  Status ChangeMembers(Fiber& fiber, const Request& request, replica::MemberStep::Kind kind,
                       replica::Member member);

  // Proposes the request as it came and answers with the outcome, once there is room for it.
  Status Propose(Fiber& fiber, CommandKind kind, const Request& request, std::string* response,
                 size_t room_bytes);
  Status Query(Fiber& fiber, CommandKind kind, const Request& request, Consistency consistency,
               std::string* response);
  // Whether this node's disk has less than the reserve left, as of a moment ago.
  bool IsShortOfSpace(Fiber& fiber);
  // Whether a request that puts so much may be proposed; raises the alarm if the quota forbids it.
  Status CheckQuota(Fiber& fiber, size_t put_cost, MonoTime deadline);
  void RaiseNoSpace(Fiber& fiber, MonoTime deadline);
  Status GetAlarms(Fiber& fiber, const etcdserverpb::AlarmRequest& request, Consistency consistency,
                   MonoTime deadline, etcdserverpb::AlarmResponse& response);
  void AddOwnAlarms(Fiber& fiber, const NodeStatus& node, const etcdserverpb::AlarmRequest& request,
                    etcdserverpb::AlarmResponse& response);
  // Proposes sweeps until nothing that was compacted is left.
  Status AwaitSweep(Fiber& fiber, MonoTime deadline);
  // Puts the outcome's response, with a complete header, or its refusal where they belong.
  Status Answer(Fiber& fiber, const absl::StatusOr<std::string>& outcome, std::string* response);
  MonoTime Deadline(Fiber& fiber, const Request& request) const;

  Backend& backend_;
  NodeId self_;
  Options options_;
  Quota quota_;
  MonoTime space_known_until_;  // there is enough
};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_SERVICE_H_
