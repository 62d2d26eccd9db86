#include "cli/simulate/flags.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

namespace lockstep::cli {

void AddFlags(CLI::App& app, Flags& flags) {
  UniverseOptions& universe = flags.universe;
  app.add_flag("--short", universe.is_short, "15 simulated seconds instead of 60");
  app.add_option("--profile", universe.profile,
                 "Faults: a name (default, calm, storm, disk, clock, ...) or a file");
  app.add_option("--store", universe.store, "State in rocks (RocksDB) or memory");
  app.add_option("--nodes", universe.nodes, "Nodes of the cluster")->check(CLI::Range(1, 9));
  app.add_option("--shards", universe.shards, "Shards per node (default: drawn, 1 or 2)")
      ->check(CLI::Range(0, 4));
  app.add_option("--clients", universe.clients, "Clients")->check(CLI::Range(1, 64));
  app.add_option("--rate", universe.operations_per_second,
                 "Operations per simulated second, all clients together")
      ->check(CLI::Range(1, 100'000));
  app.add_flag("--plant-nondeterminism", universe.is_astray,
               "Let the universe depend on addresses; --double must find it");
  app.add_option("--jobs", flags.jobs, "Processes")->check(CLI::Range(1, 1024));
  app.add_option("--mutant", flags.mutant,
                 "Plant this bug (M01, ...); with --mutants or --guidance: several, with commas");
  app.add_option("--shrink-for", flags.shrink_seconds,
                 "Shrink a failure for so many seconds of processor time; 0: do not")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  app.add_option("--double", flags.double_percent,
                 "Run so many percent of the seeds twice, in two processes, and compare")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
}

std::vector<std::string> UniverseArguments(const Flags& flags) {
  const UniverseOptions usual;
  const UniverseOptions& universe = flags.universe;
  std::vector<std::string> words;
  const auto add = [&](const char* name, const std::string& value) {
    words.push_back(name);
    words.push_back(value);
  };
  if (universe.is_short) words.push_back("--short");
  if (universe.is_astray) words.push_back("--plant-nondeterminism");
  if (universe.profile != usual.profile) add("--profile", universe.profile);
  if (universe.store != usual.store) add("--store", universe.store);
  if (universe.shards != usual.shards) add("--shards", std::to_string(universe.shards));
  if (universe.nodes != usual.nodes) add("--nodes", std::to_string(universe.nodes));
  if (universe.clients != usual.clients) add("--clients", std::to_string(universe.clients));
  if (universe.operations_per_second != usual.operations_per_second) {
    add("--rate", std::to_string(universe.operations_per_second));
  }
  if (!flags.mutant.empty()) add("--mutant", flags.mutant);
  return words;
}

InvestigationOptions InvestigationOf(const Flags& flags) {
  InvestigationOptions options;
  options.universe = flags.universe;
  options.mutant = flags.mutant;
  options.jobs = flags.jobs;
  options.shrink_cpu = Seconds(flags.shrink_seconds);
  options.directory = flags.failures;
  options.progress = isatty(STDERR_FILENO) != 0;
  return options;
}

DoubleOptions DoublingOf(const Flags& flags) {
  return {flags.double_percent, UniverseArguments(flags)};
}

}  // namespace lockstep::cli
