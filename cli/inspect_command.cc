#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/command.h"
#include "cli/table.h"
#include "disk/data_directory.h"
#include "disk/posix_disk.h"
#include "framework/base/status_macros.h"
#include "framework/fiber/scheduler.h"
#include "framework/replica/identity.h"
#include "framework/replica/inspect.h"
#include "framework/store/real_env.h"
#include "framework/store/rocks_store.h"
#include "kv/kv_machine.h"

namespace lockstep::cli {
namespace {

constexpr char kFooter[] = R"(
Reads the data of a node that is not running and changes nothing: who it belongs to, every batch of
the log, term and vote, every block of the store, staged snapshots, and whether they fit together.

Examples:
  lockstep inspect /var/lib/lockstep/n1
  lockstep inspect /var/lib/lockstep/n1 -w json | jq .shards[].findings

Exit status: 0 nothing is damaged; 1 something is, or the directory cannot be read (standard error
and the findings say what); 2 the command line makes no sense.)";

struct InspectFlags final {
  std::string directory;
  std::string format = "text";
};

// Whoever asks waits: there is nothing else to do.
class InPlace final : public runtime::Offload {
 public:
  void Run(Fiber&, runtime::Lane, absl::FunctionRef<void()> work) override { work(); }
};

struct Shard final {
  replica::ShardReport report;
  bool has_store = false;
};

// The shards' directories, by number.
absl::StatusOr<std::vector<uint32_t>> ShardsIn(const std::string& directory) {
  std::error_code error;
  std::vector<uint32_t> shards;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    uint32_t shard = 0;
    if (name.rfind("shard-", 0) == 0 && absl::SimpleAtoi(name.substr(6), &shard)) {
      shards.push_back(shard);
    }
  }
  if (error) return absl::NotFoundError(absl::StrCat(directory, ": ", error.message()));
  if (shards.empty()) {
    return absl::NotFoundError(absl::StrCat(directory,
                                            " holds no data of a node: name its "
                                            "--data-dir"));
  }
  std::sort(shards.begin(), shards.end());
  return shards;
}

Shard InspectOne(const std::string& directory, uint32_t number, runtime::Disk& disk) {
  Shard shard;
  const std::string name = replica::ShardPath(ShardId(number));
  store::RocksStoreOptions rocks;
  rocks.env = store::RealEnv();
  rocks.path = absl::StrCat(directory, "/", name, "/state");
  const absl::Status verified = store::RocksStore::VerifyFiles(rocks);
  auto store = store::RocksStore::OpenReadOnly(rocks);
  kv::KvMachine machine;
  replica::InspectOptions options{name, ShardId(number), nullptr, &machine};
  if (verified.ok() && store.ok()) options.store = store->get();
  shard.has_store = options.store != nullptr;
  fiber::Scheduler scheduler;
  fiber::Scope scope(scheduler);
  scope.Spawn("inspect",
              [&](Fiber& fiber) { shard.report = replica::InspectShard(fiber, disk, options); });
  scheduler.RunReady();
  if (!verified.ok() && !absl::IsNotFound(verified)) {
    shard.report.findings.push_back(
        {true, absl::StrCat(name, "/state"), std::string(verified.message())});
  }
  return shard;
}

boost::json::object AsJson(const Shard& shard) {
  const replica::ShardReport& report = shard.report;
  boost::json::object json{{"directory", report.directory}, {"damaged", report.is_damaged()}};
  if (report.identity) {
    json["cluster"] = absl::StrCat(absl::Hex(report.identity->cluster.value()));
    json["member"] = absl::StrCat(absl::Hex(report.identity->node.value()));
    json["shards"] = report.identity->shard_count;
    json["format_version"] = report.identity->format_version;
  }
  boost::json::array& segments = (json["segments"] = boost::json::array()).as_array();
  for (const replica::SegmentReport& one : report.segments) {
    segments.push_back({{"name", one.name},
                        {"bytes", one.bytes},
                        {"begun", one.is_begun},
                        {"first_batch", one.first_batch},
                        {"batches", one.batches}});
  }
  boost::json::array& groups = (json["groups"] = boost::json::array()).as_array();
  for (const replica::GroupReport& one : report.groups) {
    boost::json::object group{{"group", one.group.value()},
                              {"term", one.hard_state.term.value()},
                              {"vote", absl::StrCat(absl::Hex(one.hard_state.vote.value()))},
                              {"abstains", one.hard_state.abstains},
                              {"log_start", one.log_start.value()},
                              {"log_end", one.log_end.value()}};
    if (one.applied) group["applied"] = one.applied->value();
    if (one.applied) group["rows"] = one.rows;
    groups.push_back(std::move(group));
  }
  boost::json::array& staged = (json["snapshots"] = boost::json::array()).as_array();
  for (const replica::StagedReport& one : report.staged) {
    staged.push_back({{"name", one.name}, {"index", one.index.value()}, {"rows", one.rows}});
  }
  boost::json::array& aside = (json["set_aside"] = boost::json::array()).as_array();
  for (const std::string& path : report.set_aside) aside.push_back(boost::json::string(path));
  boost::json::array& findings = (json["findings"] = boost::json::array()).as_array();
  for (const replica::Finding& one : report.findings) {
    findings.push_back({{"damage", one.is_damage}, {"path", one.path}, {"text", one.text}});
  }
  return json;
}

std::string AsText(const Shard& shard) {
  const replica::ShardReport& report = shard.report;
  std::string out = absl::StrCat(report.directory, ": ");
  if (report.identity) {
    absl::StrAppend(&out, "member ", absl::Hex(report.identity->node.value()), " of cluster ",
                    absl::Hex(report.identity->cluster.value()), ", format ",
                    report.identity->format_version);
  }
  uint64_t bytes = 0;
  uint64_t batches = 0;
  for (const replica::SegmentReport& one : report.segments) {
    bytes += one.bytes;
    batches += one.batches;
  }
  absl::StrAppend(&out, "\n  log: ", report.segments.size(), " segments, ",
                  FormatBytes(static_cast<int64_t>(bytes)), ", ", batches, " intact batches\n");
  for (const replica::GroupReport& one : report.groups) {
    absl::StrAppend(&out, "  group ", one.group.value(), ": term ", one.hard_state.term.value(),
                    ", vote ", absl::Hex(one.hard_state.vote.value()), ", entries ",
                    one.log_start.value() + 1, " to ", one.log_end.value());
    if (one.applied) {
      absl::StrAppend(&out, ", state at ", one.applied->value(), " in ", one.rows, " rows");
    }
    absl::StrAppend(&out, "\n");
  }
  if (!shard.has_store) absl::StrAppend(&out, "  store: not looked at\n");
  for (const replica::StagedReport& one : report.staged) {
    absl::StrAppend(&out, "  snapshot ", one.name, ": ", one.rows, " rows\n");
  }
  for (const std::string& path : report.set_aside) {
    absl::StrAppend(&out, "  set aside earlier: ", path, "\n");
  }
  for (const replica::Finding& one : report.findings) {
    absl::StrAppend(&out, one.is_damage ? "  DAMAGED " : "  note: ", one.path, ": ", one.text,
                    "\n");
  }
  return out;
}

absl::StatusOr<std::vector<Shard>> InspectAll(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<uint32_t> numbers, ShardsIn(directory));
  // Held so that no node starts meanwhile.
  std::unique_ptr<disk::DataDirectory> held;
  std::error_code error;
  if (std::filesystem::exists(absl::StrCat(directory, "/LOCK"), error)) {
    ASSIGN_OR_RETURN(held, disk::DataDirectory::LockBlocking(directory));
  }
  InPlace offload;
  ASSIGN_OR_RETURN(const auto disk, disk::PosixDisk::OpenBlocking(offload, directory, "none"));
  std::vector<Shard> shards;
  for (const uint32_t number : numbers) shards.push_back(InspectOne(directory, number, *disk));
  return shards;
}

int Inspect(const InspectFlags& flags) {
  const absl::StatusOr<std::vector<Shard>> shards = InspectAll(flags.directory);
  if (!shards.ok()) {
    PrintError("inspect", std::string(shards.status().message()));
    return kExitFailed;
  }
  bool is_damaged = false;
  boost::json::array json;
  std::string text;
  for (const Shard& shard : *shards) {
    is_damaged |= shard.report.is_damaged();
    json.push_back(AsJson(shard));
    text += AsText(shard);
  }
  if (flags.format == "json") {
    text = absl::StrCat(
        boost::json::serialize(boost::json::object{
            {"directory", flags.directory}, {"damaged", is_damaged}, {"shards", std::move(json)}}),
        "\n");
  } else {
    text += is_damaged ? "damaged\n" : "nothing is damaged\n";
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  return is_damaged ? kExitFailed : kExitOk;
}

}  // namespace

Command AddInspect(CLI::App& root) {
  CLI::App* const app = root.add_subcommand("inspect", "Verify the data of a stopped node");
  auto flags = std::make_shared<InspectFlags>();
  app->add_option("DIR", flags->directory, "The node's --data-dir")->required();
  app->add_option("-w,--write-out", flags->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app->footer(kFooter);
  return {app, [flags] { return Inspect(*flags); }};
}

}  // namespace lockstep::cli
