// An agent with a memory: it remembers, recalls, corrects itself, and knows what it believed
// before.
//
//   agent-memory DIRECTORY remember AGENT TOPIC TEXT     agent-memory DIRECTORY recall AGENT
//   [TOPIC] agent-memory DIRECTORY correct ID TEXT               agent-memory DIRECTORY history ID
//   agent-memory DIRECTORY believed AGENT SEQUENCE       agent-memory DIRECTORY forget ID
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "docs-memory/blocking/blocking_store.h"

namespace {

using namespace lockstep::docs;

constexpr int64_t kDay = 24 * 3600;

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "agent-memory: %s\n", std::string(status.message()).c_str());
  return 1;
}

int Print(absl::StatusOr<BlockingCursor> cursor) {
  if (!cursor.ok()) return Fail(cursor.status());
  const auto facts = cursor->All();
  if (!facts.ok()) return Fail(facts.status());
  for (const Document& fact : *facts) std::printf("%s\n", ToJson(fact).c_str());
  return 0;
}

// Queries that this program asks are answered by indexes; what nobody used for 90 days is
// forgotten.
absl::Status Prepare(BlockingCollection& facts) {
  auto status = facts.CreateIndex({{"agent", 1}, {"topic", 1}, {"at", -1}});
  if (status.ok()) status = facts.CreateIndex({{"agent", 1}, {"at", -1}});
  if (status.ok()) status = facts.CreateIndex({{"used", 1}}, {.expire_after_seconds = 90 * kDay});
  return status;
}

int Remember(BlockingStore& store, BlockingCollection& facts,
             const std::vector<std::string>& args) {
  const Value now = Value::Date(store.now_ms());
  // The same fact is not remembered twice, however often it is told.
  WriteOptions options;
  options.upsert = true;
  const Document same{{"agent", args[0]}, {"topic", args[1]}, {"text", args[2]}};
  const Document update{{"$setOnInsert", Document{{"at", now}, {"trust", 0.5}}},
                        {"$set", Document{{"used", now}}},
                        {"$inc", Document{{"told", 1}}}};
  const auto result = facts.UpdateOne(same, update, options);
  if (!result.ok()) return Fail(result.status());
  std::printf("%s at sequence %llu\n", result->upserted ? "remembered" : "knew that",
              static_cast<unsigned long long>(result->sequence));
  return 0;
}

int Recall(BlockingCollection& facts, const std::vector<std::string>& args) {
  FindOptions newest;
  newest.sort = {{"at", -1}};
  newest.limit = 20;
  if (args.size() == 1) return Print(facts.Find({{"agent", args[0]}}, newest));
  return Print(facts.Find({{"agent", args[0]}, {"topic", args[1]}}, newest));
}

int Believed(BlockingCollection& facts, const std::vector<std::string>& args) {
  FindOptions then;
  then.as_of = std::strtoull(args[1].c_str(), nullptr, 10);
  return Print(facts.Find({{"agent", args[0]}}, then));
}

// Ids are binary; on a command line they are JSON, as recall prints them.
Document ById(const std::string& json) {
  const auto id = FromJson("{\"_id\": " + json + "}");
  return id.ok() ? *id : Document{{"_id", json}};
}

int History(BlockingCollection& facts, const std::string& id) {
  const auto versions = facts.History(*ById(id).Find("_id"));
  if (!versions.ok()) return Fail(versions.status());
  for (const ChangeEvent& version : *versions) {
    const std::string text =
        version.op == MutationOp::kPut ? ToJson(version.document) : "forgotten";
    std::printf("%llu %s %s\n", static_cast<unsigned long long>(version.sequence),
                version.rev.ToText().c_str(), text.c_str());
  }
  return 0;
}

int Write(const absl::StatusOr<WriteResult>& result) {
  if (!result.ok()) return Fail(result.status());
  std::printf("%llu changed\n",
              static_cast<unsigned long long>(result->modified + result->deleted));
  return 0;
}

int Run(BlockingStore& store, const std::string& command, const std::vector<std::string>& args) {
  BlockingCollection facts = store.collection("facts");
  if (const absl::Status status = Prepare(facts); !status.ok()) return Fail(status);
  if (command == "remember" && args.size() == 3) return Remember(store, facts, args);
  if (command == "recall" && !args.empty()) return Recall(facts, args);
  if (command == "believed" && args.size() == 2) return Believed(facts, args);
  if (command == "history" && args.size() == 1) return History(facts, args[0]);
  if (command == "correct" && args.size() == 2) {
    return Write(facts.UpdateOne(ById(args[0]), {{"$set", Document{{"text", args[1]}}}}));
  }
  if (command == "forget" && args.size() == 1) return Write(facts.DeleteOne(ById(args[0])));
  return std::fputs("usage: see the top of agent_main.cc\n", stderr), 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fputs("usage: agent-memory DIRECTORY COMMAND ...\n", stderr), 2;
  const auto store = BlockingStore::Open(argv[1]);
  return store.ok() ? Run(**store, argv[2], {argv + 3, argv + argc}) : Fail(store.status());
}
