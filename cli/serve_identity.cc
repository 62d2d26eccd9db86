#include "cli/serve_identity.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/command_loop.h"
#include "cli/tls_files.h"
#include "disk/text_file.h"
#include "framework/base/status_macros.h"
#include "framework/edge/tls_network.h"
#include "framework/fiber/scheduler.h"
#include "framework/replica/identity.h"
#include "framework/replica/join.h"

namespace lockstep::cli {
namespace {

constexpr Duration kJoinTimeout = Seconds(10);

// Nothing is claimed: nothing.
absl::StatusOr<std::optional<replica::Identity>> ReadIdentity(const std::string& data_dir) {
  absl::Status failure;
  for (const char* name : {"IDENTITY", "IDENTITY.copy"}) {
    const auto text = disk::ReadTextFileBlocking(
        absl::StrCat(data_dir, "/", replica::ShardPath(ShardId(0)), "/", name));
    if (absl::IsNotFound(text.status()) && failure.ok()) return std::nullopt;
    replica::Identity identity;
    const absl::Status decoded =
        text.ok() ? replica::DecodeIdentity(*text, &identity) : text.status();
    if (decoded.ok()) return identity;
    if (failure.ok()) failure = decoded;
  }
  return failure;
}

void SetMembers(const std::vector<replica::Member>& members, kv::NodeConfig& config) {
  config.members.clear();
  for (const replica::Member& member : members) {
    kv::MemberConfig one;
    one.name = member.name;
    for (const auto& address : member.peers) {
      one.peer_urls.push_back(absl::StrCat(config.peer_scheme(), address));
    }
    config.members[member.id] = std::move(one);
  }
}

bool Contains(const std::vector<replica::Member>& members, NodeId id) {
  return std::any_of(members.begin(), members.end(),
                     [id](const replica::Member& member) { return member.id == id; });
}

void Resume(const replica::Identity& identity, kv::NodeConfig& config) {
  const bool is_initial = Contains(identity.initial, identity.node);
  // Version 2 remembered no members, and its flags had to stay what they were.
  if (identity.initial.empty()) return;
  if (is_initial && config.is_new_cluster && config.names_cluster) return;
  config.cluster = identity.cluster;
  config.self = identity.node;
  SetMembers(identity.initial, config);
}

// The member that is reached where this node is, by whatever order of its shards.
const replica::Member* FindSelf(const replica::MemberList& list, const kv::NodeConfig& config) {
  for (const replica::Member& member : list.members) {
    if (member.peers == config.peer_advertise) return &member;
  }
  return nullptr;
}

absl::Status CheckJoins(const replica::JoinInfo& info, const kv::NodeConfig& config) {
  const std::string urls =
      absl::StrCat(config.peer_scheme(),
                   absl::StrJoin(config.peer_advertise, absl::StrCat(",", config.peer_scheme())));
  const replica::Member* self = FindSelf(info.list, config);
  if (self == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "error validating peerURLs: the running cluster has no member with "
        "--initial-advertise-peer-urls ",
        urls, ": add it first (lockstep member add NAME --peer-urls=", urls,
        ", or etcdctl member add), and check that --initial-cluster names the right cluster"));
  }
  if (!self->directories.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "member ", absl::Hex(self->id.value()), " at ", urls,
        " has already been started with another data directory: start it with that one, or "
        "remove it (lockstep member remove ",
        absl::Hex(self->id.value()), ") and add it again"));
  }
  return absl::OkStatus();
}

// Leaves `tls` empty if peers talk in the clear.
absl::Status OpenTls(Fiber& fiber, const edge::TlsDevices& devices, const kv::NodeConfig& config,
                     std::unique_ptr<edge::TlsNetwork>& tls) {
  if (!config.peer_tls) return absl::OkStatus();
  edge::TlsOptions options;
  options.policy = config.peer_tls->policy;
  options.load = [port = *config.peer_tls](Fiber&) {
    return ReadCredentialsBlocking(port.certificate_file, port.key_file, port.trusted_file);
  };
  ASSIGN_OR_RETURN(tls, edge::TlsNetwork::Open(fiber, devices, std::move(options)));
  return absl::OkStatus();
}

absl::StatusOr<replica::JoinInfo> Ask(const kv::NodeConfig& config) {
  std::vector<runtime::Address> others;
  for (const auto& [id, member] : config.members) {
    const auto address = kv::ParseUrl(member.peer_urls.front());
    if (id != config.self && address.ok()) others.push_back(*address);
  }
  if (others.empty()) {
    return absl::InvalidArgumentError(
        "--initial-cluster-state existing, but --initial-cluster names nobody else: name the "
        "members of the running cluster, too");
  }
  CommandLoop loop(runtime::TraceLevel::kInfo, config.self);
  std::unique_ptr<edge::TlsNetwork> tls;
  absl::StatusOr<replica::JoinInfo> info;
  loop.Run("join", [&](Fiber& fiber) {
    const absl::Status opened = OpenTls(fiber, loop.devices(), config, tls);
    if (!opened.ok()) {
      info = opened;
      return;
    }
    runtime::Network& plain = loop.devices().network;
    const auto is_good = [&](const replica::JoinInfo& said) { return CheckJoins(said, config); };
    info = replica::AskToJoin(fiber, tls != nullptr ? *tls : plain, others, is_good,
                              fiber.now() + kJoinTimeout);
  });
  if (absl::IsUnavailable(info.status())) {
    return absl::UnavailableError(absl::StrCat(
        "cannot fetch cluster info from peer urls: could not retrieve cluster information from "
        "the given URLs (",
        info.status().message(), "): start a member that has data first"));
  }
  return info;
}

}  // namespace

absl::Status SettleIdentity(const std::string& data_dir, kv::NodeConfig& config) {
  ASSIGN_OR_RETURN(const std::optional<replica::Identity> identity, ReadIdentity(data_dir));
  if (identity) {
    Resume(*identity, config);
    return absl::OkStatus();
  }
  if (config.is_new_cluster) return absl::OkStatus();
  ASSIGN_OR_RETURN(const replica::JoinInfo info, Ask(config));
  config.cluster = info.cluster;
  config.self = FindSelf(info.list, config)->id;
  SetMembers(info.list.initial, config);
  return absl::OkStatus();
}

}  // namespace lockstep::cli
