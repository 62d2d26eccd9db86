#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/command.h"

namespace lockstep::cli {
namespace {

// The simulator is an executable of its own, beside this one: it replaces symbols that this one
// must have untouched.
int RunSim(std::vector<std::string> arguments) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string simulator = (self.parent_path() / "lockstep-sim").string();
  if (error || access(simulator.c_str(), X_OK) != 0) {
    PrintError("sim", simulator + " is not there: build or install lockstep-sim beside lockstep");
    return kExitFailed;
  }
  std::string name = simulator;
  std::vector<char*> argv = {name.data()};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  execv(simulator.c_str(), argv.data());
  PrintError("sim", "cannot run " + simulator + ": " + std::strerror(errno));
  return kExitFailed;
}

}  // namespace

Command AddSim(CLI::App& root) {
  CLI::App* const app = root.add_subcommand(
      "sim", "Run simulated clusters (lockstep-sim with the arguments that follow)");
  app->prefix_command();
  app->set_help_flag();  // lockstep-sim has its own
  return {app, [app] { return RunSim(app->remaining()); }};
}

}  // namespace lockstep::cli
