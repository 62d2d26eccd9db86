#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/kv_print.h"
#include "cli/kv_requests.h"
#include "framework/base/status_macros.h"
#include "kv/proto/rpc.pb.h"

namespace lockstep::cli {
namespace {

constexpr char kFooter[] = R"(
Examples:
  lockstep kv put greeting hello --endpoints 10.0.0.1:2379,10.0.0.2:2379
  lockstep kv get greeting -w json
  lockstep kv get --prefix user/ --keys-only --limit 10
  lockstep kv del user/ --prefix --prev-kv
  printf 'ver("lock") = "0"\n\nput lock me\n\nget lock\n' | lockstep kv txn

Exit status: 0 the server did it (no key found is no failure); 1 it refused, or its answer did not
come in time (a write may have happened); 2 the command line makes no sense; 3 no endpoint can be
reached (nothing happened).)";

struct KvCommand final {
  ClientOptions client;
  KvFlags flags;
  PrintOptions print;
  std::vector<std::string> words;
};

std::string ReadStandardInput() {
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

absl::StatusOr<Duration> StalenessOf(const KvFlags& flags) {
  if (flags.max_staleness.empty()) return Duration(0);
  ASSIGN_OR_RETURN(const Duration staleness, ParseTimeout("--max-staleness", flags.max_staleness));
  // (Not 0, which would mean: not at all.)
  return std::max(staleness, Duration(Milliseconds(1)));
}

// Sends what `fill` made of the words and prints the answer.
template <typename Request, typename Response>
int Run(const KvCommand& command, const std::string& what, const char* method, Client::Retry retry,
        const absl::Status& filled, const Request& request) {
  const auto staleness = StalenessOf(command.flags);
  if (!filled.ok() || !staleness.ok()) {
    PrintError(what, std::string((filled.ok() ? staleness.status() : filled).message()));
    return kExitUsage;
  }
  return RunClient(what, command.client, [&](Fiber& fiber, Client& client) {
    if (*staleness > Duration(0)) {
      client.AddMetadata("max-staleness-ms", absl::StrCat(*staleness / Milliseconds(1)));
    }
    Response response;
    const int exit_code = client.Call(fiber, what, method, request, retry, response);
    if (exit_code == kExitOk) {
      const std::string text = Format(response, command.print);
      std::fwrite(text.data(), 1, text.size(), stdout);
    }
    return exit_code;
  });
}

int RunPut(KvCommand& command) {
  if (command.words.size() == 1 && !command.flags.ignore_value) {
    command.words.push_back(ReadStandardInput());
  }
  etcdserverpb::PutRequest request;
  const absl::Status filled = FillPut(command.words, command.flags, request);
  return Run<etcdserverpb::PutRequest, etcdserverpb::PutResponse>(
      command, "kv put", "/etcdserverpb.KV/Put", Client::Retry::kIfUnseen, filled, request);
}

int RunGet(KvCommand& command) {
  etcdserverpb::RangeRequest request;
  const absl::Status filled = FillRange(command.words, command.flags, request);
  command.print.keys_only = command.flags.keys_only;
  command.print.count_only = command.flags.count_only;
  return Run<etcdserverpb::RangeRequest, etcdserverpb::RangeResponse>(
      command, "kv get", "/etcdserverpb.KV/Range", Client::Retry::kUntilAnswer, filled, request);
}

int RunDelete(KvCommand& command) {
  etcdserverpb::DeleteRangeRequest request;
  const absl::Status filled = FillDelete(command.words, command.flags, request);
  return Run<etcdserverpb::DeleteRangeRequest, etcdserverpb::DeleteRangeResponse>(
      command, "kv del", "/etcdserverpb.KV/DeleteRange", Client::Retry::kIfUnseen, filled, request);
}

int RunTxn(KvCommand& command) {
  etcdserverpb::TxnRequest request;
  const absl::Status filled = ParseTxn(ReadStandardInput(), request);
  return Run<etcdserverpb::TxnRequest, etcdserverpb::TxnResponse>(
      command, "kv txn", "/etcdserverpb.KV/Txn", Client::Retry::kIfUnseen, filled, request);
}

void AddIntervalFlags(CLI::App& app, KvFlags& flags) {
  app.add_flag("--prefix", flags.prefix, "All keys that begin with KEY");
  app.add_flag("--from-key", flags.from_key, "All keys from KEY on");
}

void AddPutFlags(CLI::App& app, KvCommand& command) {
  app.add_flag("--prev-kv", command.flags.prev_kv, "Also print what was there before");
  app.add_flag("--ignore-value", command.flags.ignore_value, "Keep the value that is there");
  app.add_flag("--ignore-lease", command.flags.ignore_lease, "Keep the lease that is there");
  app.add_option("--lease", command.flags.lease, "Attach to this lease (hexadecimal)");
}

void AddGetFlags(CLI::App& app, KvCommand& command) {
  KvFlags& flags = command.flags;
  AddIntervalFlags(app, flags);
  app.add_option("--rev", flags.revision, "Of that revision instead of now");
  app.add_option("--limit", flags.limit, "At most so many keys");
  app.add_option("--order", flags.order, "ASCEND or DESCEND");
  app.add_option("--sort-by", flags.sort_by, "CREATE, KEY, MODIFY, VALUE or VERSION");
  app.add_option("--consistency", flags.consistency,
                 "l: linearizable, s: serializable (this node's state)")
      ->capture_default_str();
  app.add_option("--max-staleness", flags.max_staleness,
                 "The node answers by itself if what it has is at most so old (5s, 500ms)");
  app.add_flag("--keys-only", flags.keys_only, "No values");
  app.add_flag("--count-only", flags.count_only, "Only how many there are");
  app.add_flag("--print-value-only", command.print.values_only, "No keys (with -w simple)");
}

void AddDeleteFlags(CLI::App& app, KvCommand& command) {
  AddIntervalFlags(app, command.flags);
  app.add_flag("--prev-kv", command.flags.prev_kv, "Also print what was deleted");
}

using AddFlags = void (*)(CLI::App&, KvCommand&);

Command Add(CLI::App& parent, const char* name, const char* help, const char* words,
            AddFlags add_flags, int (*run)(KvCommand&)) {
  static const std::map<std::string, OutputFormat> formats = {
      {"simple", OutputFormat::kSimple},
      {"json", OutputFormat::kJson},
      {"table", OutputFormat::kTable},
  };
  CLI::App* const app = parent.add_subcommand(name, help);
  auto command = std::make_shared<KvCommand>();
  if (words != nullptr) app->add_option("words", command->words, words)->option_text(words);
  if (add_flags != nullptr) add_flags(*app, *command);
  app->add_option("-w,--write-out", command->print.format, "simple, json or table")
      ->transform(CLI::CheckedTransformer(formats))
      ->option_text("simple|json|table");
  AddClientFlags(*app, command->client);
  app->footer(kFooter);
  return {app, [command, run] { return run(*command); }};
}

}  // namespace

std::vector<Command> AddKv(CLI::App& root) {
  CLI::App* const app = root.add_subcommand("kv", "Put, get and delete keys");
  app->require_subcommand(1);
  app->footer(kFooter);
  return {
      Add(*app, "put", "Set a key; the value is read from standard input if it is missing",
          "KEY [VALUE]", AddPutFlags, RunPut),
      Add(*app, "get", "Print a key, or the keys from KEY up to END", "KEY [END]", AddGetFlags,
          RunGet),
      Add(*app, "range", "The same as get", "KEY [END]", AddGetFlags, RunGet),
      Add(*app, "del", "Delete a key, or the keys from KEY up to END", "KEY [END]", AddDeleteFlags,
          RunDelete),
      Add(*app, "txn", "A transaction, read from standard input", nullptr, nullptr, RunTxn),
  };
}

}  // namespace lockstep::cli
