// RunNode: one shard of a node of a replicated service, from its data directory to its client port.
//
// The same function is what production runs on a real Environment and the simulator on its own. A
// service supplies a state machine and, if it wants its own API, gRPC handlers.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_NODE_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_NODE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/edge/grpc_connection.h"
#include "framework/edge/grpc_service.h"
#include "framework/edge/http_server.h"
#include "framework/edge/tls_context.h"
#include "framework/fiber/sync.h"
#include "framework/machine/ordered_store.h"
#include "framework/machine/state_machine.h"
#include "framework/replica/group_client.h"
#include "framework/replica/observer.h"
#include "framework/replica/replica.h"
#include "framework/replica/scrubber.h"
#include "framework/replica/snapshot_transfer.h"
#include "framework/runtime/environment.h"

namespace lockstep::replica {

// Opens the shard's store below `directory` of the shard's disk. May suspend.
using StoreOpener = std::function<absl::StatusOr<std::unique_ptr<machine::OrderedStore>>(
    Fiber&, runtime::Environment&, const std::string& directory)>;

// TLS of one of a node's ports. Every shard loads the credentials by itself, again and again:
// whoever replaces them need not restart the node.
struct NodeTls final {
  edge::TlsPolicy policy;
  std::function<absl::StatusOr<edge::TlsCredentials>(Fiber&, runtime::Environment&)> load;
  Duration reload_interval = Seconds(10);
};

struct NodeOptions final {
  ClusterId cluster;
  // Whom the cluster begins with: every member's peer addresses, one per shard, and its name, if it
  // has one. What a data directory that is claimed already says comes before this.
  std::map<NodeId, std::vector<runtime::Address>> members;
  std::map<NodeId, std::string> names;
  // How the others reach this node, one per shard; where it listens. Empty: as `members` says.
  std::vector<runtime::Address> peer_advertise;
  std::vector<runtime::Address> peer_listen;
  // What this node tells the others of itself.
  std::string name;
  std::vector<std::string> client_urls;
  // Where clients connect; served by shard 0. (No address: no client port.)
  std::vector<runtime::Address> client_listen;
  edge::GrpcServerOptions client_port;
  // Without: connections are neither encrypted nor proven. Peers dial and accept with `peer_tls`.
  std::optional<NodeTls> peer_tls;
  std::optional<NodeTls> client_tls;
  GroupId group{1};
  // More groups of the same kind, which have the same members; clients of this node do not see
  // them.
  std::vector<GroupId> more_groups;
  Duration tick = Milliseconds(10);
  raft::Options raft;               // ticks and limits
  uint64_t log_bytes_retained = 0;  // see ReplicaOptions
  ProposalLimits proposals;
  LogOptions log;
  uint64_t log_bytes_max = kShardLogBytesMax;  // see ShardOptions
  ScrubOptions scrub;
  SnapshotOptions snapshots;
  uint32_t protocol_version_max = wire::kProtocolVersion;  // see PeerTransportOptions
  Duration compaction_interval = Milliseconds(500);
  Duration drain_timeout = Seconds(5);

  StoreOpener open_store;
  std::string store_name = "state";  // of the directory that open_store uses, in the shard's
  std::function<std::unique_ptr<machine::StateMachine>()> make_machine;
  // Adds the service's own gRPC methods. The client is good as long as the handlers are.
  std::function<void(edge::GrpcRegistry&, GroupClient&, runtime::Environment&)> add_services;
  // For services that speak HTTP/1.1: then the client port speaks that, with this handler, and
  // nothing else: no gRPC, none of the framework's own methods.
  std::function<std::unique_ptr<edge::HttpHandler>(GroupClient&, runtime::Environment&)> make_http;
  edge::HttpServerOptions http_port;
  ReplicaObserver* observer = nullptr;
};

// What the shards of one node share. Owned by the composer, outlives them.
struct NodeShared final {
  explicit NodeShared(uint32_t shard_count) : directory(shard_count) {}
  ShardDirectory directory;
};

// Runs this shard until `stop` is set (OK: leadership given up, calls drained) or until something
// fails that the node must not survive; FAILED_PRECONDITION says that it must not come back as it
// is, and what to do (it was removed, say). Suspends.
absl::Status RunNode(Fiber& fiber, runtime::Environment& environment, const NodeOptions& options,
                     NodeShared& shared, fiber::Event& stop);

// How old an answer may be, as a request's metadata "max-staleness-ms" says; zero: it says nothing.
// INVALID_ARGUMENT: it says nonsense.
absl::StatusOr<Duration> MaxStaleness(const edge::GrpcRequest& request);

// "/lockstep.Group/Propose" and "/lockstep.Group/Query" (linearizable, or serializable with the
// metadata "consistency: serializable", or at most so old with "max-staleness-ms: 5000"): any state
// machine, as bytes.
// "/lockstep.Group/ChangeMembers": an encoded MemberChange, in which who is added without an id
// gets one; the answer is an encoded MemberRefusal and, if it is none, the new list.
void AddGroupService(edge::GrpcRegistry& registry, GroupClient& client, runtime::Random& random);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_NODE_H_
