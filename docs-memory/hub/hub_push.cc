#include "docs-memory/hub/hub_push.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/store/catalog.h"
#include "framework/base/check.h"
#include "framework/base/mutant.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

WireError Refusal(int status, std::string_view code, std::string_view message) {
  WireError error;
  error.status = status;
  error.code = code;
  error.message = message;
  return error;
}

// A document that no store would have written as it is.
absl::Status CheckBody(const PushChange& change) {
  if (change.edit.head.deleted) return absl::OkStatus();
  const Document given = Document::FromBytes(change.edit.head.document);
  ASSIGN_OR_RETURN(const Document canonical, Canonicalize(given, DocumentRules{}));
  const auto id = canonical.Find("_id");
  if (!id || !Equal(*id, change.id))
    return Error(ErrorCode::kIdInvalid, "_id", ToText(change.id), "is not the document's");
  if (canonical == given) return absl::OkStatus();
  return Error(ErrorCode::kBson, "doc", "", "is not in canonical form");
}

}  // namespace

absl::StatusOr<uint64_t> SequenceOf(Fiber& fiber, const machine::StoreView& view,
                                    std::string_view scope) {
  ASSIGN_OR_RETURN(const auto row, view.Get(fiber, Column::kPrimary, ScopeKey(scope)));
  return row ? FromBigEndian(*row) : 0;
}

absl::StatusOr<PushOutcome> HubPush::Run(Fiber& fiber, const PushRequest& request) {
  RETURN_IF_ERROR(LoadNode(fiber, request));
  PushOutcome outcome;
  // All or nothing, and no number is used up: the node mends its clock and pushes again.
  const auto limit = static_cast<uint64_t>(std::max<int64_t>(now_ms_, 0)) + kClockSkewMsMax;
  for (const PushChange& change : request.changes) {
    if (change.number <= node_.last || change.edit.head.rev.ms <= limit) continue;
    outcome.refusal = Refusal(409, "E_CLOCK_SKEW",
                              absl::StrCat("field 'rev', value ", change.edit.head.rev.ToText(),
                                           ": more than 120 s ahead of the hub"));
    outcome.refusal.retryable = true;
    outcome.refusal.server_ms = now_ms_;
    return outcome;
  }
  outcome.answer.epoch = epoch_;
  outcome.answer.server_ms = now_ms_;
  for (const PushChange& change : request.changes) {
    ASSIGN_OR_RETURN(const bool known, Recall(fiber, change, outcome));
    if (!outcome.refusal.code.empty()) {
      // What is before it was processed; the answer to that comes with the next push.
      if (!outcome.answer.verdicts.empty()) outcome.refusal = WireError();
      break;
    }
    if (!known) RETURN_IF_ERROR(Process(fiber, change, outcome.answer.verdicts.emplace_back()));
    RETURN_IF_ERROR(Complete(fiber, change, outcome.answer.verdicts.back()));
  }
  if (!outcome.refusal.code.empty()) return outcome;
  RETURN_IF_ERROR(Confirm(fiber, std::min(request.confirmed, node_.last)));
  node_.checkpoint = std::max(node_.checkpoint, request.checkpoint);
  node_.seen_ms = now_ms_;
  outcome.answer.last_number = node_.last;
  store_.Put(Column::kPrimary, NodeKey(scope_, node_id_), EncodeHubNode(node_));
  store_.Put(Column::kPrimary, ScopeKey(scope_), BigEndian64(sequence_));
  return outcome;
}

absl::Status HubPush::LoadNode(Fiber& fiber, const PushRequest& request) {
  scope_ = ScopeOf(request.tenant, request.space);
  node_id_ = request.node;
  ASSIGN_OR_RETURN(const auto row, store_.Get(fiber, Column::kPrimary, NodeKey(scope_, node_id_)));
  if (row) {
    ASSIGN_OR_RETURN(node_, DecodeHubNode(*row));
  }
  ASSIGN_OR_RETURN(sequence_, SequenceOf(fiber, store_, scope_));
  return absl::OkStatus();
}

// Whether the change was processed before: then its verdict is that of then.
absl::StatusOr<bool> HubPush::Recall(Fiber& fiber, const PushChange& change, PushOutcome& outcome) {
  if (change.number > node_.last + 1) {
    outcome.refusal = Refusal(
        409, "E_GAP",
        absl::StrCat("field 'nseq', value ", change.number, ": the next is ", node_.last + 1));
    outcome.refusal.expected_number = node_.last + 1;
    return false;
  }
  if (change.number == node_.last + 1) return false;
  // Planted bug M105: nothing is remembered of the past.
  if (mutant::Enabled(mutant::Id::kM105PushAppliedTwice)) return false;
  ASSIGN_OR_RETURN(const auto row, store_.Get(fiber, Column::kPrimary,
                                              VerdictKey(scope_, node_id_, change.number)));
  HubVerdict known;
  if (row) {
    ASSIGN_OR_RETURN(known, DecodeHubVerdict(*row, change.number));
  }
  if (!row || known.rev != change.edit.head.rev) {
    outcome.refusal =
        Refusal(409, "E_NODE_REGRESSED",
                absl::StrCat("field 'nseq', value ", change.number,
                             ": the node has used it for another change; is this a copy of it?"));
    return false;
  }
  outcome.answer.verdicts.push_back(std::move(known.verdict));
  return true;
}

absl::Status HubPush::Process(Fiber& fiber, const PushChange& change, ChangeVerdict& verdict) {
  verdict.number = change.number;
  const Revision& rev = change.edit.head.rev;
  ASSIGN_OR_RETURN(verdict.code, RefusalOf(fiber, change, &verdict.detail));
  if (verdict.code.empty()) {
    RETURN_IF_ERROR(Apply(fiber, change, verdict));
  } else {
    verdict.verdict = Verdict::kRejected;
  }
  if (verdict.verdict == Verdict::kRejected)
    store_.Put(Column::kPrimary, RefusedKey(scope_, node_id_, rev), "");
  node_.last = std::max(node_.last, change.number);
  store_.Put(Column::kPrimary, VerdictKey(scope_, node_id_, change.number),
             EncodeHubVerdict({rev, verdict}));
  return absl::OkStatus();
}

absl::StatusOr<std::string> HubPush::RefusalOf(Fiber& fiber, const PushChange& change,
                                               std::string* detail) {
  const Edit& edit = change.edit;
  const auto refuse = [&](std::string_view code, std::string_view why) {
    *detail = why;
    return std::string(code);
  };
  if (change.is_oversized)
    return refuse("E_DOC_TOO_LARGE", "the hub takes documents of at most 1 MiB");
  if (change.is_lossy) return refuse("E_WIRE_LOSSY", "the document is not what its author hashed");
  if (edit.head.rev <= edit.base) return refuse("E_REV_NOT_AFTER_BASE", edit.base.ToText());
  for (const absl::Status& wrong :
       {CheckCollectionName(change.collection), CheckId(change.id), CheckBody(change)}) {
    if (!wrong.ok()) return refuse(CodeOf(wrong), std::string(wrong.message()));
  }
  std::vector<Revision> needed = edit.resolves;
  needed.push_back(edit.base);
  for (const Revision& rev : needed) {
    ASSIGN_OR_RETURN(const auto refused,
                     store_.Get(fiber, Column::kPrimary, RefusedKey(scope_, node_id_, rev)));
    if (refused) return refuse("E_DEPENDS_ON_REJECTED", rev.ToText());
  }
  return std::string();
}

absl::Status HubPush::Apply(Fiber& fiber, const PushChange& change, ChangeVerdict& verdict) {
  const Edit& edit = change.edit;
  const std::string key = HubDocumentKey(scope_, change.collection, KeyOf(change.id));
  ASSIGN_OR_RETURN(const auto version_row,
                   store_.Get(fiber, Column::kHistory, HubVersionKey(key, edit.head.rev)));
  if (version_row && !mutant::Enabled(mutant::Id::kM105PushAppliedTwice)) {
    ASSIGN_OR_RETURN(const HubVersion version, DecodeHubVersion(*version_row));
    const bool same =
        version.head.document == edit.head.document && version.head.deleted == edit.head.deleted;
    verdict.verdict = same ? Verdict::kDuplicate : Verdict::kRejected;
    verdict.sequence = same ? version.sequence : 0;
    if (!same) verdict.code = "E_REV_TAKEN";
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const auto row, store_.Get(fiber, Column::kPrimary, key));
  HubDocument document;
  if (row) {
    ASSIGN_OR_RETURN(document, DecodeHubDocument(*row));
  } else {
    document.collection = change.collection;
    document.id = change.id;
  }
  if (!edit.base.none() && document.heads.Find(edit.base) == nullptr) {
    ASSIGN_OR_RETURN(const auto base,
                     store_.Get(fiber, Column::kHistory, HubVersionKey(key, edit.base)));
    verdict.base_unknown = !base.has_value();
  }
  return Store(fiber, key, change, std::move(document), verdict);
}

absl::Status HubPush::Store(Fiber& fiber, const std::string& key, const PushChange& change,
                            HubDocument document, ChangeVerdict& verdict) {
  (void)fiber;
  if (document.heads.sequence != 0)
    store_.Delete(Column::kIndex, ChangeKey(scope_, document.heads.sequence));
  const Edit& edit = change.edit;
  document.heads.Apply(edit);
  // Planted bug M104: what was deleted never was.
  if (mutant::Enabled(mutant::Id::kM104TombstoneForgotten)) {
    std::erase_if(document.heads.all, [](const Head& head) { return head.deleted; });
    if (document.heads.all.empty()) document.heads.all.push_back(edit.head);
  }
  document.heads.sequence = ++sequence_;
  verdict.verdict = Verdict::kApplied;
  verdict.sequence = sequence_;
  store_.Put(Column::kPrimary, key, EncodeHubDocument(document));
  store_.Put(Column::kIndex, ChangeKey(scope_, sequence_), key);
  store_.Put(Column::kHistory, HubVersionKey(key, edit.head.rev),
             EncodeHubVersion({sequence_, now_ms_, edit.base, edit.resolves, edit.head}));
  return absl::OkStatus();
}

absl::Status HubPush::Complete(Fiber& fiber, const PushChange& change, ChangeVerdict& verdict) {
  ASSIGN_OR_RETURN(const auto row,
                   store_.Get(fiber, Column::kPrimary,
                              HubDocumentKey(scope_, change.collection, KeyOf(change.id))));
  if (!row) return absl::OkStatus();
  ASSIGN_OR_RETURN(const HubDocument document, DecodeHubDocument(*row));
  if (document.heads.winner() != nullptr) verdict.winner = document.heads.winner()->rev;
  verdict.conflicts = document.heads.all.empty() ? 0 : document.heads.all.size() - 1;
  return absl::OkStatus();
}

absl::Status HubPush::Confirm(Fiber& fiber, uint64_t confirmed) {
  const std::string prefix = VerdictPrefix(scope_, node_id_);
  const auto iterator = store_.NewIterator(Column::kPrimary);
  for (iterator->Seek(fiber, prefix); iterator->Valid(); iterator->Next(fiber)) {
    if (iterator->key().substr(0, prefix.size()) != prefix) break;
    if (FromBigEndian(iterator->key().substr(prefix.size())) > confirmed) break;
    store_.Delete(Column::kPrimary, std::string(iterator->key()));
  }
  node_.confirmed = std::max(node_.confirmed, confirmed);
  return iterator->status();
}

}  // namespace lockstep::docs
