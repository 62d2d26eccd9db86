#include "docs-memory/hub/hub_push.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/hub/mutants.h"
#include "docs-memory/store/catalog.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

// Who wants to know more finds it by the sequences.
constexpr size_t kAuditedMax = 100;

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

// The winner, as it is now.
void Complete(const HubDocument& document, ChangeVerdict& verdict) {
  if (document.heads.winner() == nullptr) return;
  verdict.winner = document.heads.winner()->rev;
  verdict.conflicts = document.heads.all.size() - 1;
}

void Audit(const PushChange& change, const ChangeVerdict& verdict, PushOutcome& outcome) {
  if (outcome.audited.size() == kAuditedMax) return;
  outcome.audited.push_back({change.collection, change.id, change.edit.head.rev,
                             change.edit.head.deleted ? "delete" : "put",
                             std::string(NameOf(verdict.verdict)), verdict.code});
}

}  // namespace

absl::StatusOr<PushOutcome> HubPush::Run(Fiber& fiber, const PushRequest& request) {
  RETURN_IF_ERROR(LoadNode(fiber, request));
  PushOutcome outcome;
  // What the node believes to be with the hub may not be there.
  if (request.epoch != 0 && request.epoch != epoch_) {
    outcome.refusal = Refusal(409, "E_EPOCH", absl::StrCat("the hub's epoch is ", HexOf(epoch_)));
    return outcome;
  }
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
    if (known) continue;
    ChangeVerdict& verdict = outcome.answer.verdicts.emplace_back();
    RETURN_IF_ERROR(Process(fiber, change, verdict));
    ++outcome.processed;
    Audit(change, verdict, outcome);
  }
  if (!outcome.refusal.code.empty()) return outcome;
  RETURN_IF_ERROR(Confirm(fiber, std::min(request.confirmed, node_.last)));
  node_.checkpoint = std::max(node_.checkpoint, request.checkpoint);
  node_.seen_ms = now_ms_;
  outcome.answer.last_number = node_.last;
  store_.Put(Column::kPrimary, NodeKey(scope_, node_id_), EncodeHubNode(node_));
  store_.Put(Column::kPrimary, ScopeKey(scope_), EncodeHubScope(counts_));
  outcome.due_ms = changes_.due_ms();
  return outcome;
}

absl::Status HubPush::LoadNode(Fiber& fiber, const PushRequest& request) {
  scope_ = ScopeOf(request.tenant, request.space);
  node_id_ = request.node;
  ASSIGN_OR_RETURN(const auto row, store_.Get(fiber, Column::kPrimary, NodeKey(scope_, node_id_)));
  if (row) {
    ASSIGN_OR_RETURN(node_, DecodeHubNode(*row));
  }
  ASSIGN_OR_RETURN(counts_, ReadScope(fiber, store_, scope_));
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
  if (mutant::Enabled(mutant::kM105PushAppliedTwice)) return false;
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
  ASSIGN_OR_RETURN(const HubDocument document, Load(fiber, KeyOfDocument(change)));
  Complete(document, known.verdict);
  outcome.answer.verdicts.push_back(std::move(known.verdict));
  return true;
}

absl::Status HubPush::Process(Fiber& fiber, const PushChange& change, ChangeVerdict& verdict) {
  verdict.number = change.number;
  const Revision& rev = change.edit.head.rev;
  const std::string key = KeyOfDocument(change);
  ASSIGN_OR_RETURN(HubDocument document, Load(fiber, key));
  ASSIGN_OR_RETURN(verdict.code, RefusalOf(fiber, change, &verdict.detail));
  if (verdict.code.empty()) {
    RETURN_IF_ERROR(Apply(fiber, change, key, document, verdict));
  } else {
    verdict.verdict = Verdict::kRejected;
  }
  if (verdict.verdict == Verdict::kRejected) {
    store_.Put(Column::kPrimary, RefusedKey(scope_, node_id_, rev), "");
    ++node_.refused;
  }
  node_.last = std::max(node_.last, change.number);
  Complete(document, verdict);
  store_.Put(Column::kPrimary, VerdictKey(scope_, node_id_, change.number),
             EncodeHubVerdict({rev, verdict}));
  return absl::OkStatus();
}

std::string HubPush::KeyOfDocument(const PushChange& change) const {
  return HubDocumentKey(scope_, change.collection, KeyOf(change.id));
}

absl::StatusOr<HubDocument> HubPush::Load(Fiber& fiber, const std::string& key) {
  ASSIGN_OR_RETURN(const auto row, store_.Get(fiber, Column::kPrimary, key));
  if (!row) return HubDocument();
  return DecodeHubDocument(*row);
}

absl::StatusOr<std::string> HubPush::RefusalOf(Fiber& fiber, const PushChange& change,
                                               std::string* detail) {
  const Edit& edit = change.edit;
  const auto refuse = [&](std::string_view code, std::string_view why) {
    *detail = why;
    return std::string(code);
  };
  if (change.is_skipped) return refuse("E_SKIPPED", "the store has no change of this number");
  if (change.is_oversized)
    return refuse("E_DOC_TOO_LARGE", "the hub takes documents of at most 1 MiB");
  if (change.is_lossy) return refuse("E_WIRE_LOSSY", "the document is not what its author hashed");
  if (edit.head.rev <= edit.base) return refuse("E_REV_NOT_AFTER_BASE", edit.base.ToText());
  for (const absl::Status& wrong :
       {CheckCollectionName(change.collection), CheckId(change.id), CheckBody(change)}) {
    if (!wrong.ok()) return refuse(CodeOf(wrong), std::string(wrong.message()));
  }
  if (node_.refused == 0) return std::string();
  std::vector<Revision> needed = edit.resolves;
  if (!edit.base.none()) needed.push_back(edit.base);
  for (const Revision& rev : needed) {
    ASSIGN_OR_RETURN(const auto refused,
                     store_.Get(fiber, Column::kPrimary, RefusedKey(scope_, node_id_, rev)));
    if (refused) return refuse("E_DEPENDS_ON_REJECTED", rev.ToText());
  }
  return std::string();
}

absl::StatusOr<bool> HubPush::IsKnown(Fiber& fiber, const PushChange& change,
                                      const std::string& key, const HubDocument& document,
                                      ChangeVerdict& verdict) {
  // (Versions go with their document.)
  if (document.heads.all.empty() || mutant::Enabled(mutant::kM105PushAppliedTwice)) return false;
  const Head& head = change.edit.head;
  ASSIGN_OR_RETURN(const auto row,
                   store_.Get(fiber, Column::kHistory, HubVersionKey(key, head.rev)));
  if (!row) return false;
  ASSIGN_OR_RETURN(const HubVersion version, DecodeHubVersion(*row));
  const bool same = version.head.document == head.document && version.head.deleted == head.deleted;
  verdict.verdict = same ? Verdict::kDuplicate : Verdict::kRejected;
  verdict.sequence = same ? version.sequence : 0;
  if (!same) verdict.code = "E_REV_TAKEN";
  return true;
}

// Whether what the change was made of, or the change itself, may have been deleted and purged:
// nobody knows any more, and nobody knows when, but that the change is no later than some purge.
bool HubPush::MayBeDeleted(const PushChange& change, const HubDocument& document, bool is_new,
                           bool is_base_unknown) const {
  if (change.edit.head.rev > document.grave) return false;
  // Planted bug M191: then the document is alive again.
  if (mutant::Enabled(mutant::kM191PurgedDocumentRisesAgain)) return false;
  // Planted bug M200: only what is not there is watched over.
  if (!is_new && mutant::Enabled(mutant::kM200NewLifeTakesOldChanges)) return false;
  // Planted bug M205: whoever knew of no version begins a new document, however often.
  const bool is_again = change.is_again && !mutant::Enabled(mutant::kM205AgainTakenForNew);
  return change.edit.base.none() ? is_again : is_base_unknown;
}

absl::Status HubPush::Apply(Fiber& fiber, const PushChange& change, const std::string& key,
                            HubDocument& document, ChangeVerdict& verdict) {
  const Edit& edit = change.edit;
  ASSIGN_OR_RETURN(const bool known, IsKnown(fiber, change, key, document, verdict));
  if (known) return absl::OkStatus();
  const bool is_new = document.heads.all.empty();
  if (!edit.base.none() && document.heads.Find(edit.base) == nullptr) {
    ASSIGN_OR_RETURN(const auto base,
                     store_.Get(fiber, Column::kHistory, HubVersionKey(key, edit.base)));
    verdict.base_unknown = is_new || !base.has_value();
  }
  if (is_new) {
    document.collection = change.collection;
    document.id = change.id;
    document.grave = counts_.grave;
  }
  if (MayBeDeleted(change, document, is_new, verdict.base_unknown)) {
    verdict.verdict = Verdict::kRejected;
    verdict.code = "E_DELETED";
    verdict.detail = "the document was deleted, and this is older than the newest purge";
    return absl::OkStatus();
  }
  verdict.verdict = Verdict::kApplied;
  verdict.sequence = ++counts_.last;
  return changes_.Apply(fiber, scope_, key, edit, counts_.last, document);
}

absl::Status HubPush::Confirm(Fiber& fiber, uint64_t confirmed) {
  if (confirmed <= node_.confirmed) return absl::OkStatus();
  const std::string prefix = VerdictPrefix(scope_, node_id_);
  const auto iterator = store_.NewIterator(Column::kPrimary);
  // (Not from the prefix: what was deleted before would be walked over again and again.)
  for (iterator->Seek(fiber, VerdictKey(scope_, node_id_, node_.confirmed + 1)); iterator->Valid();
       iterator->Next(fiber)) {
    if (iterator->key().substr(0, prefix.size()) != prefix) break;
    if (FromBigEndian(iterator->key().substr(prefix.size())) > confirmed) break;
    store_.Delete(Column::kPrimary, std::string(iterator->key()));
  }
  node_.confirmed = confirmed;
  return iterator->status();
}

}  // namespace lockstep::docs
