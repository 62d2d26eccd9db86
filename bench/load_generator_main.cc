// lockstep-bench: load for any etcd v3 endpoint, etcd's or Lockstep's.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "bench/load_generator.h"
#include "net/loop.h"
#include "net/signals.h"
#include "net/system_devices.h"
#include "net/tcp_network.h"
#include "net/thread_offload.h"

namespace lockstep::bench {
namespace {

enum ExitCode : int { kExitOk = 0, kExitUsage = 2, kExitUnreachable = 3, kExitFailures = 4 };

constexpr char kFooter[] = R"(
Examples:
  lockstep-bench put --endpoints 10.0.0.1:2379,10.0.0.2:2379 --clients 128 --connections 8
  lockstep-bench range --preload --consistency serializable
  lockstep-bench mixed --read-percent 80 --rate 5000 --duration 30
  lockstep-bench put -w json --quiet > result.json

With --rate, operations start when they are due, answered or not, and latency counts from then.

Exit status: 0 every operation succeeded; 2 the command line makes no sense; 3 an endpoint cannot be
reached or the preload failed; 4 some operations failed (see the report).)";

struct CommandLine final {
  LoadOptions load;
  std::string consistency = "linearizable";
  std::string output = "text";
  double duration_seconds = 10;
  double warm_up_seconds = 1;
  double timeout_seconds = 5;
  bool is_quiet = false;
};

Duration FromSeconds(double seconds) { return Duration(static_cast<int64_t>(seconds * 1e9)); }

void AddLoadFlags(CLI::App& app, LoadOptions& load) {
  const std::map<std::string, WorkloadKind> kinds = {{"put", WorkloadKind::kPut},
                                                     {"range", WorkloadKind::kRange},
                                                     {"mixed", WorkloadKind::kMixed},
                                                     {"txn", WorkloadKind::kTxn}};
  app.add_option("workload", load.workload, "put, range (read one key), mixed or txn")
      ->required()
      ->transform(CLI::CheckedTransformer(kinds))
      ->option_text("put|range|mixed|txn");
  app.add_option("--endpoints", load.endpoints, "host:port, several separated by commas")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--connections", load.connections, "Connections, round robin over the endpoints")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--clients", load.clients, "Calls under way at a time, over all connections")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--rate", load.rate, "Operations per second (open loop); 0: closed loop")
      ->check(CLI::Range(uint64_t{0}, uint64_t{100'000'000}))
      ->capture_default_str();
  app.add_option("--key-size", load.key_bytes, "Bytes of a key")
      ->check(CLI::Range(1, 65'536))
      ->capture_default_str();
  app.add_option("--value-size", load.value_bytes, "Bytes of a value")
      ->check(CLI::Range(0, 1'500'000))
      ->capture_default_str();
  app.add_option("--keys", load.keys, "Number of different keys")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--sequential", load.sequential_keys, "Keys in order instead of at random");
  app.add_flag("--preload", load.preload, "Put every key once before the run");
  app.add_option("--read-percent", load.read_percent, "Reads in the mixed workload")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  app.add_option("--count", load.count, "Stop after so many operations instead of --duration");
  app.add_option("--seed", load.seed, "Of the choice of keys and values")->capture_default_str();
}

void AddRunFlags(CLI::App& app, CommandLine& line) {
  app.add_option("--consistency", line.consistency, "Of reads: linearizable or serializable")
      ->check(CLI::IsMember({"linearizable", "serializable"}))
      ->capture_default_str();
  app.add_option("--duration", line.duration_seconds, "Seconds that are measured")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  app.add_option("--warm-up", line.warm_up_seconds, "Seconds before that, not measured")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--timeout", line.timeout_seconds, "Seconds that one operation may take")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  app.add_option("-w,--write-out", line.output, "Format of the report: text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_flag("-q,--quiet", line.is_quiet, "No progress on standard error");
}

int Run(const CommandLine& line) {
  net::IgnoreBrokenPipes();
  net::Signals signals({SIGINT, SIGTERM});
  net::Loop loop;
  net::SystemClock clock;
  net::ThreadOffload offload(loop, {});
  net::TcpNetwork network(loop, offload);
  LoadGenerator generator({loop.scheduler(), clock, network}, line.load,
                          [&](const std::string& progress) {
                            if (!line.is_quiet) std::fputs(progress.c_str(), stderr);
                          });
  signals.Deliver(loop, [&](int) { generator.Stop(); });
  absl::Status status;
  fiber::Scope scope(loop.scheduler());
  scope.Spawn("bench", [&](Fiber& fiber) {
    status = generator.Run(fiber);
    loop.Stop();
  });
  loop.Run();
  if (!status.ok()) {
    std::fprintf(stderr, "lockstep-bench: %s\n", std::string(status.message()).c_str());
    return kExitUnreachable;
  }
  const LoadReport& report = generator.report();
  const std::string text =
      line.output == "json" ? FormatJson(line.load, report) : FormatText(line.load, report);
  std::fputs(text.c_str(), stdout);
  return report.failed == 0 ? kExitOk : kExitFailures;
}

int Main(int argc, char** argv) {
  CLI::App app("Drives an etcd v3 endpoint and measures how it answers.", "lockstep-bench");
  app.footer(kFooter);
  CommandLine line;
  AddLoadFlags(app, line.load);
  AddRunFlags(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  line.load.serializable = line.consistency == "serializable";
  line.load.duration = FromSeconds(line.duration_seconds);
  line.load.warm_up = FromSeconds(line.warm_up_seconds);
  line.load.timeout = FromSeconds(line.timeout_seconds);
  return Run(line);
}

}  // namespace
}  // namespace lockstep::bench

int main(int argc, char** argv) { return lockstep::bench::Main(argc, argv); }
