#include "docs-memory/testing/sync_oracle.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/query/filter.h"
#include "docs-memory/store/sync_reader.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

// (A tombstone has no document, and so no mark.)
std::string MarkOf(std::string_view document) {
  if (document.empty()) return {};
  const auto mark = FindField(document, "w");
  return mark && mark->is(Type::kString) ? std::string(mark->string()) : std::string();
}

std::string ToText(const Heads& heads) {
  std::string text;
  for (const Head& head : heads.all) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", head.rev.ToText(), " ",
                    head.deleted ? "deleted" : MarkOf(head.document));
  }
  return absl::StrCat("[", text, "] evicted ", heads.evicted);
}

bool SameHeads(const Heads& a, const Heads& b) {
  if (a.all.size() != b.all.size()) return false;
  for (size_t i = 0; i < a.all.size(); ++i) {
    const Head& x = a.all[i];
    const Head& y = b.all[i];
    if (x.rev != y.rev || x.deleted != y.deleted || x.document != y.document) return false;
  }
  return true;
}

bool Says(const Mutation& mutation, std::string_view field) {
  const auto value = FindField(mutation.document, field);
  return value && value->boolean();
}

}  // namespace

void SyncOracle::WillWrite(const std::string& tenant, const Document& document) {
  const auto canonical = Canonicalize(document, {.depth_max = 200});
  CHECK_OK(canonical.status());
  const bool is_new =
      written_.emplace(MarkOf(document.view()), std::make_pair(tenant, canonical->bytes())).second;
  CHECK(is_new);
}

void SyncOracle::Acknowledged(const Document& document) {
  acknowledged_.insert(MarkOf(document.view()));
}

void SyncOracle::Lost(const Head& head) { lost_.insert(MarkOf(head.document)); }

void SyncOracle::Forgive(const std::string& store, uint64_t after) {
  const std::string own = store + "-";
  for (auto mark = acknowledged_.lower_bound(own);
       mark != acknowledged_.end() && mark->substr(0, own.size()) == own; ++mark) {
    if (std::stoull(mark->substr(own.size())) > after) forgiven_.insert(*mark);
  }
}

void SyncOracle::FoundRejected(std::string_view code, std::string_view document) {
  // The only reasons that these universes give.
  if (code != "E_DOC_TOO_DEEP" && code != "E_DEPENDS_ON_REJECTED" && code != "E_DELETED") return;
  rejected_.insert(MarkOf(document));
}

std::string SyncOracle::CheckBody(const std::string& tenant, std::string_view document) const {
  const auto found = written_.find(MarkOf(document));
  if (found == written_.end())
    return absl::StrCat("nobody wrote ", ToJson(Document::FromBytes(std::string(document))));
  if (found->second.first != tenant)
    return absl::StrCat("a document of another tenant: ", found->first);
  if (found->second.second != document) return absl::StrCat("not as written: ", found->first);
  return {};
}

std::string SyncOracle::CheckStore(Fiber& fiber, const ReadState& state,
                                   const std::string& tenant) {
  if (const absl::Status verified = VerifyStore(fiber, state); !verified.ok())
    return verified.ToString();
  const auto rejected = ReadRejected(fiber, state, SIZE_MAX);
  if (!rejected.ok()) return rejected.status().ToString();
  std::set<Revision> refused;
  for (const RejectedChange& one : *rejected) {
    refused.insert(one.mutation.rev);
    FoundRejected(one.why.code, one.mutation.document);
  }
  const auto& scope = state.state.sync.scope;
  const bool is_filtered = scope != nullptr && !scope->filter.empty();
  std::map<std::string, std::pair<Revision, bool>> newest;  // by collection and id
  // What was there before is still there, and the hub may say something else than it did then.
  bool is_reconciling = false;
  for (Sequence sequence = state.state.history_from; sequence <= state.state.sequence; ++sequence) {
    const auto row = state.view->Get(fiber, machine::Column::kHistory, OplogKey(sequence));
    if (!row.ok() || !*row)
      return absl::StrCat("sequence ", sequence, " cannot be read: ", row.status().ToString());
    const auto mutation = DecodeOplogRow(**row);
    if (!mutation.ok()) return mutation.status().ToString();
    if (mutation->op == MutationOp::kSyncRejoin && !has_restores_ && !has_copies_)
      return absl::StrCat("at sequence ", sequence, " the hub did not know the node any more");
    // (Before, tombstones were nobody's business; and revisions that nobody has seen were mended.)
    const bool is_progress = mutation->op == MutationOp::kSyncProgress;
    if (mutation->op == MutationOp::kSyncEnable || mutation->op == MutationOp::kSyncRestamp ||
        (is_progress && Says(*mutation, "restarts"))) {
      newest.clear();
    }
    if (is_progress) is_reconciling = Says(*mutation, "reconciling");
    if (!mutation->of_document()) continue;
    if (mutation->op == MutationOp::kPut) {
      const std::string wrong = CheckBody(tenant, mutation->document);
      if (!wrong.empty()) return wrong;
    }
    auto& [last, is_deleted] = newest[absl::StrCat(mutation->collection, "/", KeyOf(mutation->id))];
    // (What was refused is taken back.)
    const bool forgets = has_purges_ || has_restores_;
    // (Of a restored hub, also with a deletion: what another store had queued of before.)
    const bool may_begin_anew =
        forgets && is_deleted && (mutation->op == MutationOp::kPut || has_restores_);
    const bool may_differ = forgets && is_reconciling && mutation->is_remote;
    // (What leaves the filter goes, but for changes that are still queued.)
    const bool left = is_filtered && mutation->is_remote;
    if (mutation->rev < last && refused.count(last) == 0 && !may_begin_anew && !may_differ &&
        !left) {
      return absl::StrCat("at sequence ", sequence, " ", docs::ToText(mutation->id),
                          " went back from ", last.ToText(), " to ", mutation->rev.ToText());
    }
    is_deleted = mutation->op != MutationOp::kPut;
    last = mutation->rev;
  }
  return {};
}

// [reference: I5, I17] What nothing has replaced, highest first. What was deleted may be forgotten,
// and then nothing of before may come back.
std::string SyncOracle::CheckHeads(const std::string& id, const Heads& heads,
                                   const HubTruth::One& ever) const {
  std::set<Revision> replaced;
  for (const auto& [rev, version] : ever.versions) {
    replaced.insert(version.base);
    replaced.insert(version.resolves.begin(), version.resolves.end());
  }
  // (What a restored hub hears of once more, after what has replaced it, is a head once more.)
  for (const auto& [rev, version] : ever.versions) {
    const HubTruth::Version* by = nullptr;
    for (const auto& [other, one] : ever.versions) {
      const bool replaces = one.base == rev || std::find(one.resolves.begin(), one.resolves.end(),
                                                         rev) != one.resolves.end();
      if (replaces && (by == nullptr || one.sequence > by->sequence)) by = &one;
    }
    if (has_restores_ && by != nullptr && by->sequence < version.sequence) replaced.erase(rev);
  }
  Heads wanted;
  for (auto version = ever.versions.rbegin(); version != ever.versions.rend(); ++version) {
    if (replaced.count(version->first) == 0) wanted.all.push_back(version->second.head);
  }
  if (heads.evicted > 0 || wanted.all.size() > kHeadsMax) return {};
  // (The hub itself has deleted it, since it was asked.)
  if (SameHeads(wanted, heads) || (!wanted.all.empty() && wanted.all[0].rev.node == 0)) return {};
  const std::string wrong =
      absl::StrCat("the heads of ", id, " are ", ToText(heads), ", should be ", ToText(wanted));
  for (const Head& head : heads.all) {
    if (wanted.Find(head.rev) == nullptr) return wrong;
  }
  for (const Head& head : wanted.all) {
    if (heads.Find(head.rev) != nullptr) continue;
    if (!head.deleted) return wrong;
    if (heads.all.empty() || head.rev < heads.all[0].rev) continue;
    // Only who knew nothing of the document may begin it anew.
    const HubTruth::Version* root = &ever.versions.at(heads.all[0].rev);
    for (auto base = ever.versions.find(root->base); base != ever.versions.end();
         base = ever.versions.find(root->base)) {
      root = &base->second;
    }
    if (!root->base.none() || root->sequence < ever.versions.at(head.rev).sequence)
      return absl::StrCat("came back after it was deleted: ", wrong);
  }
  return {};
}

std::string SyncOracle::CheckVersion(const std::string& tenant, const HubTruth::Version& version,
                                     const HubTruth::One& ever) {
  const Revision& rev = version.head.rev;
  if (static_cast<int64_t>(rev.ms) - version.time_ms > static_cast<int64_t>(kClockSkewMsMax) + 1)
    return absl::StrCat("the hub took ", rev.ToText(), " at ", version.time_ms, " ms");
  if (rev.node == 0) {
    // [reference: I20]
    const auto base = ever.versions.find(version.base);
    const int64_t expires = base == ever.versions.end() ? 0 : base->second.head.expires_ms;
    if (version.head.deleted && expires != 0 && expires <= version.time_ms) return {};
    return absl::StrCat("the hub deleted ", version.base.ToText(), " at ", version.time_ms,
                        " ms, which ends at ", expires, " ms");
  }
  if (version.head.deleted) return {};
  if (const std::string wrong = CheckBody(tenant, version.head.document); !wrong.empty())
    return absl::StrCat("hub: ", wrong);
  // (A version that is written once more has another mark. Of what was copied while it was queued,
  // each copy may have to give it another revision.)
  const bool is_new = arrived_.insert(MarkOf(version.head.document)).second;
  return is_new || has_copies_ ? ""
                               : absl::StrCat("applied twice: ", MarkOf(version.head.document));
}

std::string SyncOracle::CheckTruth(const std::string& tenant, const HubTruth& truth,
                                   const HubTruth& ever) {
  for (const auto& [id, one] : ever.documents) {
    for (const auto& [rev, version] : one.versions) {
      const std::string wrong = CheckVersion(tenant, version, one);
      if (!wrong.empty()) return wrong;
    }
    const auto there = truth.documents.find(id);
    const std::string wrong =
        CheckHeads(id, there == truth.documents.end() ? Heads() : there->second.heads, one);
    if (!wrong.empty()) return wrong;
  }
  for (const auto& [id, one] : truth.documents) {
    if (one.heads.all.size() > 1) ++conflicts_;
    const auto known = ever.documents.find(id);
    if (known == ever.documents.end()) return absl::StrCat("nobody has pushed ", id);
    for (const auto& [rev, version] : one.versions) {
      const auto same = known->second.versions.find(rev);
      if (same == known->second.versions.end() ||
          same->second.head.document != version.head.document) {
        return absl::StrCat("nobody has pushed ", rev.ToText(), " of ", id);
      }
    }
  }
  return {};
}

std::string SyncOracle::CheckConverged(Fiber& fiber, const ReadState& state, const HubTruth& truth,
                                       const Document& filter) {
  auto fits = Filter::Parse(filter.view());
  CHECK_OK(fits.status());
  for (const auto& [id, one] : truth.documents) {
    const auto heads = ReadHeads(fiber, state, "facts", Value(id));
    if (!heads.ok()) return heads.status().ToString();
    const Head& winner = one.heads.all[0];
    // (The hub has deleted it meanwhile: it was its time.)
    if (winner.expires_ms != 0 && !heads->all.empty() && heads->all[0].rev.node == 0) continue;
    const bool is_seen = winner.deleted || fits->Matches(std::string_view(winner.document));
    if (!is_seen && heads->all.empty()) continue;
    if (!is_seen) return absl::StrCat("outside of the filter, and there: ", id);
    if (!SameHeads(*heads, one.heads)) {
      return absl::StrCat("did not converge: ", id, " is ", ToText(*heads), ", at the hub ",
                          ToText(one.heads));
    }
  }
  const CollectionInfo* const info = state.catalog->Find("facts");
  if (info == nullptr) return truth.documents.empty() ? "" : "did not converge: nothing there";
  std::string stray;
  const absl::Status visited =
      VisitRows(fiber, state, *info, [&](std::string_view, const Record& record) {
        if (record.meta.deleted) return;
        const std::string id(FindField(record.document, "_id")->string());
        if (truth.documents.count(id) == 0) stray = id;
      });
  if (!visited.ok()) return visited.ToString();
  return stray.empty() ? "" : absl::StrCat("did not converge: the hub has no ", stray);
}

std::string SyncOracle::CheckNothingLost() const {
  for (const std::string& mark : acknowledged_) {
    if (forgiven_.count(mark) == 0 && arrived_.count(mark) == 0 && rejected_.count(mark) == 0 &&
        lost_.count(mark) == 0)
      return absl::StrCat("an acknowledged write is lost: ", mark);
  }
  return {};
}

}  // namespace lockstep::docs
