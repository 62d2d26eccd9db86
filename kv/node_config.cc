#include "kv/node_config.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "framework/base/check.h"
#include "framework/base/checksum.h"
#include "framework/base/status_macros.h"
#include "kv/request_checks.h"

namespace lockstep::kv {
namespace {

constexpr Duration kTick = Milliseconds(10);
constexpr int64_t kTickMs = 10;
constexpr int64_t kElectionTimeoutMsMax = 50'000;
constexpr int64_t kShardsMax = 64;
constexpr char kPeerUrl[] = "http://localhost:2380";
constexpr char kClientUrl[] = "http://localhost:2379";

using Urls = std::vector<std::string>;

absl::Status Invalid(const std::string& text) { return absl::InvalidArgumentError(text); }

Urls Split(const std::string& list, const char* if_empty) {
  Urls urls;
  for (auto part : absl::StrSplit(list.empty() ? std::string(if_empty) : list, ',')) {
    urls.emplace_back(absl::StripAsciiWhitespace(part));
  }
  return urls;
}

// The addresses of a flag's URLs, in their order.
absl::StatusOr<std::vector<runtime::Address>> AddressesOf(const char* flag, const Urls& urls) {
  std::vector<runtime::Address> addresses;
  std::set<std::string> seen;
  for (const std::string& url : urls) {
    const auto address = ParseUrl(url);
    if (!address.ok()) return Invalid(absl::StrCat(flag, ": ", address.status().message()));
    if (!seen.insert(*address).second) {
      return Invalid(absl::StrCat(flag, ": ", url, " is named twice; name it once"));
    }
    addresses.push_back(*address);
  }
  return addresses;
}

bool IsLiteralHost(absl::string_view host) {
  if (absl::StartsWith(host, "[")) return true;
  const std::vector<absl::string_view> parts = absl::StrSplit(host, '.');
  return parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](absl::string_view part) {
           int number = 0;
           return absl::SimpleAtoi(part, &number) && number >= 0 && number <= 255;
         });
}

// Where to bind: as etcd, no names but "localhost", so that a typing error is found at once.
absl::StatusOr<std::vector<runtime::Address>> ListenAddressesOf(const char* flag,
                                                                const Urls& urls) {
  ASSIGN_OR_RETURN(std::vector<runtime::Address> addresses, AddressesOf(flag, urls));
  for (size_t i = 0; i < addresses.size(); ++i) {
    const size_t colon = addresses[i].rfind(':');
    const std::string host = addresses[i].substr(0, colon);
    if (host == "localhost") {
      addresses[i] = absl::StrCat("127.0.0.1", addresses[i].substr(colon));
    } else if (!host.empty() && !IsLiteralHost(host)) {
      return Invalid(absl::StrCat(flag, ": expected IP in URL for binding (", urls[i],
                                  "): use an address of this machine, or 0.0.0.0 for all"));
    }
  }
  return addresses;
}

struct InitialMember final {
  std::string name;
  Urls urls;
};

absl::StatusOr<std::vector<InitialMember>> ParseInitialCluster(const std::string& text) {
  std::map<std::string, Urls> by_name;
  std::map<std::string, std::string> owner;
  for (const std::string& part : Split(text, "")) {
    const size_t equals = part.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Invalid(absl::StrCat("--initial-cluster: '", part,
                                  "' is not NAME=URL; give a comma separated list of them"));
    }
    const std::string name = part.substr(0, equals);
    const std::string url = part.substr(equals + 1);
    const auto address = ParseUrl(url);
    if (!address.ok()) {
      return Invalid(absl::StrCat("--initial-cluster: ", name, ": ", address.status().message()));
    }
    const auto [at, is_new] = owner.emplace(*address, name);
    if (!is_new) {
      return Invalid(absl::StrCat("--initial-cluster: ", url, " is given to ", at->second, " and ",
                                  name, "; every peer URL belongs to one member"));
    }
    by_name[name].push_back(url);
  }
  std::vector<InitialMember> members;
  for (auto& [name, urls] : by_name) members.push_back({name, std::move(urls)});
  return members;
}

// A member is its peer URLs and its cluster's token, whatever its name.
NodeId MemberId(Urls urls, const std::string& token) {
  std::sort(urls.begin(), urls.end());
  const uint64_t id = base::Checksum64(absl::StrJoin(urls, ","), base::Checksum64(token));
  return NodeId(id == 0 ? 1 : id);
}

ClusterId IdOfCluster(const std::map<NodeId, MemberConfig>& members, const std::string& token) {
  std::string ids;
  for (const auto& [id, member] : members) absl::StrAppend(&ids, id.value(), ",");
  const uint64_t id = base::Checksum64(ids, base::Checksum64(token));
  return ClusterId(id == 0 ? 1 : id);
}

// In `from` and not in `in`, each with `prefix`.
std::string MissingOf(const Urls& from, const Urls& in, const std::string& prefix) {
  Urls missing;
  for (const std::string& url : from) {
    if (std::find(in.begin(), in.end(), url) == in.end()) missing.push_back(prefix + url);
  }
  return absl::StrJoin(missing, ",");
}

// etcd's rule: the advertised peer URLs are exactly the ones that the cluster knows.
absl::Status CheckAdvertised(const NodeSettings& settings, const InitialMember& self,
                             const Urls& advertised) {
  if (const std::string missing = MissingOf(self.urls, advertised, settings.name + "=");
      !missing.empty()) {
    return Invalid(absl::StrCat("--initial-cluster has ", missing,
                                " but missing from --initial-advertise-peer-urls=",
                                absl::StrJoin(advertised, ","), ": make the two agree"));
  }
  if (const std::string missing = MissingOf(advertised, self.urls, ""); !missing.empty()) {
    return Invalid(absl::StrCat("--initial-advertise-peer-urls has ", missing,
                                " but missing from --initial-cluster=", settings.name, "=",
                                absl::StrJoin(self.urls, absl::StrCat(",", settings.name, "=")),
                                ": make the two agree"));
  }
  return absl::OkStatus();
}

absl::Status CheckTimes(const NodeSettings& settings) {
  const int64_t heartbeat = settings.heartbeat_interval_ms;
  const int64_t election = settings.election_timeout_ms;
  if (heartbeat < kTickMs) {
    return Invalid(absl::StrCat("--heartbeat-interval[", heartbeat, "ms] should be at least ",
                                kTickMs, "ms: choose about a round trip between members"));
  }
  if (election > kElectionTimeoutMsMax) {
    return Invalid(absl::StrCat("--election-timeout[", election,
                                "ms] is too long, and should be set less than ",
                                kElectionTimeoutMsMax, "ms"));
  }
  if (heartbeat > election / 5) {
    return Invalid(absl::StrCat("--election-timeout[", election,
                                "ms] should be at least as 5 times as --heartbeat-interval[",
                                heartbeat, "ms]: raise the one or lower the other"));
  }
  return absl::OkStatus();
}

// Half as fast again; worse clocks are broken.
constexpr int64_t kLeaseDriftPpmMax = 500'000;
constexpr int64_t kPriorityMax = 1'000'000;

absl::Status CheckLimits(const NodeSettings& settings) {
  const int64_t bytes_max = limits::kRequestBytesMax;
  if (settings.max_request_bytes < 1 || settings.max_request_bytes > bytes_max) {
    return Invalid(absl::StrCat("--max-request-bytes ", settings.max_request_bytes,
                                " is not between 1 and ", bytes_max));
  }
  if (settings.max_txn_ops < 1 || settings.max_txn_ops > kTxnOpsCeiling) {
    return Invalid(absl::StrCat("--max-txn-ops ", settings.max_txn_ops, " is not between 1 and ",
                                kTxnOpsCeiling));
  }
  if (settings.scrub_rate < 0) {
    return Invalid(absl::StrCat("--scrub-rate ", settings.scrub_rate,
                                " is negative: use bytes per second, or 0 for none"));
  }
  if (settings.disk_reserve_bytes < 0) {
    return Invalid(absl::StrCat("--disk-reserve-bytes ", settings.disk_reserve_bytes,
                                " is negative: use a number of bytes, or 0 for none"));
  }
  const int64_t version = settings.max_protocol_version;
  if (version < wire::kProtocolVersionMin || version > wire::kProtocolVersion) {
    return Invalid(absl::StrCat("--max-protocol-version ", version, " is not between ",
                                wire::kProtocolVersionMin, " and ", wire::kProtocolVersion,
                                ", which this program speaks"));
  }
  if (settings.snapshot_rate < 0) {
    return Invalid(absl::StrCat("--snapshot-rate ", settings.snapshot_rate,
                                " is negative: use bytes per second, or 0 for no limit"));
  }
  if (settings.shards < 1 || settings.shards > kShardsMax) {
    return Invalid(absl::StrCat("--shards ", settings.shards, " is not between 1 and ", kShardsMax,
                                ": use 1, or one per core that the node may use"));
  }
  if (settings.read_lease_drift_ppm < 0 || settings.read_lease_drift_ppm > kLeaseDriftPpmMax) {
    return Invalid(absl::StrCat("--read-lease-max-drift-ppm ", settings.read_lease_drift_ppm,
                                " is not between 0 and ", kLeaseDriftPpmMax));
  }
  if (settings.leader_priority < 0 || settings.leader_priority > kPriorityMax) {
    return Invalid(absl::StrCat("--leader-priority ", settings.leader_priority,
                                " is not between 0 and ", kPriorityMax));
  }
  return absl::OkStatus();
}

absl::Status CheckNames(const NodeSettings& settings) {
  if (settings.name.empty()) return Invalid("--name is empty: give this member a name");
  if (settings.name.find_first_of("=,") != std::string::npos) {
    return Invalid(absl::StrCat("--name '", settings.name,
                                "' must not contain '=' or ',', which --initial-cluster needs"));
  }
  if (settings.initial_cluster_state != "new" && settings.initial_cluster_state != "existing") {
    return Invalid(absl::StrCat("--initial-cluster-state '", settings.initial_cluster_state,
                                "' is unknown: use new or existing"));
  }
  if (!settings.listen_client_urls.empty() && settings.advertise_client_urls.empty()) {
    return Invalid(
        "--advertise-client-urls is required when --listen-client-urls is set "
        "explicitly: name the URLs by which clients reach this member");
  }
  return absl::OkStatus();
}

absl::Status AddMembers(const NodeSettings& settings, const std::vector<InitialMember>& initial,
                        NodeConfig& config) {
  const Urls advertised = Split(settings.initial_advertise_peer_urls, kPeerUrl);
  ASSIGN_OR_RETURN(config.peer_advertise, AddressesOf("--initial-advertise-peer-urls", advertised));
  for (const InitialMember& member : initial) {
    if (member.urls.size() != config.shards) {
      return Invalid(absl::StrCat("--initial-cluster: ", member.name, " has ", member.urls.size(),
                                  " peer URL(s), but with --shards ", config.shards,
                                  " every member needs ", config.shards));
    }
    const NodeId id = MemberId(member.urls, settings.initial_cluster_token);
    const bool is_new = config.members.emplace(id, MemberConfig{member.name, member.urls}).second;
    CHECK(is_new) << "two members with the id " << id.value();
    if (member.name != settings.name) continue;
    RETURN_IF_ERROR(CheckAdvertised(settings, member, advertised));
    config.self = id;
  }
  if (config.self == NodeId()) {
    return Invalid(absl::StrCat("couldn't find local name \"", settings.name,
                                "\" in the initial cluster configuration: --initial-cluster must "
                                "have ",
                                settings.name, "=URL, or choose another --name"));
  }
  config.cluster = IdOfCluster(config.members, settings.initial_cluster_token);
  return absl::OkStatus();
}

// Whether the URLs of a port, of all flags together, are https.
absl::StatusOr<bool> SchemeOf(absl::string_view port, const Urls& urls) {
  const bool is_https = IsHttps(urls.front());
  for (const std::string& url : urls) {
    if (IsHttps(url) == is_https) continue;
    return Invalid(absl::StrCat(port, " URLs are partly http and partly https (", urls.front(),
                                ", ", url, "): use one of them for all"));
  }
  return is_https;
}

absl::Status AddTls(const NodeSettings& settings, NodeConfig& config) {
  Urls clients = Split(settings.listen_client_urls, kClientUrl);
  ASSIGN_OR_RETURN(const bool client_https, SchemeOf("client", clients));
  Urls peers = Split(settings.listen_peer_urls, kPeerUrl);
  for (const auto& [id, member] : config.members) {
    peers.insert(peers.end(), member.peer_urls.begin(), member.peer_urls.end());
  }
  ASSIGN_OR_RETURN(const bool peer_https, SchemeOf("peer", peers));
  ASSIGN_OR_RETURN(config.client_tls,
                   ParseTlsPort("", client_https, settings.client_tls, settings.tls_limits));
  ASSIGN_OR_RETURN(config.peer_tls,
                   ParseTlsPort("peer-", peer_https, settings.peer_tls, settings.tls_limits));
  return absl::OkStatus();
}

}  // namespace

bool IsHttps(const std::string& url) { return absl::StartsWith(url, kHttps); }

absl::StatusOr<runtime::Address> ParseUrl(const std::string& url) {
  const absl::string_view scheme = IsHttps(url) ? kHttps : kHttp;
  if (!absl::StartsWith(url, scheme)) {
    return Invalid(
        absl::StrCat("URL scheme must be http or https: '", url, "'; write http://HOST:PORT"));
  }
  const std::string address = url.substr(scheme.size());
  if (address.find_first_of("/?#@ ") != std::string::npos) {
    return Invalid(
        absl::StrCat("URL must not contain a path: '", url, "'; write http://HOST:PORT"));
  }
  const size_t colon = address.rfind(':');
  int port = 0;
  const bool has_port = colon != std::string::npos &&
                        absl::SimpleAtoi(address.substr(colon + 1), &port) && port >= 1 &&
                        port <= 65'535;
  const std::string host = has_port ? address.substr(0, colon) : "";
  const bool is_bracketed = absl::StartsWith(host, "[") && absl::EndsWith(host, "]");
  const bool has_colon = host.find(':') != std::string::npos;
  if (!has_port || has_colon != is_bracketed) {
    return Invalid(absl::StrCat("URL address does not have the form \"host:port\": '", url,
                                "'; write http://HOST:PORT, or http://[IPV6]:PORT"));
  }
  return address;
}

absl::StatusOr<std::vector<runtime::Address>> ParseMetricsUrls(const std::string& list) {
  const Urls urls = Split(list, "");
  ASSIGN_OR_RETURN(auto addresses, ListenAddressesOf("--listen-metrics-urls", urls));
  for (const std::string& url : urls) {
    if (!IsHttps(url)) continue;
    return Invalid(absl::StrCat("--listen-metrics-urls: ", url,
                                ": figures are served in the clear: use http and an address "
                                "that only those reach who may read them"));
  }
  return addresses;
}

absl::StatusOr<NodeConfig> ParseNodeConfig(const NodeSettings& settings) {
  RETURN_IF_ERROR(CheckNames(settings));
  RETURN_IF_ERROR(CheckTimes(settings));
  RETURN_IF_ERROR(CheckLimits(settings));
  NodeConfig config;
  config.shards = static_cast<uint32_t>(settings.shards);
  config.name = settings.name;
  config.is_new_cluster = settings.initial_cluster_state == "new";
  config.names_cluster = !settings.initial_cluster.empty();
  config.heartbeat_interval = Milliseconds(settings.heartbeat_interval_ms);
  config.election_timeout = Milliseconds(settings.election_timeout_ms);
  config.request_bytes_max = static_cast<size_t>(settings.max_request_bytes);
  config.txn_ops_max = static_cast<int>(settings.max_txn_ops);
  config.quota_bytes = settings.quota_backend_bytes;
  config.protocol_version_max = static_cast<uint32_t>(settings.max_protocol_version);
  config.snapshot_rate = static_cast<uint64_t>(settings.snapshot_rate);
  config.disk_reserve_bytes = static_cast<uint64_t>(settings.disk_reserve_bytes);
  config.scrub_rate = static_cast<uint64_t>(settings.scrub_rate);
  config.read_lease = settings.read_lease;
  config.read_lease_drift_ppm = static_cast<uint32_t>(settings.read_lease_drift_ppm);
  config.leader_priority = static_cast<uint32_t>(settings.leader_priority);

  std::string initial = settings.initial_cluster;
  if (initial.empty()) {
    const std::string separator = absl::StrCat(",", settings.name, "=");
    initial = absl::StrCat(
        settings.name, "=",
        absl::StrJoin(Split(settings.initial_advertise_peer_urls, kPeerUrl), separator));
  }
  ASSIGN_OR_RETURN(const std::vector<InitialMember> members, ParseInitialCluster(initial));
  RETURN_IF_ERROR(AddMembers(settings, members, config));

  const Urls client_urls = Split(settings.advertise_client_urls, kClientUrl);
  RETURN_IF_ERROR(AddressesOf("--advertise-client-urls", client_urls).status());
  config.client_urls = client_urls;
  ASSIGN_OR_RETURN(
      config.client_listen,
      ListenAddressesOf("--listen-client-urls", Split(settings.listen_client_urls, kClientUrl)));
  ASSIGN_OR_RETURN(
      config.peer_listen,
      ListenAddressesOf("--listen-peer-urls", Split(settings.listen_peer_urls, kPeerUrl)));
  if (!settings.listen_metrics_urls.empty()) {
    ASSIGN_OR_RETURN(config.metrics_listen, ParseMetricsUrls(settings.listen_metrics_urls));
  }
  RETURN_IF_ERROR(AddTls(settings, config));
  if (config.peer_listen.size() != config.shards) {
    return Invalid(absl::StrCat("--listen-peer-urls has ", config.peer_listen.size(),
                                " URL(s), but --shards is ", config.shards,
                                ": give one for each shard"));
  }
  return config;
}

replica::NodeOptions ToNodeOptions(const NodeConfig& config) {
  replica::NodeOptions options;
  options.cluster = config.cluster;
  options.client_listen = config.client_listen;
  options.metrics_listen = config.metrics_listen;
  for (const auto& [id, member] : config.members) {
    for (const std::string& url : member.peer_urls) {
      const auto address = ParseUrl(url);
      CHECK(address.ok()) << url;
      options.members[id].push_back(*address);
    }
    options.names[id] = member.name;
  }
  // What others dial may be another name of what this node binds.
  if (!options.members.contains(config.self)) options.peer_advertise = config.peer_advertise;
  options.peer_listen = config.peer_listen;
  options.name = config.name;
  options.client_urls = config.client_urls;
  options.protocol_version_max = config.protocol_version_max;
  options.snapshots.bytes_per_second = config.snapshot_rate;
  options.scrub.bytes_per_second = config.scrub_rate;
  options.tick = kTick;
  options.raft.heartbeat_ticks = static_cast<raft::Ticks>(config.heartbeat_interval / kTick);
  options.raft.election_ticks = static_cast<raft::Ticks>(config.election_timeout / kTick);
  // Longer than a running leader keeps silent.
  options.raft.first_election_ticks = options.raft.heartbeat_ticks + 5;
  options.raft.priority = config.leader_priority;
  if (config.read_lease) {
    options.raft.lease_ns = config.election_timeout.count();
    options.raft.lease_drift_ppm = config.read_lease_drift_ppm;
  }
  // Long enough that two followers seldom collide, short against an election timeout.
  options.raft.lost_leader_ticks = std::clamp<raft::Ticks>(options.raft.election_ticks / 10, 2, 10);
  return options;
}

}  // namespace lockstep::kv
