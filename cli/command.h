// What every subcommand of `lockstep` is: it adds itself to the command line, and runs if chosen.
#ifndef LOCKSTEP_CLI_COMMAND_H_
#define LOCKSTEP_CLI_COMMAND_H_

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace lockstep::cli {

// What the process ends with; part of the command line's contract (cli/README.md).
enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,       // it was tried and did not succeed; standard error says why
  kExitUsage = 2,        // the command line makes no sense; nothing was tried
  kExitUnreachable = 3,  // no endpoint could be asked
  kExitUndecided = 4,    // check: neither proven nor refuted
};

struct Command final {
  const CLI::App* app = nullptr;
  std::function<int()> run;  // the exit code
};

// `environment`: "NAME=value", the process's.
Command AddServe(CLI::App& root, const std::vector<std::string>& environment);
std::vector<Command> AddKv(CLI::App& root);
Command AddStatus(CLI::App& root);
Command AddInspect(CLI::App& root);
std::vector<Command> AddMember(CLI::App& root);
Command AddLeader(CLI::App& root);
Command AddUpgrade(CLI::App& root);
Command AddVersion(CLI::App& root);
Command AddSim(CLI::App& root);
Command AddCheck(CLI::App& root);
std::vector<Command> AddCert(CLI::App& root);
std::vector<Command> AddDocs(CLI::App& root);

// One line on standard error: "lockstep WHAT: TEXT".
void PrintError(const std::string& what, const std::string& text);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_COMMAND_H_
