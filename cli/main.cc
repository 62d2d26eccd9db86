// lockstep: serves a node, talks to one, runs the simulator, judges histories.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/serve_flags.h"

namespace lockstep::cli {

namespace {

constexpr char kFooter[] = R"(
Examples:
  lockstep serve --name n1 --data-dir /var/lib/lockstep/n1
  lockstep kv put greeting hello
  lockstep status --endpoints 10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379
  lockstep sim --seeds 200
  lockstep check history.jsonl
  lockstep docs find data/memory facts '{"$text": {"$search": "green tea"}}'

Exit status: 0 done; 1 tried without success (standard error says why); 2 the command line makes no
sense; 3 no endpoint can be reached; 4 a check reached its limits.)";

int Main(std::vector<std::string> arguments, const std::vector<std::string>& environment) {
  CLI::App app("A replicated key-value store that speaks etcd's v3 API.", "lockstep");
  app.footer(kFooter);
  app.require_subcommand(1);
  std::vector<Command> commands = AddKv(app);
  commands.push_back(AddServe(app, environment));
  commands.push_back(AddStatus(app));
  commands.push_back(AddInspect(app));
  for (Command& command : AddMember(app)) commands.push_back(std::move(command));
  commands.push_back(AddLeader(app));
  commands.push_back(AddUpgrade(app));
  commands.push_back(AddSim(app));
  commands.push_back(AddCheck(app));
  for (Command& command : AddCert(app)) commands.push_back(std::move(command));
  for (Command& command : AddDocs(app)) commands.push_back(std::move(command));
  commands.push_back(AddVersion(app));
  AcceptSingleDashes(arguments);
  try {
    std::reverse(arguments.begin(), arguments.end());
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  for (const Command& command : commands) {
    if (command.app->parsed()) return command.run();
  }
  return kExitUsage;
}

}  // namespace
}  // namespace lockstep::cli

int main(int argc, char** argv) {
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.emplace_back(*variable);
  }
  return lockstep::cli::Main({argv + 1, argv + argc}, environment);
}
