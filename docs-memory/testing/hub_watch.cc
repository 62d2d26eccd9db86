#include "docs-memory/testing/hub_watch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/hub/hub_audit.h"
#include "docs-memory/hub/hub_keys.h"
#include "docs-memory/hub/hub_node.h"
#include "docs-memory/hub/hub_read.h"
#include "docs-memory/sync/fields.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

constexpr char kBackup = 'B';
constexpr Column kColumns[] = {Column::kPrimary, Column::kIndex, Column::kHistory};

// What is there becomes the backup, or the other way round.
absl::Status Exchange(Fiber& fiber, bool restores, machine::StoreTransaction& store) {
  for (const Column column : kColumns) {
    std::map<std::string, std::string> rows;
    const auto iterator = store.NewIterator(column);
    for (iterator->Seek(fiber, ""); iterator->Valid(); iterator->Next(fiber)) {
      const std::string key(iterator->key());
      const bool is_backup = key[0] == kBackup;
      if (is_backup == restores) rows.emplace(key, iterator->value());
      if (is_backup != restores) store.Delete(column, key);
    }
    RETURN_IF_ERROR(iterator->status());
    for (const auto& [key, value] : rows)
      store.Put(column, restores ? key.substr(1) : kBackup + key, value);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, uint64_t>> Trails(Fiber& fiber,
                                                       const machine::StoreView& view) {
  std::map<std::string, uint64_t> trails;
  const auto heads = view.NewIterator(Column::kPrimary);
  for (heads->Seek(fiber, kHubAuditHeadPrefix); heads->Valid(); heads->Next(fiber)) {
    if (heads->key().substr(0, 1) != kHubAuditHeadPrefix) break;
    trails[std::string(heads->key().substr(1))] = FromBigEndian(heads->value().substr(0, 8));
  }
  RETURN_IF_ERROR(heads->status());
  return trails;
}

HubTruth::Version VersionIn(ValueRef value) {
  Fields fields(value.bytes);
  HubTruth::Version version;
  version.sequence = fields.Number("seq");
  version.time_ms = static_cast<int64_t>(fields.Number("time"));
  version.head.rev = fields.RevOr("rev", {});
  version.base = fields.RevOr("base", {});
  version.head.deleted = fields.BoolOr("deleted", false);
  fields.ForEach("resolves", [&](ValueRef rev) -> absl::Status {
    version.resolves.push_back(*Revision::FromText(rev.string()));
    return absl::OkStatus();
  });
  CHECK_OK(fields.status());
  return version;
}

}  // namespace

// A replica's machine.
class HubWatch::Machine final : public machine::StateMachine {
 public:
  explicit Machine(HubWatch& watch) : watch_(watch) {}

  absl::StatusOr<std::string> Apply(Fiber& fiber, std::string_view command,
                                    machine::ApplyContext& context) override {
    machine::StoreTransaction& store = context.store();
    const auto call = ParseDocument(command);
    const std::string what = call.ok() ? Fields(call->view()).StringOr("c", "") : std::string();
    if (what == "test.backup" || what == "test.restore") {
      const bool restores = what == "test.restore";
      if (restores) {
        const auto backup = store.NewIterator(Column::kPrimary);
        backup->Seek(fiber, std::string(1, kBackup));
        // (Nothing was put aside.)
        if (!backup->Valid() || backup->key()[0] != kBackup) return std::string();
      }
      RETURN_IF_ERROR(Exchange(fiber, restores, store));
      if (!restores) return std::string();
      HubCall change;
      change.what = "epoch";
      change.salt = static_cast<uint64_t>(call->Find("salt")->int64());
      if (watch_.IsFirst(context.index()))
        RETURN_IF_ERROR(watch_.NoteRestore(fiber, store, change.salt));
      return hub_.Apply(fiber, Encode(change), context);
    }
    ASSIGN_OR_RETURN(const auto trails, Trails(fiber, store));
    ASSIGN_OR_RETURN(std::string reply, hub_.Apply(fiber, command, context));
    if (!watch_.IsFirst(context.index())) return reply;
    if (what == "push") {
      watch_.NotePush(FindField(command, "body")->bytes, reply, context.time().ns / 1'000'000);
    } else if (what == "retention") {
      RETURN_IF_ERROR(watch_.NoteRetention(fiber, store, trails));
    }
    return reply;
  }
  absl::StatusOr<std::string> Query(Fiber& fiber, std::string_view request,
                                    const machine::StoreView& view) override {
    return hub_.Query(fiber, request, view);
  }
  absl::Status Load(Fiber& fiber, const machine::StoreView& view) override {
    return hub_.Load(fiber, view);
  }
  void LeaderDuty(Fiber& fiber, machine::Proposer& proposer) override {
    hub_.LeaderDuty(fiber, proposer);
  }
  absl::Status CheckInvariants(Fiber& fiber, const machine::StoreView& view) override {
    return hub_.CheckInvariants(fiber, view);
  }

 private:
  HubWatch& watch_;
  HubMachine hub_;
};

// A node's HTTP.
class HubWatch::Door final : public edge::HttpHandler {
 public:
  Door(replica::GroupClient& client, runtime::Environment& environment,
       const HubServiceOptions& options)
      : client_(client), environment_(environment), service_(client, environment, options) {}

  edge::HttpResponse Handle(Fiber& fiber, const edge::HttpRequest& request) override {
    if (request.path().substr(0, 6) != "/test/") return service_.Handle(fiber, request);
    HubCall call;
    call.what = request.path() == "/test/backup" ? "test.backup" : "test.restore";
    call.salt = environment_.random.Draw("test.epoch") >> 1;
    edge::HttpResponse response;
    response.headers.Add("Content-Type", kJsonType);
    response.body = "{}";
    const auto done = client_.Propose(fiber, Encode(call), fiber.now() + Seconds(5));
    if (!done.ok()) response.status = 503;
    return response;
  }
  edge::HttpResponse Refuse(const edge::HttpRefusal& refusal) override {
    return service_.Refuse(refusal);
  }

 private:
  replica::GroupClient& client_;
  runtime::Environment& environment_;
  HubService service_;
};

void HubWatch::Configure(replica::NodeOptions& options, const HubServiceOptions& service) {
  ConfigureHub(options, service);
  options.make_machine = [this] { return std::make_unique<Machine>(*this); };
  options.make_http = [service](replica::GroupClient& client, runtime::Environment& environment) {
    return std::make_unique<Door>(client, environment, service);
  };
}

// (Before any replica applies an entry, some replica has applied every earlier one.)
bool HubWatch::IsFirst(uint64_t index) {
  if (index <= index_) return false;
  index_ = index;
  return true;
}

void HubWatch::NotePush(std::string_view request, std::string_view reply, int64_t now_ms) {
  const auto push = DecodePushRequest(request);
  const auto told = DecodeReply(reply);
  if (!push.ok() || !told.ok() || told->status != 200 || push->space != space_) return;
  const auto answer = DecodePushAnswer(told->body.view());
  CHECK_OK(answer.status());
  if (push->checkpoint > 0) told_[push->node] = {push->epoch, push->checkpoint};
  for (size_t i = 0; i < answer->verdicts.size(); ++i) {
    const PushChange& change = push->changes[i];
    if (answer->verdicts[i].verdict != Verdict::kApplied) continue;
    const std::string id(change.id.ref().string());
    auto& versions = ever_[push->tenant].documents[id].versions;
    if (const auto known = versions.find(change.edit.head.rev); known != versions.end()) {
      // (An answer of before, told again, is of the sequence of then.)
      if (known->second.sequence != answer->verdicts[i].sequence)
        Fail(absl::StrCat("applied twice: ", known->first.ToText(), " of ", id));
      continue;
    }
    CheckGrave(push->tenant, id, change.edit);
    HubTruth::Version version;
    version.sequence = answer->verdicts[i].sequence;
    version.time_ms = now_ms;
    version.base = change.edit.base;
    version.resolves = change.edit.resolves;
    version.head = change.edit.head;
    versions.emplace(change.edit.head.rev, std::move(version));
  }
}

// [reference: I17] Also if somebody has begun the document anew meanwhile.
void HubWatch::CheckGrave(const std::string& tenant, const std::string& id, const Edit& edit) {
  const auto grave = graves_.find({tenant, id});
  if (grave == graves_.end() || edit.base.none() || edit.head.rev > grave->second.rev) return;
  const auto& versions = ever_[tenant].documents[id].versions;
  const auto base = versions.find(edit.base);
  if (base != versions.end() && base->second.sequence > grave->second.sequence) return;
  Fail(absl::StrCat(id, " came back after it was deleted and purged: ", edit.head.rev.ToText(),
                    " of ", edit.base.ToText(), ", deleted with ", grave->second.rev.ToText()));
}

absl::Status HubWatch::NoteRetention(Fiber& fiber, const machine::StoreView& view,
                                     const std::map<std::string, uint64_t>& before) {
  ASSIGN_OR_RETURN(const auto trails, Trails(fiber, view));
  for (const auto& [tenant, last] : trails) {
    const auto seen = before.find(tenant);
    const uint64_t after = seen == before.end() ? 0 : seen->second;
    if (after == last) continue;
    ASSIGN_OR_RETURN(const Document trail, ReadHubAudit(fiber, view, tenant, after, 10));
    Fields records(trail.view());
    records.ForEach("records", [&](ValueRef record) -> absl::Status {
      Fields act(FindField(record, "act")->bytes);
      act.ForEach("changes", [&](ValueRef value) -> absl::Status {
        Fields change(value.bytes);
        const std::string op = change.String("op");
        const Revision rev = change.RevOr("rev", {});
        const Value id = change.Any("id");
        if (op == "purge") {
          ++purged_;
          const std::string text(id.ref().string());
          Grave& grave = graves_[{tenant, text}];
          grave.rev = std::max(grave.rev, rev);
          const auto& versions = ever_[tenant].documents[text].versions;
          if (const auto deleted = versions.find(rev); deleted != versions.end())
            grave.sequence = deleted->second.sequence;
        }
        if (op != "expire") return absl::OkStatus();
        ++expired_;
        ASSIGN_OR_RETURN(
            const Document history,
            ReadHubHistory(fiber, view, ScopeOf(tenant, space_), change.String("coll"), id));
        Fields versions(history.view());
        versions.ForEach("versions", [&](ValueRef one) -> absl::Status {
          HubTruth::Version version = VersionIn(one);
          if (version.head.rev == rev) {
            ever_[tenant].documents[std::string(id.ref().string())].versions.emplace(
                rev, std::move(version));
          }
          return absl::OkStatus();
        });
        return versions.status();
      });
      return act.status();
    });
    RETURN_IF_ERROR(records.status());
  }
  return absl::OkStatus();
}

size_t HubWatch::RestoresBefore(uint64_t epoch) const {
  const auto found = std::find(epochs_.begin(), epochs_.end(), epoch);
  return found == epochs_.end() ? 0 : static_cast<size_t>(found - epochs_.begin()) + 1;
}

// (Who begins anew has a checkpoint of its own again at the end only.)
std::string HubWatch::CheckTold(const ReadState& state) const {
  if (has_copies_) return {};
  const SyncState& sync = state.state.sync;
  const auto told = told_.find(state.state.node);
  if (told == told_.end() || sync.reconciling || told->second.first != sync.epoch) return {};
  if (sync.checkpoint >= told->second.second) return {};
  return absl::StrCat("the hub was told of checkpoint ", told->second.second,
                      ", and a power loss took it back to ", sync.checkpoint);
}

absl::Status HubWatch::NoteRestore(Fiber& fiber, const machine::StoreView& view, uint64_t epoch) {
  ++restored_;
  epochs_.push_back(epoch);
  graves_.clear();
  for (auto& [tenant, truth] : ever_) {
    ASSIGN_OR_RETURN(const HubScope counts, ReadScope(fiber, view, ScopeOf(tenant, space_)));
    for (auto& [id, one] : truth.documents) {
      std::erase_if(one.versions, [&](const auto& version) {
        const bool goes = version.second.sequence > counts.last;
        if (goes) undone_.emplace(version.first, version.second.head);
        return goes;
      });
    }
    std::erase_if(truth.documents,
                  [](const auto& document) { return document.second.versions.empty(); });
  }
  return absl::OkStatus();
}

}  // namespace lockstep::docs
