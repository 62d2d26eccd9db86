#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/table.h"
#include "framework/fiber/sync.h"
#include "kv/proto/rpc.pb.h"

namespace lockstep::cli {
namespace {

constexpr char kFooter[] = R"(
Examples:
  lockstep status
  lockstep status --endpoints 10.0.0.1:2379,10.0.0.2:2379 -w json
  until lockstep status --quiet; do sleep 1; done

Exit status: 0 every endpoint answered and knows a leader; 1 one did not, or knows none; 2 the
command line makes no sense; 3 no endpoint answered.)";

struct StatusOptions final {
  ClientOptions client;
  std::string format = "table";
  bool is_quiet = false;
};

struct EndpointStatus final {
  std::string endpoint;
  std::string failure;  // "": it answered
  etcdserverpb::StatusResponse status;
};

void Ask(Fiber& fiber, Client& client, size_t endpoint, EndpointStatus& one) {
  const edge::GrpcResult result = client.CallOne(
      fiber, endpoint, "/etcdserverpb.Maintenance/Status", etcdserverpb::StatusRequest());
  if (!result.ok()) {
    one.failure = result.message.empty() ? "no answer" : result.message;
  } else if (!one.status.ParseFromString(result.response)) {
    one.failure = "the answer is malformed";
  }
}

// All at once: one that hangs does not hide the others.
std::vector<EndpointStatus> AskAll(Fiber& fiber, Client& client) {
  std::vector<EndpointStatus> all(client.endpoints().size());
  size_t open = all.size();
  fiber::Event done;
  fiber::Scope scope(client.scheduler());
  for (size_t i = 0; i < all.size(); ++i) {
    all[i].endpoint = client.endpoints()[i];
    scope.Spawn("status", [&, i](Fiber& asking) {
      Ask(asking, client, i, all[i]);
      if (--open == 0) done.Set();
    });
  }
  done.Wait(fiber);
  return all;
}

std::string AsTable(const std::vector<EndpointStatus>& all) {
  std::vector<std::vector<std::string>> rows;
  for (const EndpointStatus& one : all) {
    if (!one.failure.empty()) continue;
    const etcdserverpb::StatusResponse& status = one.status;
    const bool is_leader = status.leader() == status.header().member_id();
    rows.push_back({one.endpoint, absl::StrCat(absl::Hex(status.header().member_id())),
                    status.version(), FormatBytes(status.dbsize()), is_leader ? "true" : "false",
                    absl::StrCat(absl::Hex(status.leader())), absl::StrCat(status.raftterm()),
                    absl::StrCat(status.raftindex()), absl::StrCat(status.raftappliedindex())});
  }
  return FormatTable({"ENDPOINT", "ID", "VERSION", "DB SIZE", "IS LEADER", "LEADER", "RAFT TERM",
                      "RAFT INDEX", "APPLIED INDEX"},
                     rows);
}

// What every node says of itself besides: alarms, and what its disk has done.
std::string ErrorLines(const std::vector<EndpointStatus>& all) {
  std::string lines;
  for (const EndpointStatus& one : all) {
    for (const std::string& error : one.status.errors()) {
      absl::StrAppend(&lines, one.endpoint, ": ", error, "\n");
    }
  }
  return lines;
}

std::string AsJson(const std::vector<EndpointStatus>& all) {
  boost::json::array json;
  for (const EndpointStatus& one : all) {
    boost::json::object line{{"endpoint", one.endpoint}};
    if (!one.failure.empty()) {
      line["error"] = one.failure;
    } else {
      const etcdserverpb::StatusResponse& status = one.status;
      line["cluster_id"] = status.header().cluster_id();
      line["member_id"] = status.header().member_id();
      line["version"] = status.version();
      line["db_size"] = status.dbsize();
      line["leader"] = status.leader();
      line["raft_term"] = status.raftterm();
      line["raft_index"] = status.raftindex();
      line["raft_applied_index"] = status.raftappliedindex();
      line["revision"] = status.header().revision();
      boost::json::array errors;
      for (const std::string& error : status.errors()) errors.emplace_back(error);
      line["errors"] = std::move(errors);
    }
    json.push_back(std::move(line));
  }
  return absl::StrCat(boost::json::serialize(json), "\n");
}

int Report(const StatusOptions& options, const std::vector<EndpointStatus>& all) {
  size_t answered = 0;
  size_t led = 0;
  for (const EndpointStatus& one : all) {
    if (one.failure.empty()) ++answered;
    if (one.failure.empty() && one.status.leader() != 0) ++led;
  }
  if (!options.is_quiet) {
    const std::string text =
        options.format == "json" ? AsJson(all) : absl::StrCat(AsTable(all), ErrorLines(all));
    std::fwrite(text.data(), 1, text.size(), stdout);
    for (const EndpointStatus& one : all) {
      if (!one.failure.empty()) {
        PrintError("status", absl::StrCat(one.endpoint, ": ", one.failure));
      } else if (one.status.leader() == 0) {
        PrintError("status", absl::StrCat(one.endpoint, ": it knows no leader"));
      }
    }
  }
  if (answered == 0) return kExitUnreachable;
  return led == all.size() ? kExitOk : kExitFailed;
}

}  // namespace

Command AddStatus(CLI::App& root) {
  CLI::App* const app = root.add_subcommand("status", "Say how the nodes are, one line each");
  auto options = std::make_shared<StatusOptions>();
  AddClientFlags(*app, options->client);
  app->add_option("-w,--write-out", options->format, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app->add_flag("-q,--quiet", options->is_quiet, "No output, only the exit status");
  app->footer(kFooter);
  return {app, [options] {
            return RunClient("status", options->client, [&](Fiber& fiber, Client& client) {
              return Report(*options, AskAll(fiber, client));
            });
          }};
}

}  // namespace lockstep::cli
