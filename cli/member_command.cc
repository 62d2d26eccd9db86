#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/table.h"
#include "framework/replica/member_change.h"
#include "kv/members.h"
#include "kv/proto/rpc.pb.h"

namespace lockstep::cli {
namespace {

using replica::MemberRefusal;
using Kind = replica::MemberStep::Kind;

constexpr char kFooter[] = R"(
Examples:
  lockstep member list
  lockstep member add --peer-urls=http://10.0.0.4:2380 --learner
  lockstep member add --peer-urls=http://10.0.0.4:2380 --remove b0c8771e75221d9a
  lockstep member promote 9c0748168409a7a5

IDs are hexadecimal, as `list` prints them. What is refused and why: docs/operations/membership.md.)";

struct MemberOptions final {
  ClientOptions client;
  std::string format = "simple";
  std::string id;
  std::string name;                    // of who is added; only for symmetry with etcdctl
  std::vector<std::string> peer_urls;  // one member each
  std::vector<std::string> removed;
  bool is_learner = false;
};

// What to do about a refusal.
const char* NextStep(MemberRefusal refusal) {
  switch (refusal) {
    case MemberRefusal::kPeersExist:
      return "choose other URLs, or remove the member that has them";
    case MemberRefusal::kBadPeers:
      return "give as many URLs as the other members have shards";
    case MemberRefusal::kNotFound:
      return "lockstep member list shows the members; who was removed comes back only as a new one";
    case MemberRefusal::kNotLearner:
      return "it votes, or will as soon as it has caught up";
    case MemberRefusal::kLearnerNotReady:
      return "start it, or wait until it has caught up, then try again";
    case MemberRefusal::kTooManyLearners:
      return "promote or remove another learner first";
    case MemberRefusal::kNoVoterLeft:
      return "add a voter, or promote a learner, first";
    case MemberRefusal::kUnhealthy:
      return "too few of those that would vote are alive: start them, or remove a dead one instead";
    default:
      return "nothing was changed";
  }
}

std::optional<NodeId> ParseId(const std::string& text) {
  uint64_t id = 0;
  if (!absl::SimpleHexAtoi(text, &id) || id == 0) return std::nullopt;
  return NodeId(id);
}

std::string Show(const std::vector<etcdserverpb::Member>& members, const std::string& format) {
  if (format == "json") {
    boost::json::array json;
    for (const etcdserverpb::Member& member : members) {
      boost::json::array peers(member.peerurls().begin(), member.peerurls().end());
      boost::json::array clients(member.clienturls().begin(), member.clienturls().end());
      json.push_back(boost::json::object{{"id", absl::StrCat(absl::Hex(member.id()))},
                                         {"name", member.name()},
                                         {"peer_urls", std::move(peers)},
                                         {"client_urls", std::move(clients)},
                                         {"learner", member.islearner()}});
    }
    return absl::StrCat(boost::json::serialize(json), "\n");
  }
  std::vector<std::vector<std::string>> rows;
  for (const etcdserverpb::Member& member : members) {
    rows.push_back({absl::StrCat(absl::Hex(member.id(), absl::kZeroPad16)),
                    member.name().empty() ? "unstarted" : "started", member.name(),
                    absl::StrJoin(member.peerurls(), ","), absl::StrJoin(member.clienturls(), ","),
                    member.islearner() ? "true" : "false"});
  }
  if (format == "table") {
    return FormatTable({"ID", "STATUS", "NAME", "PEER ADDRS", "CLIENT ADDRS", "IS LEARNER"}, rows);
  }
  std::string text;
  for (const auto& row : rows) absl::StrAppend(&text, absl::StrJoin(row, ", "), "\n");
  return text;
}

int Print(const std::vector<etcdserverpb::Member>& members, const std::string& format) {
  const std::string text = Show(members, format);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kExitOk;
}

int List(Fiber& fiber, Client& client, const MemberOptions& options) {
  etcdserverpb::MemberListRequest request;
  request.set_linearizable(true);
  etcdserverpb::MemberListResponse response;
  const int code = client.Call(fiber, "member list", "/etcdserverpb.Cluster/MemberList", request,
                               Client::Retry::kUntilAnswer, response);
  if (code != kExitOk) return code;
  return Print({response.members().begin(), response.members().end()}, options.format);
}

int Change(Fiber& fiber, Client& client, const std::string& what, const MemberOptions& options,
           const replica::MemberChange& change) {
  std::string answer;
  const int code =
      client.CallBytes(fiber, what, "/lockstep.Group/ChangeMembers",
                       replica::EncodeMemberChange(change), Client::Retry::kIfUnseen, &answer);
  if (code != kExitOk) return code;
  const auto refusal = replica::DecodeRefusal(std::string_view(answer).substr(0, 1));
  if (!refusal) {
    PrintError(what, "the answer is malformed");
    return kExitFailed;
  }
  if (const kv::Verdict verdict = kv::VerdictOf(*refusal); verdict != nullptr) {
    PrintError(what, absl::StrCat(absl::string_view(verdict->text.data(), verdict->text.size()),
                                  ": ", NextStep(*refusal)));
    return kExitFailed;
  }
  const auto list = replica::DecodeMemberList(std::string_view(answer).substr(1));
  std::vector<etcdserverpb::Member> members;
  if (list.ok()) {
    for (const replica::Member& member : list->members) {
      kv::FillMember(member, members.emplace_back());
    }
  }
  return Print(members, options.format);
}

// Adds a step for each text; false, and says why, if one is no id.
bool AddSteps(const std::string& what, Kind kind, const std::vector<std::string>& ids,
              replica::MemberChange& change) {
  for (const std::string& text : ids) {
    const std::optional<NodeId> id = ParseId(text);
    if (!id) {
      PrintError(what, absl::StrCat("'", text,
                                    "' is not a member's id: use what `lockstep member "
                                    "list` prints, in hexadecimal"));
      return false;
    }
    replica::Member member;
    member.id = *id;
    change.steps.push_back({kind, std::move(member)});
  }
  return true;
}

bool AddMembers(const std::string& what, Kind kind, const MemberOptions& options, NodeId id,
                replica::MemberChange& change) {
  for (const std::string& urls : options.peer_urls) {
    replica::Member member;
    member.id = id;
    member.is_learner = options.is_learner;
    if (kv::ParsePeerUrls(absl::StrSplit(urls, ','), &member.peers) != nullptr) {
      PrintError(what, absl::StrCat("--peer-urls '", urls,
                                    "' is not a list of http://HOST:PORT, one for each shard"));
      return false;
    }
    change.steps.push_back({kind, std::move(member)});
  }
  return true;
}

std::shared_ptr<MemberOptions> AddCommon(CLI::App& app) {
  auto options = std::make_shared<MemberOptions>();
  AddClientFlags(app, options->client);
  app.add_option("-w,--write-out", options->format, "simple, table or json")
      ->check(CLI::IsMember({"simple", "table", "json"}))
      ->capture_default_str();
  return options;
}

// `fill` makes the change of what was typed; false: it makes no sense.
Command MakeChange(
    CLI::App* app, std::shared_ptr<MemberOptions> options, std::string what,
    std::function<bool(const std::string&, const MemberOptions&, replica::MemberChange&)> fill) {
  return {app, [options = std::move(options), what = std::move(what), fill = std::move(fill)] {
            replica::MemberChange change;
            if (!fill(what, *options, change)) return static_cast<int>(kExitUsage);
            return RunClient(what, options->client, [&](Fiber& fiber, Client& client) {
              return Change(fiber, client, what, *options, change);
            });
          }};
}

Command AddOfOneId(CLI::App& group, const std::string& name, const std::string& help, Kind kind) {
  CLI::App* const app = group.add_subcommand(name, help);
  auto options = AddCommon(*app);
  app->add_option("ID", options->id, "The member, in hexadecimal")->required();
  return MakeChange(
      app, options, "member " + name,
      [kind](const std::string& what, const MemberOptions& typed, replica::MemberChange& change) {
        return AddSteps(what, kind, {typed.id}, change);
      });
}

Command AddAdd(CLI::App& group) {
  CLI::App* const app = group.add_subcommand("add", "Add members, or replace some in one step");
  auto options = AddCommon(*app);
  app->add_option("NAME", options->name, "Ignored: a member says its name when it starts");
  app->add_option("--peer-urls", options->peer_urls, "Of a new member; again for another one")
      ->required()
      ->allow_extra_args(false);
  app->add_flag("--learner", options->is_learner, "They do not vote until they are promoted");
  app->add_option("--remove", options->removed,
                  "Whom they replace: keeps its vote until they have caught up")
      ->allow_extra_args(false);
  return MakeChange(
      app, options, "member add",
      [](const std::string& what, const MemberOptions& typed, replica::MemberChange& change) {
        return AddMembers(what, Kind::kAdd, typed, NodeId(0), change) &&
               AddSteps(what, Kind::kRemove, typed.removed, change);
      });
}

Command AddUpdate(CLI::App& group) {
  CLI::App* const app = group.add_subcommand("update", "Say where a member is reached from now on");
  auto options = AddCommon(*app);
  app->add_option("ID", options->id, "The member, in hexadecimal")->required();
  app->add_option("--peer-urls", options->peer_urls, "Its new ones, one per shard")
      ->required()
      ->expected(1);
  return MakeChange(
      app, options, "member update",
      [](const std::string& what, const MemberOptions& typed, replica::MemberChange& change) {
        replica::MemberChange named;
        return AddSteps(what, Kind::kUpdate, {typed.id}, named) &&
               AddMembers(what, Kind::kUpdate, typed, named.steps[0].member.id, change);
      });
}

Command AddList(CLI::App& group) {
  CLI::App* const app = group.add_subcommand("list", "List the members");
  auto options = AddCommon(*app);
  return {app, [options] {
            return RunClient("member list", options->client, [&](Fiber& fiber, Client& client) {
              return List(fiber, client, *options);
            });
          }};
}

// Only the leader can hand leadership over, so each endpoint is asked until one does.
int Transfer(Fiber& fiber, Client& client, NodeId target) {
  etcdserverpb::MoveLeaderRequest request;
  request.set_targetid(target.value());
  std::string failure = "no endpoint was reached";
  for (size_t i = 0; i < client.endpoints().size(); ++i) {
    const edge::GrpcResult result =
        client.CallOne(fiber, i, "/etcdserverpb.Maintenance/MoveLeader", request);
    if (result.ok()) return kExitOk;
    failure = absl::StrCat(client.endpoints()[i], ": ", result.message);
    if (result.message != "etcdserver: not leader" &&
        result.outcome != edge::GrpcOutcome::kNeverSent) {
      break;
    }
  }
  PrintError("leader transfer", absl::StrCat(failure,
                                             " (name the endpoints of all members; the "
                                             "target must be a voter that has caught up)"));
  return kExitFailed;
}

}  // namespace

std::vector<Command> AddMember(CLI::App& root) {
  CLI::App* const group = root.add_subcommand("member", "Add, remove and list members");
  group->require_subcommand(1);
  group->footer(kFooter);
  return {
      AddList(*group),
      AddAdd(*group),
      AddUpdate(*group),
      AddOfOneId(*group, "remove", "Remove a member, for good", Kind::kRemove),
      AddOfOneId(*group, "promote", "Make a learner that has caught up a voter", Kind::kPromote),
      AddOfOneId(*group, "demote", "Make a voter a learner", Kind::kDemote)};
}

Command AddLeader(CLI::App& root) {
  CLI::App* const group = root.add_subcommand("leader", "Hand leadership over");
  group->require_subcommand(1);
  CLI::App* const app = group->add_subcommand("transfer", "Have another voter lead");
  auto options = std::make_shared<MemberOptions>();
  AddClientFlags(*app, options->client);
  app->add_option("ID", options->id, "The member that shall lead, in hexadecimal")->required();
  return {app, [options] {
            const std::optional<NodeId> target = ParseId(options->id);
            if (!target) {
              PrintError("leader transfer", absl::StrCat("'", options->id, "' is not an id"));
              return static_cast<int>(kExitUsage);
            }
            return RunClient("leader transfer", options->client, [&](Fiber& fiber, Client& client) {
              return Transfer(fiber, client, *target);
            });
          }};
}

}  // namespace lockstep::cli
