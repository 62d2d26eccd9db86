#include "cli/serve_flags.h"

#include <CLI/CLI.hpp>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "cli/config_file.h"
#include "framework/base/status_macros.h"

namespace lockstep::cli {
namespace {

constexpr char kVariablePrefix[] = "ETCD_";
constexpr char kNodeGroup[] = "Node";
constexpr char kEtcdGroup[] = "";  // not in --help: they do nothing

std::string VariableOf(const std::string& flag) {
  return kVariablePrefix + absl::AsciiStrToUpper(absl::StrReplaceAll(flag, {{"-", "_"}}));
}

// What operators pass to etcd and nothing here needs: tuning of its storage, of Go, of what comes
// with later versions of this program and does no harm while it is missing.
constexpr const char* kIgnoredValues[] = {"wal-dir",
                                          "snapshot-count",
                                          "snapshot-catchup-entries",
                                          "max-snapshots",
                                          "max-wals",
                                          "backend-bbolt-freelist-type",
                                          "backend-batch-interval",
                                          "backend-batch-limit",
                                          "max-concurrent-streams",
                                          "grpc-keepalive-min-time",
                                          "grpc-keepalive-interval",
                                          "grpc-keepalive-timeout",
                                          "listen-client-http-urls",
                                          "auto-compaction-mode",
                                          "auto-compaction-retention",
                                          "max-learners",
                                          "cors",
                                          "host-whitelist",
                                          "auth-token",
                                          "bcrypt-cost",
                                          "auth-token-ttl",
                                          "logger",
                                          "log-format",
                                          "log-outputs",
                                          "log-rotation-config-json",
                                          "log-package-levels",
                                          "metrics",
                                          "distributed-tracing-address",
                                          "distributed-tracing-service-name",
                                          "distributed-tracing-instance-id",
                                          "distributed-tracing-sampling-rate",
                                          "corrupt-check-time",
                                          "compact-hash-check-time",
                                          "compaction-batch-limit",
                                          "compaction-sleep-interval",
                                          "watch-progress-notify-interval",
                                          "warning-apply-duration",
                                          "warning-unary-request-duration",
                                          "bootstrap-defrag-threshold-megabytes",
                                          "downgrade-check-time",
                                          "feature-gates",
                                          "proxy",
                                          "experimental-corrupt-check-time",
                                          "experimental-compaction-batch-limit",
                                          "experimental-watch-progress-notify-interval",
                                          "experimental-warning-apply-duration",
                                          "experimental-enable-lease-checkpoint",
                                          "experimental-initial-corrupt-check",
                                          "experimental-compact-hash-check-enabled",
                                          "experimental-compact-hash-check-time",
                                          "tls-max-version",
                                          "self-signed-cert-validity",
                                          "max-learners-per-cluster",
                                          "initial-corrupt-check"};
constexpr const char* kIgnoredSwitches[] = {"initial-election-tick-advance",
                                            "pre-vote",
                                            "strict-reconfig-check",
                                            "enable-v2",
                                            "enable-grpc-gateway",
                                            "enable-pprof",
                                            "enable-log-rotation",
                                            "enable-distributed-tracing",
                                            "socket-reuse-port",
                                            "socket-reuse-address",
                                            "unsafe-no-fsync",
                                            "debug",
                                            "compact-hash-check-enabled",
                                            "enable-lease-checkpoint"};
// Silence would promise what is not there.
constexpr const char* kRefusedValues[] = {
    "ca-file",         "client-crl-file",     "client-cert-file",      "client-key-file",
    "peer-ca-file",    "peer-crl-file",       "peer-client-cert-file", "peer-client-key-file",
    "discovery",       "discovery-srv",       "discovery-srv-name",    "discovery-fallback",
    "discovery-proxy", "discovery-endpoints", "discovery-token"};
constexpr const char* kRefusedSwitches[] = {"auto-tls", "peer-auto-tls", "force-new-cluster"};

bool IsFalse(const std::string& value) {
  const std::string lower = absl::AsciiStrToLower(value);
  return lower.empty() || lower == "false" || lower == "0" || lower == "f" || lower == "no";
}

bool IsTrue(const std::string& value) {
  const std::string lower = absl::AsciiStrToLower(value);
  return lower == "true" || lower == "1" || lower == "t" || lower == "yes";
}

absl::Status Bad(const std::string& source, const std::string& text) {
  return absl::InvalidArgumentError(source.empty() ? text : absl::StrCat(source, ": ", text));
}

}  // namespace

ServeFlags::ServeFlags() {
  AddNodeFlags();
  AddTlsFlags();
  AddEtcdOnlyFlags();
}

void ServeFlags::AddNodeFlags() {
  kv::NodeSettings& node = settings_.node;
  flags_.push_back({"name", &node.name, false, "This member's name (default)"});
  flags_.push_back({"data-dir", &settings_.data_dir, false, "Where its data is (NAME.lockstep)"});
  flags_.push_back({"listen-client-urls", &node.listen_client_urls, false,
                    "Where clients connect (http://localhost:2379)"});
  flags_.push_back({"advertise-client-urls", &node.advertise_client_urls, false,
                    "How clients reach it (http://localhost:2379)"});
  flags_.push_back({"listen-metrics-urls", &node.listen_metrics_urls, false,
                    "Where GET /metrics and /health are answered (nowhere)"});
  flags_.push_back({"listen-peer-urls", &node.listen_peer_urls, false,
                    "Where members connect, one per shard (http://localhost:2380)"});
  flags_.push_back({"initial-advertise-peer-urls", &node.initial_advertise_peer_urls, false,
                    "How members reach it (http://localhost:2380)"});
  flags_.push_back({"initial-cluster", &node.initial_cluster, false,
                    "All members, NAME=PEER-URL,... (this one alone)"});
  flags_.push_back({"initial-cluster-state", &node.initial_cluster_state, false,
                    "new, or existing for a member that has data (new)"});
  flags_.push_back({"initial-cluster-token", &node.initial_cluster_token, false,
                    "Tells clusters with equal URLs apart (etcd-cluster)"});
  flags_.push_back(
      {"heartbeat-interval", &node.heartbeat_interval_ms, false, "Of a leader, in ms (100)"});
  flags_.push_back({"election-timeout", &node.election_timeout_ms, false,
                    "Of a follower, in ms, at most 50000 (1000)"});
  flags_.push_back(
      {"max-request-bytes", &node.max_request_bytes, false, "Of one client request (1572864)"});
  flags_.push_back(
      {"max-txn-ops", &node.max_txn_ops, false, "Of one transaction, at most 1024 (128)"});
  flags_.push_back({"quota-backend-bytes", &node.quota_backend_bytes, false,
                    "Size of the store at which puts are refused; negative: none (0: 2 GiB)"});
  flags_.push_back({"shards", &node.shards, false,
                    "Threads with a log and a store of their own; fixed for a data directory (1)"});
  flags_.push_back({"disk-reserve-bytes", &node.disk_reserve_bytes, false,
                    "With less left on its disk this node refuses puts; 0: none (67108864)"});
  flags_.push_back({"scrub-rate", &node.scrub_rate, false,
                    "Bytes per second that are read to find rot; 0: none (8388608)"});
  flags_.push_back({"snapshot-rate", &node.snapshot_rate, false,
                    "Bytes per second sent in snapshots; 0: no limit (67108864)"});
  flags_.push_back({"max-protocol-version", &node.max_protocol_version, false,
                    "Of what it says to members: as the release before did, if lower (3)"});
  flags_.push_back({"leader-priority", &node.leader_priority, false,
                    "The member with the highest one leads, if it can (0)"});
  flags_.push_back({"read-lease", &node.read_lease, true,
                    "Leaders read without asking; see docs/operations/reads.md first"});
  flags_.push_back({"read-lease-max-drift-ppm", &node.read_lease_drift_ppm, false,
                    "By how much two members' clocks differ in speed, at most (1000)"});
  flags_.push_back({"log-level", &settings_.log_level, false, "debug, info, warn or error (info)"});
  flags_.push_back({"config-file", &settings_.config_file, false,
                    "YAML with these flags as keys; flags and variables are not read then"});
  flags_.push_back({"check-config", &settings_.check_config, true,
                    "Say whether the configuration is good, and end"});
}

void ServeFlags::AddTlsFlags() {
  kv::NodeSettings& node = settings_.node;
  const auto add = [this](const std::string& prefix, kv::TlsSettings& tls, const char* whose) {
    const auto text = [&](const char* name, std::string& target, const std::string& help) {
      flags_.push_back({prefix + name, &target, false, help});
    };
    text("cert-file", tls.cert_file, absl::StrCat("PEM: certificates for the ", whose, " port"));
    text("key-file", tls.key_file, "PEM: their private key");
    text("trusted-ca-file", tls.trusted_ca_file,
         absl::StrCat("PEM: who signs certificates of ", whose, "s"));
    flags_.push_back({prefix + "client-cert-auth", &tls.client_cert_auth, true,
                      "Whoever connects has to show a certificate"});
  };
  add("", node.client_tls, "client");
  add("peer-", node.peer_tls, "peer");
  flags_.push_back({"client-cert-allowed-hostname", &node.client_tls.allowed_hostname, false,
                    "Only certificates for one of these names"});
  flags_.push_back({"peer-cert-allowed-cn", &node.peer_tls.allowed_cn, false,
                    "Only certificates with one of these common names"});
  flags_.push_back({"peer-cert-allowed-hostname", &node.peer_tls.allowed_hostname, false,
                    "Only certificates for one of these names"});
  flags_.push_back(
      {"tls-min-version", &node.tls_limits.min_version, false, "TLS1.2 or TLS1.3 (TLS1.2)"});
  flags_.push_back(
      {"cipher-suites", &node.tls_limits.cipher_suites, false, "Names of IANA (OpenSSL's choice)"});
}

void ServeFlags::AddEtcdOnlyFlags() {
  for (const char* name : kIgnoredValues) flags_.push_back({name, Effect::kNone, false, ""});
  for (const char* name : kIgnoredSwitches) flags_.push_back({name, Effect::kNone, true, ""});
  for (const char* name : kRefusedValues) flags_.push_back({name, Effect::kRefused, false, ""});
  for (const char* name : kRefusedSwitches) flags_.push_back({name, Effect::kRefused, true, ""});
}

void ServeFlags::AddTo(CLI::App& app) {
  for (Flag& flag : flags_) {
    const std::string dashed = "--" + flag.name;
    flag.option = flag.is_switch ? app.add_flag(dashed, flag.typed, flag.help)
                                 : app.add_option(dashed, flag.typed, flag.help);
    flag.option->group(std::holds_alternative<Effect>(flag.target) ? kEtcdGroup : kNodeGroup);
  }
}

ServeFlags::Flag* ServeFlags::Find(std::string_view name) {
  for (Flag& flag : flags_) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

absl::Status ServeFlags::Set(Flag& flag, const std::string& value, const std::string& source) {
  if (auto* const text = std::get_if<std::string*>(&flag.target)) {
    **text = value;
  } else if (auto* const number = std::get_if<int64_t*>(&flag.target)) {
    if (!absl::SimpleAtoi(value, *number)) {
      return Bad(source, absl::StrCat("--", flag.name, " '", value, "' is not a number"));
    }
  } else if (auto* const fact = std::get_if<bool*>(&flag.target)) {
    if (!IsTrue(value) && !IsFalse(value)) {
      return Bad(source, absl::StrCat("--", flag.name, " '", value, "' is not true or false"));
    }
    **fact = IsTrue(value);
  } else if (std::get<Effect>(flag.target) == Effect::kNone) {
    settings_.ignored.push_back("--" + flag.name);
  } else if (!IsFalse(value) && value != "exit") {  // "exit" is the default of discovery-fallback
    return Bad(source, absl::StrCat("--", flag.name,
                                    " is not supported: leave it out (lists of revoked "
                                    "certificates, certificates made up at the start, discovery "
                                    "and forced new clusters are not there)"));
  }
  return absl::OkStatus();
}

absl::Status ServeFlags::ReadEnvironment(const std::vector<std::string>& environment) {
  for (const std::string& entry : environment) {
    const size_t equals = entry.find('=');
    if (!absl::StartsWith(entry, kVariablePrefix) || equals == std::string::npos) continue;
    const std::string variable = entry.substr(0, equals);
    Flag* named = nullptr;
    for (Flag& flag : flags_) {
      if (VariableOf(flag.name) == variable) named = &flag;
    }
    if (named == nullptr) {
      settings_.ignored.push_back(variable);
    } else if (named->option->count() == 0) {
      RETURN_IF_ERROR(Set(*named, entry.substr(equals + 1), variable));
    }
  }
  return absl::OkStatus();
}

absl::Status ServeFlags::ReadConfigFile() {
  ASSIGN_OR_RETURN(const std::vector<FlagValue> values, ReadConfig(settings_.config_file));
  std::set<std::string> seen;
  for (const FlagValue& value : values) {
    Flag* flag = Find(value.name);
    if (flag == nullptr || flag->name == "config-file") {
      return Bad(value.source, absl::StrCat("unknown key '", value.name,
                                            "': keys are the names of flags, see "
                                            "lockstep serve --help"));
    }
    if (!seen.insert(value.name).second) {
      return Bad(value.source, absl::StrCat("'", value.name, "' is set twice"));
    }
    RETURN_IF_ERROR(Set(*flag, value.value, value.source));
  }
  return absl::OkStatus();
}

absl::Status ServeFlags::Resolve(const std::vector<std::string>& environment) {
  Flag* const file = Find("config-file");
  Flag* const check = Find("check-config");
  if (check->option->count() > 0) RETURN_IF_ERROR(Set(*check, check->typed, ""));
  if (file->option->count() > 0) settings_.config_file = file->typed;
  for (const std::string& entry : environment) {
    const std::string prefix = VariableOf("config-file") + "=";
    if (settings_.config_file.empty() && absl::StartsWith(entry, prefix)) {
      settings_.config_file = entry.substr(prefix.size());
    }
  }
  if (!settings_.config_file.empty()) {
    for (const Flag& flag : flags_) {
      if (flag.option->count() > 0 && &flag != file && &flag != check) {
        settings_.ignored.push_back("--" + flag.name + " (there is a --config-file)");
      }
    }
    return ReadConfigFile();
  }
  RETURN_IF_ERROR(ReadEnvironment(environment));
  for (Flag& flag : flags_) {
    if (flag.option->count() > 0) RETURN_IF_ERROR(Set(flag, flag.typed, ""));
  }
  return absl::OkStatus();
}

void AcceptSingleDashes(std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front() != "serve") return;
  for (std::string& argument : arguments) {
    const bool is_single = argument.size() > 2 && argument[0] == '-' && argument[1] != '-';
    if (is_single && absl::ascii_isalpha(static_cast<unsigned char>(argument[1]))) {
      argument.insert(0, "-");
    }
  }
}

}  // namespace lockstep::cli
