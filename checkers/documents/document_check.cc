#include "checkers/documents/document_check.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lockstep::checkers {
namespace {

using Kind = DocumentEvent::Kind;
using Status = DocumentEvent::Status;
using DocName = std::pair<std::string, std::string>;  // tenant, document
using WriteName = std::pair<std::string, int64_t>;    // node, number
constexpr int64_t kNotYet = INT64_MAX;

std::string Shown(const DocName& doc) { return absl::StrCat(doc.first, "/", doc.second); }

struct Verdict final {
  Status status;
  int64_t seq;
};

// One document: all that was written to it, and when the hub applied it.
struct Written final {
  const DocumentEvent* write = nullptr;
  int64_t seq = kNotYet;
  bool is_rejected = false;
};
struct Document final {
  std::map<std::string, Written> revs;
  bool is_purged = false;
};

// What a node holds and has shown of one document.
struct Held final {
  const DocumentEvent* state = nullptr;  // the last
  std::string shown;                     // the last revision that was read or written here
  bool is_gone = false;                  // it left the node's scope
};

struct Node final {
  std::set<std::string> tenants;
  std::map<DocName, Held> docs;
  std::string last_minted;
  std::string highest_seen;
  std::string epoch;
  int64_t checkpoint = -1;
};

class DocumentCheck final {
 public:
  DocumentCheck(const DocumentHistory& history, size_t violations_max)
      : history_(history), violations_max_(violations_max) {}

  std::vector<Violation> Run() {
    Collect();
    for (const DocumentEvent& event : history_) {
      if (violations_.size() >= violations_max_) break;
      Judge(event);
    }
    return std::move(violations_);
  }

 private:
  static DocName NameOf(const DocumentEvent& event) { return {event.tenant, event.doc}; }

  void Complain(const DocumentEvent& event, const char* rule, const std::string& text) {
    const std::string where = event.doc.empty() ? event.node : Shown(NameOf(event));
    violations_.push_back({rule, absl::StrCat("line ", event.line, ": ", text), where});
  }

  // The hub may apply a write before its node hears of it, so verdicts are known from the start.
  void Collect() {
    for (const DocumentEvent& event : history_) {
      if (event.kind == Kind::kScope) is_scoped_ = true;
      if (event.kind == Kind::kWrite) {
        Document& doc = docs_[NameOf(event)];
        if (!doc.revs.try_emplace(event.rev, Written{&event}).second) {
          Complain(event, "exactly once",
                   absl::StrCat("revision ", event.rev, " is written twice"));
        }
        writes_.try_emplace({event.node, event.number}, &event);
      }
    }
    for (const DocumentEvent& event : history_) {
      const auto write = writes_.find({event.node, event.number});
      if (event.kind != Kind::kVerdict || write == writes_.end()) continue;
      Written& written = docs_[NameOf(*write->second)].revs[write->second->rev];
      if (event.status == Status::kRejected) written.is_rejected = true;
      if (event.status != Status::kApplied) continue;
      written.seq = std::min(written.seq, event.seq);
      applied_.try_emplace(event.seq, write->second);
    }
  }

  void Judge(const DocumentEvent& event) {
    switch (event.kind) {
      case Kind::kScope:
        nodes_[event.node].tenants.insert(event.tenant);
        break;
      case Kind::kWrite:
        return JudgeWrite(event);
      case Kind::kVerdict:
        return JudgeVerdict(event);
      case Kind::kState:
        return JudgeState(event);
      case Kind::kRead:
        return JudgeRead(event);
      case Kind::kCheckpoint:
        return JudgeCheckpoint(event);
      case Kind::kRemove:
        nodes_[event.node].docs[NameOf(event)] = Held{nullptr, "", true};
        break;
      case Kind::kPurge:
        docs_[NameOf(event)].is_purged = true;
        for (auto& [name, node] : nodes_) node.docs.erase(NameOf(event));
        break;
      case Kind::kQuiet:
        return JudgeQuiet(event);
    }
  }

  // Tenants never see each other.
  void JudgeScope(const DocumentEvent& event) {
    if (!is_scoped_ || event.node == kHub) return;
    if (nodes_[event.node].tenants.contains(event.tenant)) return;
    Complain(event, "isolation",
             absl::StrCat("node ", event.node, " holds or shows a document of tenant ",
                          event.tenant, ", which is not in its scope"));
  }

  // Revisions of a node rise for ever, above all that it had seen and above what they replace.
  void JudgeWrite(const DocumentEvent& event) {
    JudgeScope(event);
    Node& node = nodes_[event.node];
    const auto above = [&](const std::string& other, const char* what) {
      if (event.rev > other) return;
      Complain(event, "revisions rise",
               absl::StrCat("node ", event.node, " minted revision ", event.rev,
                            ", which is not above ", other, ", ", what));
    };
    if (!node.last_minted.empty()) above(node.last_minted, "which it had minted before");
    if (!node.highest_seen.empty()) above(node.highest_seen, "which it had seen");
    if (!event.base.empty()) above(event.base, "which it replaces");
    for (const std::string& rev : event.resolves) above(rev, "which it resolves");
    node.last_minted = std::max(node.last_minted, event.rev);
    Held& held = node.docs[NameOf(event)];
    held.shown = std::max(held.shown, event.rev);
  }

  void JudgeVerdict(const DocumentEvent& event) {
    const auto write = writes_.find({event.node, event.number});
    if (write == writes_.end() || write->second->line > event.line) {
      return Complain(event, "no invention",
                      absl::StrCat("a verdict on write ", event.number, " of node ", event.node,
                                   ", which it had not made"));
    }
    const bool applied = event.status != Status::kRejected;
    const Verdict verdict{applied ? Status::kApplied : Status::kRejected, event.seq};
    const auto [known, is_new] = verdicts_.try_emplace({event.node, event.number}, verdict);
    if (!is_new && (known->second.status != verdict.status || known->second.seq != verdict.seq)) {
      Complain(event, "exactly once",
               absl::StrCat("the verdict on write ", event.number, " of node ", event.node,
                            " has changed"));
    }
    if (!applied) return;
    const auto [author, is_first] = author_of_.try_emplace(event.seq, event.node, event.number);
    if (is_first || author->second == std::pair(event.node, event.number)) return;
    Complain(event, "exactly once",
             absl::StrCat("seq ", event.seq, " is that of write ", author->second.second,
                          " of node ", author->second.first, " already"));
  }

  // The revisions that were applied up to `seq` and that nothing applied up to there replaced.
  static std::set<std::string> HeadsAt(const Document& doc, int64_t seq) {
    std::set<std::string> heads;
    for (const auto& [rev, written] : doc.revs) {
      if (written.seq <= seq) heads.insert(rev);
    }
    for (const auto& [rev, written] : doc.revs) {
      if (written.seq > seq) continue;
      heads.erase(written.write->base);
      for (const std::string& old : written.write->resolves) heads.erase(old);
    }
    return heads;
  }

  void JudgeState(const DocumentEvent& event) {
    JudgeScope(event);
    const Document& doc = docs_[NameOf(event)];
    if (doc.is_purged && !event.heads.empty()) {
      return Complain(event, "purge",
                      absl::StrCat("node ", event.node, " holds it after its purge"));
    }
    Node& node = nodes_[event.node];
    std::set<std::string> held;
    for (const DocumentHead& head : event.heads) {
      held.insert(head.rev);
      node.highest_seen = std::max(node.highest_seen, head.rev);
      if (!JudgeBody(event, doc, head)) return;
    }
    JudgeHeads(event, doc, held);
    Held& mine = node.docs[NameOf(event)];
    if (mine.state != nullptr && mine.state->seq > event.seq) {
      Complain(event, "monotonic",
               absl::StrCat("node ", event.node, " went back from seq ", mine.state->seq, " to ",
                            event.seq));
    }
    mine.state = &event;
    mine.is_gone = false;
  }

  // Somebody wrote just this under that revision.
  bool JudgeBody(const DocumentEvent& event, const Document& doc, const DocumentHead& head) {
    const auto written = doc.revs.find(head.rev);
    if (written == doc.revs.end() || written->second.write->line > event.line) {
      Complain(event, "no invention", absl::StrCat("nobody wrote revision ", head.rev));
      return false;
    }
    const DocumentEvent& write = *written->second.write;
    if (write.deleted == head.deleted && (head.deleted || write.body == head.body)) return true;
    Complain(event, "no invention",
             absl::StrCat("revision ", head.rev, " is not what node ", write.node,
                          " wrote in line ", write.line));
    return false;
  }

  void JudgeHeads(const DocumentEvent& event, const Document& doc,
                  const std::set<std::string>& held) {
    const std::set<std::string> expected = HeadsAt(doc, event.seq);
    for (const std::string& rev : held) {
      if (expected.contains(rev)) continue;
      const Written* by = nullptr;  // what replaced it
      for (const auto& [other, written] : doc.revs) {
        const auto& resolves = written.write->resolves;
        const bool replaces = written.write->base == rev ||
                              std::find(resolves.begin(), resolves.end(), rev) != resolves.end();
        if (replaces && written.seq <= event.seq) by = &written;
      }
      if (by == nullptr) {
        Complain(event, "no invention",
                 absl::StrCat("revision ", rev, " was not applied by seq ", event.seq));
      } else if (by->write->deleted) {
        Complain(event, "tombstones stay",
                 absl::StrCat("node ", event.node, " holds revision ", rev, ", which ",
                              by->write->rev, " deleted at seq ", by->seq));
      } else {
        Complain(event, "heads",
                 absl::StrCat("revision ", rev, " was replaced by ", by->write->rev, " at seq ",
                              by->seq));
      }
      return;
    }
    std::vector<std::string> missing;
    std::set_difference(expected.begin(), expected.end(), held.begin(), held.end(),
                        std::back_inserter(missing));
    // Only the lowest may be evicted.
    const auto evicted = static_cast<int64_t>(missing.size());
    const bool are_lowest = missing.empty() || held.empty() || missing.back() < *held.begin();
    if (evicted <= event.evicted && are_lowest) return;
    Complain(event, "conflicts are kept",
             absl::StrCat("node ", event.node, " dropped ", absl::StrJoin(missing, ", "),
                          ", which nothing replaced by seq ", event.seq));
  }

  // What a node shows never falls, and is what somebody wrote.
  void JudgeRead(const DocumentEvent& event) {
    JudgeScope(event);
    const Document& doc = docs_[NameOf(event)];
    Held& held = nodes_[event.node].docs[NameOf(event)];
    if (event.rev.empty() && IsDeleted(doc, held)) return;
    if (!event.rev.empty()) {
      if (!JudgeBody(event, doc, {event.rev, event.body, event.deleted})) return;
      if (doc.is_purged) {
        return Complain(event, "purge",
                        absl::StrCat("node ", event.node, " shows it after its purge"));
      }
    }
    // What was rejected since does not count.
    const auto shown = doc.revs.find(held.shown);
    const bool counts = shown != doc.revs.end() && !shown->second.is_rejected;
    if (counts && event.rev < held.shown) {
      Complain(event, "monotonic",
               absl::StrCat("node ", event.node, " shows ",
                            event.rev.empty() ? "nothing" : event.rev, " after ", held.shown));
    }
    held.shown = event.rev;
  }

  // The highest revision that the node knows is a tombstone.
  static bool IsDeleted(const Document& doc, const Held& held) {
    std::string highest = held.shown;
    if (held.state != nullptr) {
      for (const DocumentHead& head : held.state->heads) highest = std::max(highest, head.rev);
    }
    const auto written = doc.revs.find(highest);
    return written != doc.revs.end() && written->second.write->deleted;
  }

  // Everything up to the checkpoint is there.
  void JudgeCheckpoint(const DocumentEvent& event) {
    Node& node = nodes_[event.node];
    const bool is_same_epoch = node.epoch == event.epoch;
    if (is_same_epoch && event.seq < node.checkpoint) {
      Complain(event, "checkpoints",
               absl::StrCat("node ", event.node, " went back from ", node.checkpoint, " to ",
                            event.seq));
    }
    // What comes before the last checkpoint was looked at then.
    auto at = applied_.upper_bound(is_same_epoch ? node.checkpoint : -1);
    node.epoch = event.epoch;
    node.checkpoint = event.seq;
    for (; at != applied_.end() && at->first <= event.seq; ++at) {
      const DocName name = NameOf(*at->second);
      if (docs_[name].is_purged || !node.tenants.contains(name.first)) continue;
      const Held& held = node.docs[name];
      if (held.is_gone || (held.state != nullptr && held.state->seq >= at->first)) continue;
      return Complain(event, "checkpoints",
                      absl::StrCat("node ", event.node, " has a checkpoint at ", event.seq,
                                   " and not revision ", at->second->rev, " of ", Shown(name),
                                   ", which was applied at ", at->first));
    }
  }

  // No acknowledged write is lost, and everybody holds the same.
  void JudgeQuiet(const DocumentEvent& event) {
    for (const DocumentEvent& write : history_) {
      if (write.kind != Kind::kWrite || !write.durable || write.line > event.line) continue;
      if (verdicts_.contains({write.node, write.number})) continue;
      Complain(write, "no lost write",
               absl::StrCat("node ", write.node, " acknowledged revision ", write.rev,
                            ", and the hub has neither applied nor rejected it"));
    }
    for (const auto& [name, doc] : docs_) {
      if (doc.is_purged) continue;
      const std::set<std::string> expected = HeadsAt(doc, kNotYet - 1);
      if (expected.empty()) continue;
      for (const auto& [node_name, node] : nodes_) {
        const auto held = node.docs.find(name);
        const bool has = held != node.docs.end() && held->second.state != nullptr;
        const bool is_gone = held != node.docs.end() && held->second.is_gone;
        const bool must_have = node.tenants.contains(name.first) && !is_gone;
        if (!must_have && !(node_name == kHub && has)) continue;
        JudgeFinal(event, name, expected, node_name, has ? held->second.state : nullptr);
      }
    }
  }

  void JudgeFinal(const DocumentEvent& event, const DocName& name,
                  const std::set<std::string>& expected, const std::string& node_name,
                  const DocumentEvent* state) {
    std::set<std::string> heads;
    if (state != nullptr) {
      for (const DocumentHead& head : state->heads) heads.insert(head.rev);
    }
    const auto evicted = state != nullptr ? static_cast<size_t>(state->evicted) : 0;
    if (heads == expected || (evicted > 0 && heads.size() + evicted >= expected.size())) return;
    Complain(event, "convergence",
             absl::StrCat("in the end node ", node_name, " holds ", Shown(name), " as ",
                          heads.empty() ? "nothing" : absl::StrJoin(heads, ", "), " instead of ",
                          absl::StrJoin(expected, ", ")));
  }

  const DocumentHistory& history_;
  const size_t violations_max_;
  bool is_scoped_ = false;
  std::map<DocName, Document> docs_;
  std::map<WriteName, const DocumentEvent*> writes_;
  std::map<WriteName, Verdict> verdicts_;
  std::map<int64_t, const DocumentEvent*> applied_;  // writes by the hub's seq
  std::map<int64_t, WriteName> author_of_;           // the same as far as verdicts were seen
  std::map<std::string, Node> nodes_;
  std::vector<Violation> violations_;
};

}  // namespace

std::vector<Violation> CheckDocuments(const DocumentHistory& history, size_t violations_max) {
  return DocumentCheck(history, violations_max).Run();
}

}  // namespace lockstep::checkers
