// lockstep-chaos-client: loads a real cluster and records what it is told; judges such records.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include "checkers/kv_text.h"
#include "checkers/linearizability.h"
#include "checkers/revision_certificate.h"
#include "net/loop.h"
#include "net/signals.h"
#include "net/system_devices.h"
#include "net/tcp_network.h"
#include "net/thread_offload.h"
#include "tests/e2e/chaos_load.h"

namespace lockstep::e2e {
namespace {

int Load(const ChaosOptions& options, const std::string& path) {
  net::IgnoreBrokenPipes();
  net::Signals signals({SIGINT, SIGTERM});
  net::Loop loop;
  net::SystemClock clock;
  net::ThreadOffload offload(loop, {.general_threads = 1});
  net::TcpNetwork network(loop, offload);
  bool is_complete = false;
  ChaosLoad load(loop.scheduler(), clock, network, options);
  {
    fiber::Scope scope(loop.scheduler());
    signals.Deliver(loop, [&](int) { load.Stop(); });
    scope.Spawn("chaos", [&](Fiber& fiber) {
      is_complete = load.Run(fiber);
      loop.Stop();
    });
    loop.Run();
  }
  std::ofstream file(path, std::ios::binary);
  file << checkers::WriteKvHistory(load.TakeHistory());
  file.close();
  const ChaosCounts& counts = load.counts();
  boost::json::object failures;
  for (const auto& [error, count] : counts.failures) failures[error] = count;
  const boost::json::object told{{"answered", counts.answered},
                                 {"refused", counts.refused},
                                 {"unknown", counts.unknown},
                                 {"failures", std::move(failures)}};
  std::cout << boost::json::serialize(told) << std::endl;
  if (!is_complete) std::fprintf(stderr, "an endpoint did not answer the final read\n");
  if (!file) std::fprintf(stderr, "cannot write %s\n", path.c_str());
  return is_complete && file ? 0 : 1;
}

// Without reads of ranges, which would make one search of all keys. Leaving out reads hides
// violations but invents none, and the revision certificate judges them all.
checkers::KvHistory OfSingleKeys(const checkers::KvHistory& history) {
  checkers::KvHistory kept;
  for (const checkers::KvOperation& op : history) {
    const bool is_range = !op.input.success.empty() && !op.input.success.front().range_end.empty();
    if (!is_range) kept.push_back(op);
  }
  return kept;
}

int Check(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  const auto history = checkers::ReadKvHistory(text.str());
  if (!file || !history.ok() || history->empty()) {
    std::fprintf(stderr, "%s is no history: %s\n", path.c_str(),
                 std::string(history.status().message()).c_str());
    return 2;
  }
  const checkers::RevisionResult revisions = checkers::CheckRevisions(*history);
  if (revisions.violation) {
    std::cout << *revisions.violation << "\n";
    return 1;
  }
  const checkers::KvHistory single = OfSingleKeys(*history);
  const checkers::KvModel model(single);
  const auto order = checkers::CheckLinearizability(model, model.Judged(single));
  if (order.violation) {
    std::cout << *order.violation << "\n";
    return 1;
  }
  std::printf("%zu operations, %zu writes with a known author, %zu of unknown authors: %s\n",
              history->size(), revisions.writes, revisions.open_gaps,
              order.verdict == checkers::Verdict::kOk
                  ? "certified by revisions, and linearizable by search"
                  : "certified by revisions, but the search reached its limit");
  return order.verdict == checkers::Verdict::kOk ? 0 : 3;
}

int Main(int argc, char** argv) {
  CLI::App app("Loads a cluster and records the history; checks histories.");
  app.require_subcommand(1);
  ChaosOptions options;
  std::string path;
  int64_t think_ms = 10;
  CLI::App* const load = app.add_subcommand("load", "Until SIGTERM, then read everything");
  load->add_option("--endpoints", options.endpoints, "host:port,...")->delimiter(',')->required();
  load->add_option("--clients", options.clients)->check(CLI::Range(1, 1000));
  load->add_option("--keys", options.keys)->check(CLI::Range(1, 1000));
  load->add_option("--seed", options.seed);
  load->add_option("--think-ms", think_ms)->check(CLI::Range(0, 10'000));
  load->add_option("--history", path)->required();
  CLI::App* const check =
      app.add_subcommand("check", "Exit status 1: it breaks a promise; 3: unknown");
  check->add_option("history", path)->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.think_time = Milliseconds(think_ms);
  return check->parsed() ? Check(path) : Load(options, path);
}

}  // namespace
}  // namespace lockstep::e2e

int main(int argc, char** argv) { return lockstep::e2e::Main(argc, argv); }
