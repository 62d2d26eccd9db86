// NodeConfig: what an operator typed, checked and turned into what a node runs with.
//
// Pure: no clock, no file, no name is looked up. The settings, their defaults and their rules are
// etcd's; errors name the flag, the value and what to do.
#ifndef LOCKSTEP_KV_NODE_CONFIG_H_
#define LOCKSTEP_KV_NODE_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "framework/base/ids.h"
#include "framework/base/limits.h"
#include "framework/base/time.h"
#include "framework/replica/node.h"
#include "framework/runtime/network.h"
#include "kv/tls_settings.h"

namespace lockstep::kv {

inline constexpr absl::string_view kHttp = "http://";
inline constexpr absl::string_view kHttps = "https://";

// As typed. Lists are separated by commas; an empty one means its default, which is etcd's.
struct NodeSettings final {
  std::string name = "default";
  std::string listen_peer_urls;             // http://localhost:2380
  std::string listen_client_urls;           // http://localhost:2379
  std::string initial_advertise_peer_urls;  // http://localhost:2380
  std::string advertise_client_urls;        // http://localhost:2379
  std::string listen_metrics_urls;          // none
  std::string initial_cluster;              // NAME=initial-advertise-peer-urls
  std::string initial_cluster_state = "new";
  std::string initial_cluster_token = "etcd-cluster";
  int64_t heartbeat_interval_ms = 100;
  int64_t election_timeout_ms = 1000;
  int64_t max_request_bytes = limits::kRequestBytesMax;
  int64_t max_txn_ops = 128;
  int64_t quota_backend_bytes = 0;  // 0: etcd's default; negative: none
  int64_t shards = 1;
  int64_t disk_reserve_bytes = 64 * 1024 * 1024;
  int64_t scrub_rate = 8 * 1024 * 1024;      // bytes per second; 0: never
  int64_t snapshot_rate = 64 * 1024 * 1024;  // bytes per second; 0: no limit
  int64_t max_protocol_version = wire::kProtocolVersion;
  bool read_lease = false;
  int64_t read_lease_drift_ppm = 1000;
  int64_t leader_priority = 0;
  TlsSettings client_tls;
  TlsSettings peer_tls;
  TlsLimits tls_limits;
};

struct MemberConfig final {
  std::string name;
  std::vector<std::string> peer_urls;  // one per shard
};

// Invariants: `members` has `self` and nobody twice; every member has `shards` peer URLs; the
// cluster's and the members' ids are not 0. Only for a new cluster the ids are right: otherwise the
// data directory or the members that are asked have them. A value.
struct NodeConfig final {
  ClusterId cluster;
  NodeId self;
  std::map<NodeId, MemberConfig> members;
  std::string name;
  std::vector<std::string> client_urls;          // as advertised
  std::vector<runtime::Address> peer_advertise;  // one per shard
  std::vector<runtime::Address> peer_listen;     // one per shard
  std::vector<runtime::Address> client_listen;   // any of them
  std::vector<runtime::Address> metrics_listen;  // any of them, or none
  bool is_new_cluster = true;
  bool names_cluster = false;  // --initial-cluster was given
  uint32_t shards = 1;
  Duration heartbeat_interval{};
  Duration election_timeout{};
  size_t request_bytes_max = 0;
  int txn_ops_max = 0;
  int64_t quota_bytes = 0;  // as typed
  uint64_t disk_reserve_bytes = 0;
  uint64_t scrub_rate = 0;     // bytes per second; 0: never
  uint64_t snapshot_rate = 0;  // bytes per second; 0: no limit
  uint32_t protocol_version_max = wire::kProtocolVersion;
  bool read_lease = false;
  uint32_t read_lease_drift_ppm = 0;
  uint32_t leader_priority = 0;
  std::optional<TlsPort> client_tls;
  std::optional<TlsPort> peer_tls;

  absl::string_view peer_scheme() const { return peer_tls ? kHttps : kHttp; }
};

// "http://10.0.0.1:2379" as "10.0.0.1:2379". INVALID_ARGUMENT says what is wrong with the URL.
absl::StatusOr<runtime::Address> ParseUrl(const std::string& url);
bool IsHttps(const std::string& url);
// Where to bind for figures, of "http://127.0.0.1:2381,..." INVALID_ARGUMENT names the flag.
absl::StatusOr<std::vector<runtime::Address>> ParseMetricsUrls(const std::string& list);

absl::StatusOr<NodeConfig> ParseNodeConfig(const NodeSettings& settings);

// All but the store, the credentials and the service, which kv_node.h and the composer add.
replica::NodeOptions ToNodeOptions(const NodeConfig& config);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_NODE_CONFIG_H_
