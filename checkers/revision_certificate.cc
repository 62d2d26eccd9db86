#include "checkers/revision_certificate.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "checkers/kv_replay.h"
#include "checkers/revision_fast_path.h"
#include "framework/base/check.h"

namespace lockstep::checkers {
namespace {

using Found = std::optional<Violation>;

Violation Make(std::string where, std::string verdict) {
  return {"revision certificate", std::move(verdict), std::move(where)};
}

std::string AtRevision(int64_t revision) { return absl::StrCat("revision ", revision); }

bool Puts(const std::vector<KvOp>& branch, const KvPair& pair) {
  return std::any_of(branch.begin(), branch.end(), [&](const KvOp& op) {
    return op.kind == KvOp::Kind::kPut && op.key == pair.key && op.value == pair.value;
  });
}

bool MayPut(const KvRequest& request, const KvPair& pair) {
  return Puts(request.success, pair) || Puts(request.failure, pair);
}

// The oldest revision that an operation's taken branch asked for; 0 if it asked for none.
int64_t OldestAsked(const KvOperation& op) {
  int64_t asked = 0;
  for (const KvOp& o : TakenBranch(op.input, op.output)) {
    if (o.revision != 0 && (asked == 0 || o.revision < asked)) asked = o.revision;
  }
  return asked;
}

// The certificate of one history, in the order of the functions below.
//
// Invariants: authors_ and deadline_ have one element per revision above the initial
// one; authors_[i] is null for a gap; unplaced_ is sorted by call.
class Certificate final {
 public:
  Certificate(const KvHistory& history, const RevisionOptions& options)
      : history_(history), options_(options) {}

  RevisionResult Run() {
    Found found = CollectAuthors();
    if (!found) found = CollectObservations();
    if (!found) found = PlaceObserved();
    if (!found) found = CheckGaps();
    if (!found) found = CheckRealTime();
    if (!found) found = Replay();
    result_.violation = std::move(found);
    return result_;
  }

 private:
  // A range that asked for the state at an earlier revision, or (op_index < 0) a whole answer.
  struct Question {
    int64_t revision;
    size_t operation;
    int op_index;
    auto operator<=>(const Question&) const = default;
  };

  size_t Slot(int64_t revision) const {
    CHECK_GT(revision, options_.initial_revision);
    return static_cast<size_t>(revision - options_.initial_revision - 1);
  }
  int64_t MaxRevision() const {
    return options_.initial_revision + static_cast<int64_t>(authors_.size());
  }
  bool IsGap(int64_t revision) const { return authors_[Slot(revision)] == nullptr; }

  Found CollectAuthors();
  Found CollectObservations();
  Found CheckObservation(const KvOperation& op, const KvPair& pair);
  Found PlaceObserved();
  Found NoAuthorFor(int64_t revision, const KvPair& pair) const;
  Found CheckGaps();
  Found CheckRealTime();
  Found CheckAnswerTime(const KvOperation& op, int64_t floor, const KvOperation* floor_op) const;
  Found CheckCompaction() const;
  Found Replay();
  Found ReplayWrite(int64_t revision);
  Found Answer(const Question& question);
  std::vector<Question> Questions() const;

  const KvHistory& history_;
  const RevisionOptions options_;
  RevisionResult result_;
  std::vector<const KvOperation*> authors_;
  std::vector<int64_t> deadline_;             // the first return that knew of the revision
  std::vector<const KvOperation*> unplaced_;  // unknown writes without a revision
  std::map<int64_t, std::map<std::string, KvPair>> observed_;  // of revisions without known author
  KvReplay replay_;
};

Found Certificate::CollectAuthors() {
  int64_t top = options_.initial_revision;
  std::vector<std::pair<int64_t, const KvOperation*>> writes;
  for (const KvOperation& op : history_) {
    if (!op.returned) {
      if (MayWrite(op.input)) unplaced_.push_back(&op);
      continue;
    }
    top = std::max(top, op.output.revision);
    if (DidWrite(op.input, op.output)) writes.emplace_back(op.output.revision, &op);
  }
  std::stable_sort(unplaced_.begin(), unplaced_.end(),
                   [](const auto* a, const auto* b) { return a->call < b->call; });
  std::stable_sort(writes.begin(), writes.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  result_.writes = writes.size();
  const auto revisions = static_cast<uint64_t>(top - options_.initial_revision);
  if (revisions > writes.size() + unplaced_.size()) {
    return Make(AtRevision(top),
                absl::StrCat("the store reached revision ", top, " from ",
                             options_.initial_revision, " with ", writes.size(),
                             " writes and at most ", unplaced_.size(), " of unknown outcome"));
  }
  authors_.resize(revisions);
  for (const auto& [revision, op] : writes) {
    if (revision <= options_.initial_revision) {
      return Make(AtRevision(revision), DescribeOperation(*op) + " at a revision before the first");
    }
    const KvOperation*& author = authors_[Slot(revision)];
    if (author != nullptr) {
      return Make(AtRevision(revision),
                  absl::StrCat("two writes got the same revision ", revision, ": ",
                               DescribeOperation(*author), "; ", DescribeOperation(*op)));
    }
    author = op;
  }
  deadline_.assign(revisions, INT64_MAX);
  for (const KvOperation& op : history_) {
    if (!op.returned || op.output.revision <= options_.initial_revision) continue;
    int64_t& deadline = deadline_[Slot(op.output.revision)];
    deadline = std::min(deadline, *op.returned);
  }
  for (size_t i = deadline_.size(); i-- > 1;) {
    deadline_[i - 1] = std::min(deadline_[i - 1], deadline_[i]);
  }
  return std::nullopt;
}

Found Certificate::CollectObservations() {
  for (const KvOperation& op : history_) {
    if (!op.returned) continue;
    for (const KvOpResult& result : op.output.results) {
      for (const KvPair& pair : result.kvs) {
        if (Found found = CheckObservation(op, pair)) return found;
      }
    }
  }
  return std::nullopt;
}

Found Certificate::CheckObservation(const KvOperation& op, const KvPair& pair) {
  const std::string seen = absl::StrCat(DescribeOperation(op), " saw ", pair.key, " = ", pair.value,
                                        " with mod revision ", pair.mod_revision);
  if (pair.mod_revision <= options_.initial_revision || pair.mod_revision > op.output.revision) {
    return Make("key " + pair.key,
                absl::StrCat(seen, ", which is outside of the store's revisions ",
                             options_.initial_revision, " to ", op.output.revision));
  }
  const KvOperation* author = authors_[Slot(pair.mod_revision)];
  if (author != nullptr) {
    if (Puts(TakenBranch(author->input, author->output), pair)) return std::nullopt;
    return Make("key " + pair.key, absl::StrCat(seen, ", which revision ", pair.mod_revision,
                                                " did not write: ", DescribeOperation(*author)));
  }
  const auto [at, is_new] = observed_[pair.mod_revision].try_emplace(pair.key, pair);
  if (!is_new && at->second != pair) {
    return Make("key " + pair.key,
                absl::StrCat(seen, ", but another answer saw ", at->second.value, " (version ",
                             at->second.version, ") at the same mod revision"));
  }
  return std::nullopt;
}

// Unknown writes that answers have shown get their revision, where only one can be meant.
Found Certificate::PlaceObserved() {
  for (const auto& [revision, pairs] : observed_) {
    std::vector<size_t> candidates;
    for (size_t i = 0; i < unplaced_.size(); ++i) {
      const KvOperation& op = *unplaced_[i];
      if (op.call > deadline_[Slot(revision)]) break;
      if (std::all_of(pairs.begin(), pairs.end(),
                      [&](const auto& pair) { return MayPut(op.input, pair.second); })) {
        candidates.push_back(i);
      }
    }
    if (candidates.empty()) return NoAuthorFor(revision, pairs.begin()->second);
    if (candidates.size() > 1) continue;
    const auto at = unplaced_.begin() + static_cast<std::ptrdiff_t>(candidates[0]);
    authors_[Slot(revision)] = *at;
    unplaced_.erase(at);
  }
  return std::nullopt;
}

Found Certificate::NoAuthorFor(int64_t revision, const KvPair& pair) const {
  const std::string shown =
      absl::StrCat("answers show ", pair.key, " = ", pair.value, " written at revision ", revision);
  for (size_t i = 0; i < authors_.size(); ++i) {
    const KvOperation* author = authors_[i];
    if (author == nullptr || !MayPut(author->input, pair)) continue;
    return Make("key " + pair.key,
                absl::StrCat(shown, " and also at revision ",
                             options_.initial_revision + 1 + static_cast<int64_t>(i),
                             ": it took effect twice: ", DescribeOperation(*author)));
  }
  for (const KvOperation& op : history_) {
    if (op.returned || !MayPut(op.input, pair)) continue;
    return Make("key " + pair.key,
                absl::StrCat(shown, ", known at ", deadline_[Slot(revision)],
                             ", which its only writer cannot have done: ", DescribeOperation(op)));
  }
  return Make("key " + pair.key, shown + ", which nobody wrote");
}

// Every revision without author needs an unknown write of its own that was called in time. The
// deadlines do not fall with the revision, so counting is enough.
Found Certificate::CheckGaps() {
  size_t gaps = 0;
  size_t called = 0;
  for (size_t i = 0; i < authors_.size(); ++i) {
    if (authors_[i] != nullptr) continue;
    ++gaps;
    while (called < unplaced_.size() && unplaced_[called]->call <= deadline_[i]) ++called;
    if (gaps > called) {
      const int64_t revision = options_.initial_revision + 1 + static_cast<int64_t>(i);
      return Make(AtRevision(revision),
                  absl::StrCat("no write can have produced revision ", revision, ", known at ",
                               deadline_[i], ": ", gaps, " revisions without author and ", called,
                               " writes of unknown outcome called by then"));
    }
  }
  result_.open_gaps = gaps;
  return std::nullopt;
}

// One sweep over calls and returns; equal times overlap, so calls come first.
Found Certificate::CheckRealTime() {
  std::vector<std::tuple<int64_t, bool, size_t>> events;
  for (size_t i = 0; i < history_.size(); ++i) {
    events.emplace_back(history_[i].call, false, i);
    if (history_[i].returned) events.emplace_back(*history_[i].returned, true, i);
  }
  std::sort(events.begin(), events.end());
  int64_t floor = options_.initial_revision;
  const KvOperation* floor_op = nullptr;
  for (const auto& [time, is_return, i] : events) {
    const KvOperation& op = history_[i];
    if (is_return) {
      if (op.output.revision > floor) {
        floor = op.output.revision;
        floor_op = &op;
      }
    } else if (op.returned) {
      if (Found found = CheckAnswerTime(op, floor, floor_op)) return found;
    }
  }
  return CheckCompaction();
}

Found Certificate::CheckAnswerTime(const KvOperation& op, int64_t floor,
                                   const KvOperation* floor_op) const {
  if (op.output.error == KvError::kFutureRevision && !op.input.serializable &&
      OldestAsked(op) <= floor) {
    return Make(AtRevision(floor), DescribeOperation(op) + " failed as a revision of the future");
  }
  if (op.output.error != KvError::kNone) return std::nullopt;
  const int64_t revision = op.output.revision;
  const bool is_write = DidWrite(op.input, op.output);
  if (is_write ? revision > floor : op.input.serializable || revision >= floor) {
    return std::nullopt;
  }
  return Make(AtRevision(revision),
              absl::StrCat(is_write ? "a write got" : "a linearizable answer is from", " revision ",
                           revision, " although revision ", floor,
                           " was known before its call: ", DescribeOperation(op), "; ",
                           floor_op ? DescribeOperation(*floor_op) : "the store began there"));
}

Found Certificate::CheckCompaction() const {
  std::vector<const KvOperation*> compactions;
  for (const KvOperation& op : history_) {
    if (op.input.kind != KvRequest::Kind::kCompact) continue;
    if (!op.returned || op.output.error == KvError::kNone) compactions.push_back(&op);
  }
  for (const KvOperation& op : history_) {
    const int64_t asked = OldestAsked(op);
    if (!op.returned || asked == 0) continue;
    bool possible = false;
    const KvOperation* known = nullptr;
    for (const KvOperation* c : compactions) {
      if (c->input.compact_revision <= asked) continue;
      if (c->call <= *op.returned) possible = true;
      if (c->returned && *c->returned < op.call) known = c;
    }
    if (op.output.error == KvError::kCompacted && !possible) {
      return Make(AtRevision(asked), DescribeOperation(op) + " failed as compacted; nothing was");
    }
    if (op.output.error == KvError::kNone && known && !op.input.serializable) {
      return Make(AtRevision(asked),
                  DescribeOperation(op) + " succeeded after " + DescribeOperation(*known));
    }
  }
  return std::nullopt;
}

std::vector<Certificate::Question> Certificate::Questions() const {
  std::vector<Question> questions;
  for (size_t i = 0; i < history_.size(); ++i) {
    const KvOperation& op = history_[i];
    if (!op.returned || op.output.error != KvError::kNone) continue;
    if (op.input.kind != KvRequest::Kind::kTxn) continue;
    if (!DidWrite(op.input, op.output)) questions.push_back({op.output.revision, i, -1});
    const std::vector<KvOp>& branch = TakenBranch(op.input, op.output);
    for (size_t k = 0; k < branch.size() && k < op.output.results.size(); ++k) {
      if (branch[k].revision != 0) {
        questions.push_back({branch[k].revision, i, static_cast<int>(k)});
      }
    }
  }
  std::sort(questions.begin(), questions.end());
  return questions;
}

Found Certificate::Replay() {
  const std::vector<Question> questions = Questions();
  size_t next = 0;
  for (int64_t revision = options_.initial_revision; revision <= MaxRevision(); ++revision) {
    if (revision > options_.initial_revision) {
      if (Found found = ReplayWrite(revision)) return found;
    }
    for (; next < questions.size() && questions[next].revision <= revision; ++next) {
      if (Found found = Answer(questions[next])) return found;
    }
  }
  if (next == questions.size()) return std::nullopt;
  return Make(AtRevision(questions[next].revision),
              DescribeOperation(history_[questions[next].operation]) +
                  " was answered from a revision that the store had not reached");
}

Found Certificate::ReplayWrite(int64_t revision) {
  const KvOperation* author = authors_[Slot(revision)];
  std::vector<KvPair> observed;
  if (const auto at = observed_.find(revision); at != observed_.end()) {
    for (const auto& [key, pair] : at->second) observed.push_back(pair);
  }
  if (author == nullptr) {
    for (const KvOperation* op : unplaced_) {
      if (op->call <= deadline_[Slot(revision)]) replay_.Blur(op->input);
    }
    for (const KvPair& pair : observed) replay_.Show(pair);
    return std::nullopt;
  }
  const KvReplay::Reason reason = author->returned
                                      ? replay_.Execute(*author, revision)
                                      : replay_.ExecuteUnknown(author->input, revision, observed);
  if (!reason) return std::nullopt;
  return Make(AtRevision(revision), absl::StrCat(DescribeOperation(*author), " was revision ",
                                                 revision, ", but ", *reason));
}

Found Certificate::Answer(const Question& question) {
  const KvOperation& op = history_[question.operation];
  KvReplay::Reason reason;
  if (question.revision < options_.initial_revision) {
    reason = "the store began later";
  } else if (question.op_index < 0) {
    reason = replay_.Execute(op, question.revision);
  } else {
    const auto i = static_cast<size_t>(question.op_index);
    if (question.revision > op.output.revision) {
      reason = absl::StrCat("the store was at revision ", op.output.revision);
    } else {
      reason = replay_.CheckRange(TakenBranch(op.input, op.output)[i], op.output.results[i]);
    }
  }
  if (!reason) return std::nullopt;
  return Make(AtRevision(question.revision),
              absl::StrCat(DescribeOperation(op), " was answered from revision ", question.revision,
                           ", but ", *reason));
}

}  // namespace

RevisionResult CheckRevisions(const KvHistory& history, const RevisionOptions& options) {
  if (options.try_plain_proof) {
    if (const auto writes = ProvePlainHistory(history, options.initial_revision)) {
      return {std::nullopt, *writes, 0};
    }
  }
  return Certificate(history, options).Run();
}

}  // namespace lockstep::checkers
