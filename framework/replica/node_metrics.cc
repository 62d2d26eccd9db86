#include "framework/replica/node_metrics.h"

#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/replica/storage_watch.h"

namespace lockstep::replica {
namespace {

// Only the node's own shards are asked.
constexpr Duration kLocalTimeout = Seconds(1);

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

void Describe(std::string_view name, std::string_view type, std::string_view words,
              std::string* out) {
  absl::StrAppend(out, "# HELP lockstep_", ToAbsl(name), " ", ToAbsl(words), "\n# TYPE lockstep_",
                  ToAbsl(name), " ", ToAbsl(type), "\n");
}

void AddGauge(std::string_view name, std::string_view words, uint64_t value, std::string* out) {
  Describe(name, "gauge", words, out);
  absl::StrAppend(out, "lockstep_", ToAbsl(name), " ", value, "\n");
}

void AddStorage(const std::vector<StorageCounts>& shards, std::string* out) {
  for (const StorageCounter& one : StorageCounters()) {
    const std::string name = absl::StrCat("storage_", ToAbsl(one.name), "_total");
    Describe(name, "counter", one.words, out);
    for (size_t shard = 0; shard < shards.size(); ++shard) {
      absl::StrAppend(out, "lockstep_", name, "{shard=\"", shard, "\"} ", shards[shard].*one.count,
                      "\n");
    }
  }
}

void AddReplica(const ReplicaStatus& status, NodeId self, std::string* out) {
  AddGauge("has_leader", "1 if this node knows a leader", status.leader != NodeId(0) ? 1 : 0, out);
  AddGauge("is_leader", "1 if this node leads", status.leader == self ? 1 : 0, out);
  AddGauge("raft_term", "Raft's term", status.term.value(), out);
  AddGauge("raft_commit_index", "The last entry known to be committed", status.commit.value(), out);
  AddGauge("raft_applied_index", "The last entry applied here", status.applied.value(), out);
  AddGauge("raft_last_index", "The last entry of this node's log", status.last_index.value(), out);
  AddGauge("awaits_state", "1 while the state is fetched from a peer", status.awaits_state ? 1 : 0,
           out);
  AddGauge("abstains", "1 while the log that lost a part has no vote", status.abstains ? 1 : 0,
           out);
  AddGauge("log_out_of_space", "1 while the log waits for space", status.no_space ? 1 : 0, out);
  AddGauge("agreed_protocol_version", "What the members have agreed on", status.agreed_version,
           out);
  Describe("leader_disk_stalls_total", "counter", "Leaderships given up for a slow disk", out);
  absl::StrAppend(out, "lockstep_leader_disk_stalls_total ", status.disk_stalls, "\n");
}

edge::HttpResponse PlainText(int status, std::string body) {
  edge::HttpResponse response;
  response.status = status;
  response.headers.Add("content-type", "text/plain; version=0.0.4; charset=utf-8");
  response.body = std::move(body);
  return response;
}

}  // namespace

std::string NodeMetrics::Text(Fiber& fiber) {
  std::string text;
  const MonoTime deadline = fiber.now() + kLocalTimeout;
  const auto status = client_.Status(fiber, deadline);
  AddGauge("up", "1 if the node's main group is up", status.ok() ? 1 : 0, &text);
  if (status.ok()) AddReplica(*status, environment_.node, &text);
  const auto store_bytes = client_.StoreBytes(fiber, deadline);
  if (store_bytes.ok()) AddGauge("store_bytes", "What the store takes", *store_bytes, &text);
  const auto space = environment_.disk.FreeSpace(fiber);
  if (space.ok()) {
    AddGauge("disk_free_bytes", "What is left of the disk", space->free_bytes, &text);
  }
  const auto storage = client_.Storage(fiber, deadline);
  if (storage.ok()) AddStorage(*storage, &text);
  return text;
}

edge::HttpResponse NodeMetrics::Handle(Fiber& fiber, const edge::HttpRequest& request) {
  if (request.method != "GET") return PlainText(405, "only GET\n");
  if (request.path() == "/metrics") return PlainText(200, Text(fiber));
  if (request.path() != "/health") return PlainText(404, "there are /metrics and /health\n");
  const auto status = client_.Status(fiber, fiber.now() + kLocalTimeout);
  const bool is_led = status.ok() && status->leader != NodeId(0);
  edge::HttpResponse response =
      PlainText(is_led ? 200 : 503, is_led ? R"({"health":"true","reason":""})"
                                           : R"({"health":"false","reason":"no leader"})");
  return response;
}

edge::HttpResponse NodeMetrics::Refuse(const edge::HttpRefusal& refusal) {
  return PlainText(refusal.status, refusal.reason + "\n");
}

}  // namespace lockstep::replica
