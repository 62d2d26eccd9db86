#include "tests/framework/raft/dialogue.h"

#include <variant>

#include "framework/base/check.h"

namespace lockstep::raft::testing {
namespace {

void Print(std::ostream& out, const std::vector<NodeId>& nodes) {
  for (NodeId node : nodes) out << " " << node;
}

std::string Describe(const Configuration& configuration) {
  std::ostringstream out;
  out << "voters";
  Print(out, configuration.voters);
  if (configuration.joint()) Print(out << " outgoing", configuration.outgoing);
  if (!configuration.learners.empty()) Print(out << " learners", configuration.learners);
  if (!configuration.learners_next.empty()) Print(out << " next", configuration.learners_next);
  return out.str();
}

const char* Name(Role role) {
  switch (role) {
    case Role::kFollower:
      return "follower";
    case Role::kPreCandidate:
      return "pre-candidate";
    case Role::kCandidate:
      return "candidate";
    case Role::kLeader:
      return "leader";
  }
  return "?";
}

// One line per kind of message: its name and what matters.
struct BodyPrinter final {
  std::ostream& out;

  void operator()(const VoteRequest& m) const {
    out << (m.pre_vote ? "pre-vote?" : "vote?") << " last " << m.last_index << "/" << m.last_term;
    if (m.leader_transfer) out << " transfer";
  }
  void operator()(const VoteReply& m) const {
    out << (m.pre_vote ? "pre-vote " : "vote ") << (m.granted ? "granted" : "refused");
  }
  void operator()(const AppendRequest& m) const {
    out << "append after " << m.prev_index << "/" << m.prev_term << " commit " << m.commit << " [";
    for (size_t i = 0; i < m.entries.size(); ++i) {
      out << (i == 0 ? "" : " ") << m.entries[i].index << "/" << m.entries[i].term;
    }
    out << "]";
  }
  void operator()(const AppendReply& m) const {
    out << (m.rejected ? "refused after " : "accepted to ") << m.index;
    if (m.rejected) out << " hint " << m.hint_index << "/" << m.hint_term;
  }
  void operator()(const Heartbeat& m) const {
    out << "heartbeat commit " << m.commit << " read " << m.read;
  }
  void operator()(const HeartbeatReply& m) const { out << "heartbeat reply read " << m.read; }
  void operator()(const InstallSnapshot& m) const {
    out << "snapshot " << m.meta.index << "/" << m.meta.term << " "
        << Describe(m.meta.configuration);
  }
  void operator()(const TimeoutNow&) const { out << "timeout now"; }
  void operator()(const ReadIndexRequest& m) const { out << "read " << m.id << "?"; }
  void operator()(const ReadIndexReply& m) const {
    out << "read " << m.id << (m.rejected ? " refused" : " at ");
    if (!m.rejected) out << m.index;
  }
};

struct EventPrinter final {
  std::ostream& out;

  void operator()(const RoleChanged& e) const { out << Name(e.role) << " in term " << e.term; }
  void operator()(const LeaderChanged& e) const {
    out << "follows ";
    if (e.leader == NodeId(0)) {
      out << "nobody";
    } else {
      out << e.leader;
    }
  }
  void operator()(const DiskStalled&) const { out << "leaves for its disk"; }
  void operator()(const ConfigurationChanged& e) const {
    out << Describe(e.configuration) << " from " << e.index;
  }
};

bool IsQuiet(const Message& message, bool lost) {
  if (const auto* m = std::get_if<Heartbeat>(&message.body)) return m->read == 0 || lost;
  if (const auto* m = std::get_if<HeartbeatReply>(&message.body)) return m->read == 0;
  return false;
}

}  // namespace

std::string Dialogue::Play(const std::string& text) {
  out_.str("");
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("  ")) continue;
    out_ << line << "\n";
    if (line.starts_with("> ")) Run(line.substr(2));
  }
  return out_.str();
}

void Dialogue::Run(const std::string& command) {
  std::istringstream in(command);
  std::string verb;
  uint64_t number = 0;
  in >> verb >> number;
  if (verb == "nodes") {
    Watch(number);
    return;
  }
  CHECK(cluster_ != nullptr) << "the first command is: nodes N";
  if (verb == "heal") {
    cut_.clear();
  } else if (verb == "settle") {
    cluster_->Settle();
  } else if (verb == "run") {
    cluster_->RunTicks(number);
  } else if (verb == "status") {
    Status();
  } else {
    RunOnNode(verb, number, in);
  }
}

void Dialogue::RunOnNode(const std::string& verb, uint64_t id, std::istringstream& in) {
  uint64_t argument = 0;
  std::string word;
  if (verb == "add") {
    cluster_->AddNode(id);
  } else if (verb == "log") {
    std::vector<uint64_t> terms;
    in >> argument;
    for (uint64_t term = 0; in >> term;) terms.push_back(term);
    cluster_->Recreate(id, HardState{Term(argument), {}, {}}, LogOfTerms(terms));
  } else if (verb == "campaign") {
    cluster_->Campaign(id);
  } else if (verb == "propose" && in >> word) {
    CHECK(cluster_->Propose(id, word).refusal == ProposeRefusal::kNone) << "refused";
  } else if (verb == "read" && in >> argument) {
    cluster_->Read(id, argument);
  } else if (verb == "change") {
    Change(id, in);
  } else if (verb == "transfer" && in >> argument) {
    cluster_->Handle(id, cluster_->raft(id).TransferLeadership(N(argument)));
  } else if (verb == "compact") {
    cluster_->Compact(id);
  } else if (verb == "lost" && in >> argument) {
    cluster_->Handle(id, cluster_->raft(id).LostLeader(N(argument)));
  } else if (verb == "cut") {
    cut_.insert(id);
  } else if (verb == "crash") {
    cluster_->Crash(id);
  } else if (verb == "restart") {
    cluster_->Restart(id);
  } else if (verb == "tick" && in >> argument) {
    cluster_->Tick(id, argument);
  } else {
    CHECK(false) << "no such command: " << verb;
  }
}

void Dialogue::Change(uint64_t id, std::istringstream& in) {
  Configuration target;
  std::vector<NodeId>* list = nullptr;
  for (std::string word; in >> word;) {
    if (word == "voters") {
      list = &target.voters;
    } else if (word == "learners") {
      list = &target.learners;
    } else {
      CHECK(list != nullptr);
      list->push_back(N(std::stoull(word)));
    }
  }
  CHECK(cluster_->ProposeConfiguration(id, target).refusal == ProposeRefusal::kNone);
}

void Dialogue::Watch(uint64_t nodes) {
  cluster_ = std::make_unique<Cluster>(nodes);
  cluster_->set_observer([this](Cluster&, uint64_t id) { Observe(id); });
  cluster_->set_drop([this](const Message& message) {
    const bool lost = cut_.contains(message.from.value()) || cut_.contains(message.to.value());
    Show(message, lost);
    return lost;
  });
}

void Dialogue::Show(const Message& message, bool lost) {
  if (IsQuiet(message, lost)) return;
  out_ << "  " << message.from << " -> " << message.to << " t" << message.term << " ";
  std::visit(BodyPrinter{out_}, message.body);
  out_ << (lost ? " LOST\n" : "\n");
}

void Dialogue::Observe(uint64_t id) {
  const Node& node = cluster_->node(id);
  Seen& seen = seen_[id];
  for (; seen.events < node.events.size(); ++seen.events) {
    out_ << "  " << id << ": ";
    std::visit(EventPrinter{out_}, node.events[seen.events]);
    out_ << "\n";
  }
  if (node.raft->commit() > seen.commit) {
    seen.commit = node.raft->commit();
    out_ << "  " << id << ": commit " << seen.commit << "\n";
  }
  for (; seen.reads < node.reads.size(); ++seen.reads) {
    const ReadReady& read = node.reads[seen.reads];
    out_ << "  " << id << ": read " << read.id << " ready at " << read.index << "\n";
  }
  for (; seen.reads_failed < node.reads_failed.size(); ++seen.reads_failed) {
    out_ << "  " << id << ": read " << node.reads_failed[seen.reads_failed] << " failed\n";
  }
}

void Dialogue::Status() {
  for (uint64_t id : cluster_->ids()) {
    out_ << "  " << id;
    if (!cluster_->is_up(id)) {
      out_ << " down\n";
      continue;
    }
    const Raft& raft = cluster_->raft(id);
    out_ << " " << Name(raft.role()) << " t" << raft.term() << " log " << raft.first_index() << ".."
         << raft.last_index() << " commit " << raft.commit() << " applied " << raft.applied()
         << "\n";
  }
}

}  // namespace lockstep::raft::testing
