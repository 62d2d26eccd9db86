// lockstep docs sync, conflicts, resolve, rejected: a store and its hub.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/docs_command.h"
#include "cli/docs_hub.h"
#include "docs-memory/blocking/blocking_store.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/store/sync_reader.h"
#include "docs-memory/sync/hub_client.h"
#include "docs-memory/sync/syncer.h"
#include "framework/base/status_macros.h"

namespace lockstep::cli {
namespace {

constexpr size_t kShownMax = 10'000;
constexpr Duration kProgressPause = Milliseconds(50);

struct Flags final {
  DocsFlags store;
  HubFlags hub;
  std::string tenant;
  std::string space = "default";
  std::vector<std::string> collections;
  std::string filter;
  bool is_live = false;
  bool speaks_json = false;
  // resolve
  std::string collection;
  std::string id;
  std::string rev;
};
using FlagsRef = std::shared_ptr<Flags>;

// As Extended JSON, or else a string.
docs::Value IdOf(const std::string& text) {
  const auto parsed = docs::FromJson(absl::StrCat("{\"id\": ", text, "}"));
  return parsed.ok() ? docs::Value(*parsed->Find("id")) : docs::Value(text);
}

absl::StatusOr<std::unique_ptr<docs::BlockingStore>> Open(const Flags& flags) {
  ASSIGN_OR_RETURN(docs::BlockingOptions options, DocsOptionsOf(flags.store));
  options.log_to_stderr = flags.is_live;
  return docs::BlockingStore::Open(flags.store.directory, options);
}

// A disk that does not give back what the store has written. (What the store refuses has a code;
// once it is read-only, that is the one.)
bool IsOfTheDisk(const absl::Status& status) {
  if (docs::IsHubFailure(status)) return false;
  const absl::string_view text = status.message();
  if (docs::Is(status, docs::ErrorCode::kReadOnly))
    return absl::StrContains(text, "Corruption") || absl::StrContains(text, "IO error");
  if (!docs::CodeOf(status).empty()) return false;
  return absl::IsDataLoss(status) || absl::IsUnavailable(status);
}

int FailStore(const std::string& what, const Flags& flags, const absl::Status& status) {
  const std::string text(status.message());
  if (IsOfTheDisk(status)) {
    const std::string& directory = flags.store.directory;
    PrintError(absl::StrCat("docs ", what),
               absl::StrCat("the store ", directory, " cannot be read: ", text, "; `lockstep docs ",
                            "doctor ", directory, "` says what is damaged, `lockstep docs export` ",
                            "saves what is not; a new store gets from the hub what that has"));
    return kExitFailed;
  }
  if (docs::IsHubFailure(status) && absl::IsDataLoss(status)) {
    PrintError(absl::StrCat("docs ", what),
               absl::StrCat("the hub cannot read its own store: ", text,
                            "; nothing is lost here, what is queued waits"));
    return kExitFailed;
  }
  PrintError(absl::StrCat("docs ", what), text);
  if (docs::IsHubFailure(status)) return kExitUnreachable;
  return absl::IsInvalidArgument(status) ? kExitUsage : kExitFailed;
}

absl::StatusOr<docs::SyncOptions> OptionsOf(const Flags& flags, bool* is_tls) {
  docs::SyncOptions options;
  ASSIGN_OR_RETURN(options.hub.addresses, HubAddresses(flags.hub, is_tls));
  ASSIGN_OR_RETURN(options.hub.token, ReadToken(flags.hub.token_file));
  options.hub.speaks_json = flags.speaks_json;
  options.scope.tenant = flags.tenant;
  options.scope.space = flags.space;
  options.scope.collections = flags.collections;
  if (flags.filter.empty()) return options;
  auto filter = docs::FromJson(flags.filter);
  if (!filter.ok())
    return absl::InvalidArgumentError(
        absl::StrCat("--filter: ", std::string(filter.status().message())));
  options.scope.filter = *std::move(filter);
  return options;
}

void Print(const Flags& flags, const docs::SyncStatus& status, const docs::SyncState& state) {
  const auto number = [](uint64_t n) { return static_cast<unsigned long long>(n); };
  const char* const format =
      flags.hub.format == "json"
          ? "{\"pushed\": %llu, \"pulled\": %llu, \"rejected\": %llu, \"queued\": %llu, "
            "\"checkpoint\": %llu}\n"
          : "pushed %llu, pulled %llu, rejected %llu; queued %llu; the hub's sequence is %llu\n";
  std::printf(format, number(status.pushed), number(status.pulled), number(status.rejected),
              number(state.queued), number(state.checkpoint));
}

// How far a sync is, on a terminal.
class Progress final {
 public:
  bool visible() const { return pushed_.visible(); }

  void Show(const docs::SyncStatus& status, const docs::SyncState& state) {
    if (!state.enqueued) return queued_.Show(state.queued, -1);
    // (What is pushed stays queued until it was pulled.)
    all_ = std::max(all_, state.queued);
    if (status.pushed >= all_) return pulled_.Show(status.pulled, -1);
    pushed_.Show(status.pushed, static_cast<int>(status.pushed * 100 / all_));
  }

 private:
  DocsProgress queued_{"queued"};
  DocsProgress pushed_{"pushed", "changes"};
  DocsProgress pulled_{"pulled"};
  uint64_t all_ = 0;
};

absl::Status SyncOnce(Fiber& fiber, docs::Store& store, docs::Syncer& syncer) {
  Progress progress;
  fiber::Scope showing(store.environment().scheduler);
  if (progress.visible()) {
    showing.Spawn("sync.progress", [&](Fiber& shower) {
      for (;;) {
        shower.SleepFor(kProgressPause);
        progress.Show(syncer.status(), store.state()->state.sync);
      }
    });
  }
  return syncer.Once(fiber);
}

// On the store's thread.
absl::Status SyncOn(Fiber& fiber, docs::Store& store, const Flags& flags,
                    const docs::SyncOptions& options, bool is_tls) {
  runtime::Environment& environment = store.environment();
  std::unique_ptr<edge::TlsNetwork> tls;
  if (is_tls) {
    const edge::TlsDevices devices{environment.scheduler, environment.network, environment.clock,
                                   environment.trace};
    ASSIGN_OR_RETURN(tls, edge::TlsNetwork::Open(fiber, devices, HubTls(flags.hub)));
  }
  runtime::Network& network =
      tls != nullptr ? static_cast<runtime::Network&>(*tls) : environment.network;
  docs::Syncer syncer(store, environment, network, options);
  if (flags.is_live) {
    syncer.Run(fiber);
    return absl::OkStatus();
  }
  const absl::Status synced = SyncOnce(fiber, store, syncer);
  if (synced.ok()) Print(flags, syncer.status(), store.state()->state.sync);
  return synced;
}

int RunSync(const Flags& flags) {
  bool is_tls = false;
  const auto options = OptionsOf(flags, &is_tls);
  if (!options.ok()) return FailDocs("sync", options.status());
  const auto store = Open(flags);
  if (!store.ok()) return FailStore("sync", flags, store.status());
  const auto done =
      (*store)->OnStore([&](Fiber& fiber, docs::Store& on) -> absl::StatusOr<docs::WriteResult> {
        RETURN_IF_ERROR(SyncOn(fiber, on, flags, *options, is_tls));
        return docs::WriteResult();
      });
  return done.ok() ? kExitOk : FailStore("sync", flags, done.status());
}

std::string Show(const docs::Head& head) {
  if (head.deleted) return "(deleted)";
  return docs::ToJson(docs::Document::FromBytes(head.document));
}

// {coll, id, heads: [{rev, deleted, doc}]}, the winner first.
docs::Document Describe(const docs::ConflictedDocument& one) {
  std::string bytes;
  docs::Writer writer(bytes);
  writer.AppendString("coll", one.collection);
  writer.Append("id", one.id);
  const size_t heads = writer.Begin("heads", docs::Type::kArray);
  for (size_t i = 0; i < one.heads.all.size(); ++i) {
    const docs::Head& head = one.heads.all[i];
    const size_t inner = writer.Begin(std::to_string(i), docs::Type::kDocument);
    writer.AppendString("rev", head.rev.ToText());
    writer.AppendBool("deleted", head.deleted);
    if (!head.deleted) writer.Append("doc", {docs::Type::kDocument, head.document});
    writer.End(inner);
  }
  writer.End(heads);
  writer.Finish();
  return docs::Document::FromBytes(std::move(bytes));
}

int RunConflicts(const Flags& flags) {
  const auto store = Open(flags);
  if (!store.ok()) return FailStore("conflicts", flags, store.status());
  absl::StatusOr<std::vector<docs::ConflictedDocument>> all = absl::UnknownError("not read");
  const docs::ReadStateRef state = (*store)->state();
  (*store)->Read([&](Fiber& fiber) { all = docs::ReadConflicts(fiber, *state, kShownMax); });
  if (!all.ok()) return FailStore("conflicts", flags, all.status());
  for (const docs::ConflictedDocument& one : *all) {
    if (flags.hub.format == "json") {
      std::printf("%s\n", docs::ToJson(Describe(one)).c_str());
      continue;
    }
    std::printf("%s %s\n", one.collection.c_str(), docs::ToText(one.id).c_str());
    for (size_t i = 0; i < one.heads.all.size(); ++i) {
      std::printf("  %s %s %s\n", i == 0 ? "winner" : "loser ",
                  one.heads.all[i].rev.ToText().c_str(), Show(one.heads.all[i]).c_str());
    }
  }
  return kExitOk;
}

// A write that takes in all conflicts: with the body that was chosen, or as it is.
absl::StatusOr<docs::WriteResult> Resolve(Fiber& fiber, docs::Store& store, const Flags& flags) {
  const docs::Value id = IdOf(flags.id);
  ASSIGN_OR_RETURN(const docs::Heads heads,
                   docs::ReadHeads(fiber, *store.state(), flags.collection, id));
  if (heads.all.size() < 2) return absl::FailedPreconditionError("the document has no conflicts");
  const auto rev = flags.rev.empty() ? heads.all[0].rev : docs::Revision::FromText(flags.rev);
  const docs::Head* const chosen = rev ? heads.Find(*rev) : nullptr;
  if (chosen == nullptr)
    return absl::InvalidArgumentError(absl::StrCat("--take '", flags.rev, "' is no head of it"));
  docs::WriteOptions options;
  for (size_t i = 1; i < heads.all.size(); ++i) options.resolves.push_back(heads.all[i].rev);
  docs::Document by_id{{"_id", id}};
  if (chosen->deleted) {
    docs::Operation remove = docs::DeleteOp(flags.collection, by_id, false, options);
    return store.Write(fiber, std::move(remove));
  }
  options.upsert = true;
  return store.Write(fiber, docs::ReplaceOp(flags.collection, std::move(by_id),
                                            docs::Document::FromBytes(chosen->document), options));
}

int RunResolve(const Flags& flags) {
  const auto store = Open(flags);
  if (!store.ok()) return FailStore("resolve", flags, store.status());
  const auto done =
      (*store)->OnStore([&](Fiber& fiber, docs::Store& on) { return Resolve(fiber, on, flags); });
  if (!done.ok()) return FailStore("resolve", flags, done.status());
  std::printf("written as %s\n", done->rev.ToText().c_str());
  return kExitOk;
}

int RunRejected(const Flags& flags) {
  const auto store = Open(flags);
  if (!store.ok()) return FailStore("rejected", flags, store.status());
  absl::StatusOr<std::vector<docs::RejectedChange>> all = absl::UnknownError("not read");
  const docs::ReadStateRef state = (*store)->state();
  (*store)->Read([&](Fiber& fiber) { all = docs::ReadRejected(fiber, *state, kShownMax); });
  if (!all.ok()) return FailStore("rejected", flags, all.status());
  for (const docs::RejectedChange& one : *all) {
    const bool is_put = one.mutation.op == docs::MutationOp::kPut;
    const docs::Document shown{
        {"coll", docs::Value(state->catalog->Find(one.mutation.collection)->name)},
        {"id", one.mutation.id},
        {"rev", docs::Value(one.mutation.rev.ToText())},
        {"code", docs::Value(one.why.code)},
        {"detail", docs::Value(one.why.detail)},
        {"doc",
         is_put ? docs::Value(docs::Document::FromBytes(one.mutation.document)) : docs::Value()}};
    std::printf("%s\n", docs::ToJson(shown).c_str());
  }
  return kExitOk;
}

constexpr char kSyncFooter[] = R"(
The first sync makes the store a synced one: what is in it goes to the hub, too. From then on it
stays in this tenant and namespace. It works as well without the hub; what is written waits in a
queue. Where two stores have changed the same document, the later change is shown by both, and the
other is kept: see `lockstep docs conflicts` and `resolve`.

Examples:
  lockstep docs sync memory --hub http://10.0.0.1:2379,http://10.0.0.2:2379 --token-file laptop.token \
      --tenant acme
  lockstep docs sync memory --hub https://hub.example:7700 --token-file laptop.token --tenant acme \
      --ns notes --live

Exit status: 0 nothing is left to push or to pull; 1 the hub or the store refused, or one of them is
damaged; 2 the command line makes no sense; 3 no node of the hub answered.)";

CLI::App* AddCommand(CLI::App& docs, const char* name, const char* what, const FlagsRef& flags) {
  CLI::App* const app = docs.add_subcommand(name, what);
  AddDocsDirectory(*app, flags->store);
  return app;
}

}  // namespace

std::vector<Command> AddDocsSync(CLI::App& docs) {
  std::vector<Command> commands;
  auto syncing = std::make_shared<Flags>();
  CLI::App* const sync = AddCommand(docs, "sync", "Sync a store with a hub", syncing);
  sync->footer(kSyncFooter);
  AddHubFlags(*sync, syncing->hub);
  sync->add_option("--tenant", syncing->tenant, "Whose documents these are")->required();
  sync->add_option("--ns", syncing->space, "The namespace")->capture_default_str();
  sync->add_option("--collections", syncing->collections, "Only these, separated by commas")
      ->delimiter(',');
  sync->add_option("--filter", syncing->filter, "Pull only documents that match, as JSON");
  sync->add_flag("--live", syncing->is_live, "Go on until interrupted");
  sync->add_flag("--json", syncing->speaks_json, "Speak JSON with the hub instead of BSON");
  commands.push_back({sync, [syncing] { return RunSync(*syncing); }});

  auto listing = std::make_shared<Flags>();
  CLI::App* const conflicts =
      AddCommand(docs, "conflicts", "Documents with changes that lost, and those", listing);
  conflicts->add_option("-w,--write-out", listing->hub.format, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  commands.push_back({conflicts, [listing] { return RunConflicts(*listing); }});

  auto resolving = std::make_shared<Flags>();
  CLI::App* const resolve =
      AddCommand(docs, "resolve", "Settle the conflicts of a document", resolving);
  resolve->add_option("COLLECTION", resolving->collection, "Where it is")->required();
  resolve->add_option("ID", resolving->id, "Its _id: JSON, or else a string")->required();
  resolve->add_option("--take", resolving->rev, "The revision to go on with (the winner)");
  commands.push_back({resolve, [resolving] { return RunResolve(*resolving); }});

  auto refused = std::make_shared<Flags>();
  CLI::App* const rejected =
      AddCommand(docs, "rejected", "Changes that the hub has refused", refused);
  commands.push_back({rejected, [refused] { return RunRejected(*refused); }});
  return commands;
}

}  // namespace lockstep::cli
