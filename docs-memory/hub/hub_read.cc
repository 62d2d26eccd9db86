#include "docs-memory/hub/hub_read.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/hub/hub_audit.h"
#include "docs-memory/hub/hub_change.h"
#include "docs-memory/hub/mutants.h"
#include "docs-memory/query/filter.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

// A page ends when it has looked at so many, however few of them were asked for.
constexpr int64_t kLookedAtMax = 5000;

bool HasPrefix(const machine::Iterator& iterator, std::string_view prefix) {
  return iterator.Valid() && iterator.key().substr(0, prefix.size()) == prefix;
}

WireError Refusal(int status, std::string_view code, std::string message) {
  WireError error;
  error.status = status;
  error.code = code;
  error.message = std::move(message);
  return error;
}

size_t BytesOf(const Heads& heads) {
  size_t bytes = 200;
  for (const Head& head : heads.all) bytes += 120 + head.document.size();
  return bytes;
}

// Whether the page may be made; if so, the filter.
absl::StatusOr<std::optional<Filter>> Check(const PullRequest& request, uint64_t epoch,
                                            const HubScope& scope, WireError* refusal) {
  std::optional<Filter> filter;
  // Planted bug M194: sequences are sequences, whatever the hub has lost since.
  if (request.epoch != 0 && request.epoch != epoch &&
      !mutant::Enabled(mutant::kM194OldEpochAccepted)) {
    *refusal = Refusal(409, "E_EPOCH", absl::StrCat("the hub's epoch is ", HexOf(epoch)));
  } else if (request.since > scope.last || (request.floor > scope.floor &&
                                            !mutant::Enabled(mutant::kM203FloorOfAnotherReplica))) {
    // This replica is behind the one that was asked before.
    // Planted bug M203: it tells of documents that were deleted, and nobody will tell that.
    *refusal = Refusal(503, "E_BEHIND", absl::StrCat("this node has applied up to ", scope.last));
    refusal->retryable = true;
  } else if (request.since != 0 && request.since < scope.floor && request.floor < scope.floor &&
             !mutant::Enabled(mutant::kM190PullFromBelowTheFloor)) {
    // Planted bug M190: what was deleted and purged since then is never told.
    *refusal = Refusal(410, "E_CHECKPOINT_TOO_OLD",
                       absl::StrCat("tombstones up to ", scope.floor, " are gone"));
  } else if (!request.filter.empty()) {
    auto parsed = Filter::Parse(request.filter.view());
    if (parsed.ok()) {
      filter = *std::move(parsed);
    } else {
      *refusal = Refusal(400, "E_PARSE", std::string(parsed.status().message()));
    }
  }
  return filter;
}

absl::Status ReadOwn(Fiber& fiber, const machine::StoreView& view, std::string_view scope,
                     const PullRequest& request, PullAnswer& answer) {
  if (request.node == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto row, view.Get(fiber, Column::kPrimary, NodeKey(scope, request.node)));
  if (!row) return absl::OkStatus();
  ASSIGN_OR_RETURN(const HubNode node, DecodeHubNode(*row));
  // (Where there are none, a seek would walk over all that were deleted.)
  const uint64_t from = std::max(request.own_from, node.confirmed + 1);
  if (from > node.last) return absl::OkStatus();
  const std::string prefix = VerdictPrefix(scope, request.node);
  const auto iterator = view.NewIterator(Column::kPrimary);
  for (iterator->Seek(fiber, VerdictKey(scope, request.node, from));
       HasPrefix(*iterator, prefix) && answer.own.size() < kPullOwnMax; iterator->Next(fiber)) {
    const uint64_t number = FromBigEndian(iterator->key().substr(prefix.size()));
    ASSIGN_OR_RETURN(HubVerdict verdict, DecodeHubVerdict(iterator->value(), number));
    verdict.verdict.rev = verdict.rev;
    answer.own.push_back(std::move(verdict.verdict));
  }
  return iterator->status();
}

absl::StatusOr<HubDocument> DocumentAt(Fiber& fiber, const machine::StoreView& view,
                                       std::string_view key) {
  ASSIGN_OR_RETURN(const auto row, view.Get(fiber, Column::kPrimary, key));
  if (!row) return absl::DataLossError("hub: a change of a document that is not there");
  return DecodeHubDocument(*row);
}

}  // namespace

absl::StatusOr<PullOutcome> Pull(Fiber& fiber, const machine::StoreView& view, uint64_t epoch,
                                 const PullRequest& request) {
  PullOutcome outcome;
  PullAnswer& answer = outcome.answer;
  const std::string scope = ScopeOf(request.tenant, request.space);
  ASSIGN_OR_RETURN(const HubScope counts, ReadScope(fiber, view, scope));
  const uint64_t last = counts.last;
  ASSIGN_OR_RETURN(const auto filter, Check(request, epoch, counts, &outcome.refusal));
  if (!outcome.refusal.code.empty()) return outcome;
  answer.epoch = epoch;
  answer.floor = counts.floor;
  answer.checkpoint = request.since;
  const std::string prefix = ChangePrefix(scope);
  int64_t looked_at = 0;
  int64_t bytes = 0;
  const auto iterator = view.NewIterator(Column::kIndex);
  for (iterator->Seek(fiber, ChangeKey(scope, request.since + 1)); HasPrefix(*iterator, prefix);
       iterator->Next(fiber)) {
    const bool is_full = static_cast<int64_t>(answer.changes.size()) >= request.count_max ||
                         (!answer.changes.empty() && bytes >= request.bytes_max);
    answer.more = is_full || looked_at++ == kLookedAtMax;
    if (answer.more) break;
    answer.checkpoint = FromBigEndian(iterator->key().substr(prefix.size()));
    ASSIGN_OR_RETURN(HubDocument document, DocumentAt(fiber, view, iterator->value()));
    if (!request.collections.empty() &&
        !std::binary_search(request.collections.begin(), request.collections.end(),
                            document.collection)) {
      continue;
    }
    PulledChange& change = answer.changes.emplace_back();
    const Head* const winner = document.heads.winner();
    // (A tombstone is told to everybody: it has no fields to ask.)
    const bool fits = !filter || winner == nullptr || winner->deleted ||
                      filter->Matches(std::string_view(winner->document));
    change.collection = std::move(document.collection);
    change.id = std::move(document.id);
    change.kind = fits ? PulledChange::Kind::kState : PulledChange::Kind::kRemove;
    change.heads = std::move(document.heads);
    // Planted bug M64: who lost is not worth telling.
    if (mutant::Enabled(mutant::kM64ConflictsNotPulled)) change.heads.all.resize(1);
    if (!fits) change.heads.all.clear();
    bytes += static_cast<int64_t>(BytesOf(change.heads));
  }
  RETURN_IF_ERROR(iterator->status());
  if (!answer.more) answer.checkpoint = last;
  // Planted bug M66: everything was looked at, says the page.
  if (mutant::Enabled(mutant::kM66CheckpointAfterFilter)) answer.checkpoint = last;
  RETURN_IF_ERROR(ReadOwn(fiber, view, scope, request, answer));
  return outcome;
}

absl::StatusOr<Heads> ReadHubHeads(Fiber& fiber, const machine::StoreView& view,
                                   std::string_view scope, std::string_view collection,
                                   ValueRef id) {
  ASSIGN_OR_RETURN(const auto row,
                   view.Get(fiber, Column::kPrimary, HubDocumentKey(scope, collection, KeyOf(id))));
  if (!row) return Heads();
  ASSIGN_OR_RETURN(HubDocument document, DecodeHubDocument(*row));
  return std::move(document.heads);
}

absl::StatusOr<Document> ReadHubHistory(Fiber& fiber, const machine::StoreView& view,
                                        std::string_view scope, std::string_view collection,
                                        ValueRef id) {
  std::map<uint64_t, HubVersion> versions;
  const std::string prefix = "v" + HubDocumentKey(scope, collection, KeyOf(id));
  const auto iterator = view.NewIterator(Column::kHistory);
  for (iterator->Seek(fiber, prefix); HasPrefix(*iterator, prefix); iterator->Next(fiber)) {
    ASSIGN_OR_RETURN(HubVersion version, DecodeHubVersion(iterator->value()));
    versions.emplace(version.sequence, std::move(version));
  }
  RETURN_IF_ERROR(iterator->status());
  std::string bytes;
  Writer writer(bytes);
  const size_t list = writer.Begin("versions", Type::kArray);
  size_t i = 0;
  for (const auto& [sequence, version] : versions) {
    const size_t one = writer.Begin(std::to_string(i++), Type::kDocument);
    writer.AppendInt64("seq", static_cast<int64_t>(sequence));
    writer.AppendString("rev", version.head.rev.ToText());
    if (!version.base.none()) writer.AppendString("base", version.base.ToText());
    const size_t resolves = writer.Begin("resolves", Type::kArray);
    for (size_t r = 0; r < version.resolves.size(); ++r)
      writer.AppendString(std::to_string(r), version.resolves[r].ToText());
    writer.End(resolves);
    writer.AppendBool("deleted", version.head.deleted);
    writer.AppendInt64("time", version.time_ms);
    if (!version.head.deleted) writer.Append("doc", {Type::kDocument, version.head.document});
    writer.End(one);
  }
  writer.End(list);
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

absl::StatusOr<Document> ReadHubConflicts(Fiber& fiber, const machine::StoreView& view,
                                          std::string_view scope, uint64_t count_max) {
  PullAnswer found;
  const std::string prefix = HubDocumentPrefix(scope);
  const auto iterator = view.NewIterator(Column::kPrimary);
  for (iterator->Seek(fiber, prefix);
       HasPrefix(*iterator, prefix) && found.changes.size() < count_max; iterator->Next(fiber)) {
    ASSIGN_OR_RETURN(HubDocument document, DecodeHubDocument(iterator->value()));
    if (document.heads.all.size() < 2) continue;
    PulledChange& change = found.changes.emplace_back();
    change.collection = std::move(document.collection);
    change.id = std::move(document.id);
    change.heads = std::move(document.heads);
  }
  RETURN_IF_ERROR(iterator->status());
  const Document page = Encode(found);
  return Document{{"documents", Value(*page.Find("changes"))}};
}

absl::StatusOr<Document> ReadHubStats(Fiber& fiber, const machine::StoreView& view,
                                      int64_t seen_after_ms) {
  int64_t nodes = 0;
  uint64_t sequence = 0;
  uint64_t lag = 0;
  uint64_t verdicts = 0;
  std::map<std::string, HubScope> scopes;
  const auto rows = view.NewIterator(Column::kPrimary);
  for (rows->Seek(fiber, "s"); HasPrefix(*rows, "s"); rows->Next(fiber)) {
    HubScope& counts = scopes[std::string(rows->key().substr(1))];
    ASSIGN_OR_RETURN(counts, DecodeHubScope(rows->value()));
    sequence += counts.last;
  }
  RETURN_IF_ERROR(rows->status());
  for (rows->Seek(fiber, "n"); HasPrefix(*rows, "n"); rows->Next(fiber), ++nodes) {
    ASSIGN_OR_RETURN(const HubNode node, DecodeHubNode(rows->value()));
    verdicts += node.last - node.confirmed;
    const uint64_t last = scopes[ScopeOfKey(rows->key())].last;
    if (node.seen_ms > seen_after_ms && node.checkpoint < last)
      lag = std::max(lag, last - node.checkpoint);
  }
  RETURN_IF_ERROR(rows->status());
  const auto number = [](uint64_t n) { return Value(static_cast<int64_t>(n)); };
  return Document{{"scopes", number(scopes.size())},
                  {"nodes", Value(nodes)},
                  {"sequence", number(sequence)},
                  {"lag", number(lag)},
                  {"verdicts", number(verdicts)}};
}

namespace {

absl::StatusOr<uint64_t> CountOf(Fiber& fiber, const machine::StoreView& view, Column column,
                                 std::string_view prefix) {
  uint64_t count = 0;
  const auto rows = view.NewIterator(column);
  for (rows->Seek(fiber, prefix); HasPrefix(*rows, prefix); rows->Next(fiber)) ++count;
  RETURN_IF_ERROR(rows->status());
  return count;
}

// What is wrong with one document; counts what has to be listed for it.
absl::StatusOr<std::string> Examine(Fiber& fiber, const machine::StoreView& view,
                                    const std::string& key, const HubDocument& document,
                                    uint64_t* expiring, uint64_t* graves) {
  const std::string scope = ScopeOfKey(key);
  const Heads& heads = document.heads;
  ASSIGN_OR_RETURN(const auto change,
                   view.Get(fiber, Column::kIndex, ChangeKey(scope, heads.sequence)));
  ASSIGN_OR_RETURN(const HubScope counts, ReadScope(fiber, view, scope));
  if (!change || *change != key || heads.sequence > counts.last || heads.all.empty())
    return absl::StrCat("is not found under its sequence ", heads.sequence);
  for (const Head& head : heads.all) {
    ASSIGN_OR_RETURN(const auto version,
                     view.Get(fiber, Column::kHistory, HubVersionKey(key, head.rev)));
    if (!version) return absl::StrCat("has no version of its head ", head.rev.ToText());
  }
  if (IsGrave(heads)) {
    ++*graves;
    ASSIGN_OR_RETURN(const auto grave,
                     view.Get(fiber, Column::kIndex, GraveKey(scope, heads.sequence)));
    if (!grave) return std::string("is not listed among the deleted");
  }
  if (!heads.all[0].deleted && heads.all[0].expires_ms != 0) {
    ++*expiring;
    ASSIGN_OR_RETURN(const auto expiry,
                     view.Get(fiber, Column::kIndex, HubExpiryKey(heads.all[0].expires_ms, key)));
    if (!expiry) return std::string("is not listed among those that expire");
  }
  return std::string();
}

}  // namespace

absl::Status VerifyHub(Fiber& fiber, const machine::StoreView& view) {
  uint64_t documents = 0;
  uint64_t expiring = 0;
  uint64_t graves = 0;
  const auto rows = view.NewIterator(Column::kPrimary);
  for (rows->Seek(fiber, "d"); HasPrefix(*rows, "d"); rows->Next(fiber), ++documents) {
    ASSIGN_OR_RETURN(const HubDocument document, DecodeHubDocument(rows->value()));
    ASSIGN_OR_RETURN(const std::string wrong,
                     Examine(fiber, view, std::string(rows->key()), document, &expiring, &graves));
    if (!wrong.empty())
      return absl::DataLossError(
          absl::StrCat("hub: ", ToText(document.id), " of ", document.collection, " ", wrong));
  }
  RETURN_IF_ERROR(rows->status());
  struct List {
    std::string_view prefix;
    uint64_t wanted;
  };
  for (const List& list :
       {List{"c", documents}, List{kHubExpiryPrefix, expiring}, List{kGravePrefix, graves}}) {
    ASSIGN_OR_RETURN(const uint64_t met, CountOf(fiber, view, Column::kIndex, list.prefix));
    if (met != list.wanted) {
      return absl::DataLossError(absl::StrCat("hub: ", met, " rows '", std::string(list.prefix),
                                              "' instead of ", list.wanted));
    }
  }
  return VerifyHubAudit(fiber, view);
}

}  // namespace lockstep::docs
