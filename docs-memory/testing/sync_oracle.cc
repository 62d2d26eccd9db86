#include "docs-memory/testing/sync_oracle.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/parse.h"
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

void SyncOracle::FoundRejected(std::string_view code, std::string_view document) {
  // The only reasons that these universes give.
  if (code != "E_DOC_TOO_DEEP" && code != "E_DEPENDS_ON_REJECTED") return;
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
  std::map<std::string, Revision> newest;  // by collection and id
  for (Sequence sequence = state.state.history_from; sequence <= state.state.sequence; ++sequence) {
    const auto row = state.view->Get(fiber, machine::Column::kHistory, OplogKey(sequence));
    if (!row.ok() || !*row) return absl::StrCat("sequence ", sequence, " cannot be read");
    const auto mutation = DecodeOplogRow(**row);
    if (!mutation.ok()) return mutation.status().ToString();
    if (mutation->op == MutationOp::kSyncRejoin)
      return absl::StrCat("at sequence ", sequence, " the hub did not know the node any more");
    // (Before, tombstones were nobody's business; and revisions that nobody has seen were mended.)
    if (mutation->op == MutationOp::kSyncEnable || mutation->op == MutationOp::kSyncRestamp)
      newest.clear();
    if (!mutation->of_document()) continue;
    if (mutation->op == MutationOp::kPut) {
      const std::string wrong = CheckBody(tenant, mutation->document);
      if (!wrong.empty()) return wrong;
    }
    Revision& last = newest[absl::StrCat(mutation->collection, "/", KeyOf(mutation->id))];
    // (What was refused is taken back.)
    if (mutation->rev < last && refused.count(last) == 0) {
      return absl::StrCat("at sequence ", sequence, " ", docs::ToText(mutation->id),
                          " went back from ", last.ToText(), " to ", mutation->rev.ToText());
    }
    last = mutation->rev;
  }
  return {};
}

// [reference: I5] What nothing has replaced, highest first.
std::string SyncOracle::CheckHeads(const std::string& id, const HubTruth::One& one) {
  std::set<Revision> replaced;
  for (const auto& [rev, version] : one.versions) {
    replaced.insert(version.base);
    replaced.insert(version.resolves.begin(), version.resolves.end());
  }
  Heads wanted;
  for (auto version = one.versions.rbegin(); version != one.versions.rend(); ++version) {
    if (replaced.count(version->first) == 0) wanted.all.push_back(version->second.head);
  }
  if (one.heads.evicted > 0 || wanted.all.size() > kHeadsMax) return {};
  if (SameHeads(wanted, one.heads)) return {};
  return absl::StrCat("the heads of ", id, " are ", ToText(one.heads), ", should be ",
                      ToText(wanted));
}

std::string SyncOracle::CheckTruth(const std::string& tenant, const HubTruth& truth) {
  for (const auto& [id, one] : truth.documents) {
    if (one.heads.all.size() > 1) ++conflicts_;
    for (const auto& [rev, version] : one.versions) {
      if (static_cast<int64_t>(rev.ms) - version.time_ms > static_cast<int64_t>(kClockSkewMsMax))
        return absl::StrCat("the hub took ", rev.ToText(), " at ", version.time_ms, " ms");
      if (version.head.deleted) continue;
      const std::string wrong = CheckBody(tenant, version.head.document);
      if (!wrong.empty()) return absl::StrCat("hub: ", wrong);
      const bool is_new = arrived_.insert(MarkOf(version.head.document)).second;
      // (A version that is written once more has another mark.)
      if (!is_new) return absl::StrCat("applied twice: ", MarkOf(version.head.document));
    }
    const std::string wrong = CheckHeads(id, one);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

std::string SyncOracle::CheckConverged(Fiber& fiber, const ReadState& state,
                                       const HubTruth& truth) {
  std::set<std::string> there;
  for (const auto& [id, one] : truth.documents) {
    const auto heads = ReadHeads(fiber, state, "facts", Value(id));
    if (!heads.ok()) return heads.status().ToString();
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
    if (arrived_.count(mark) == 0 && rejected_.count(mark) == 0)
      return absl::StrCat("an acknowledged write is lost: ", mark);
  }
  return {};
}

}  // namespace lockstep::docs
