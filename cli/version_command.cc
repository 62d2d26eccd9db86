#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/command.h"
#include "kv/service.h"

namespace lockstep::cli {

Command AddVersion(CLI::App& root) {
  CLI::App* const app = root.add_subcommand("version", "Print versions");
  return {app, [] {
            std::printf("lockstep %s\nAPI: etcd v3, as of %s\n", LOCKSTEP_VERSION,
                        kv::KvService::Options().version.c_str());
            return kExitOk;
          }};
}

}  // namespace lockstep::cli
