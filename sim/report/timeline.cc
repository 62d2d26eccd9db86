#include "sim/report/timeline.h"

#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "framework/base/check.h"

namespace lockstep::sim {
namespace {

constexpr uint64_t kFirstClient = 101;
constexpr int64_t kFlightMaxNs = 1'000'000'000;
// A number this long in a verdict is an instant in ns.
constexpr size_t kInstantDigits = 6;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

// Everyday matters: they happen many times in a run that passes.
bool IsNoise(FaultClass fault) {
  const std::string_view name = NameOf(fault);
  return name.starts_with("sched.") || name.starts_with("net.partial") ||
         name.starts_with("clock.") || name.starts_with("node.") || fault == FaultClass::kPartition;
}

std::string TextOf(const TraceEvent& event) {
  std::string text(event.name);
  for (const runtime::TraceField& field : event.fields) {
    absl::StrAppend(&text, " ", View(field.key), "=");
    std::visit(
        [&](const auto& value) {
          if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string_view>) {
            absl::StrAppend(&text, View(value));
          } else {
            absl::StrAppend(&text, value);
          }
        },
        field.value);
  }
  return text;
}

}  // namespace

void Timeline::OnTrace(VirtualTime at, const TraceEvent& event) {
  Saw(at);
  lines_.push_back({at.ns, event.node.value(), TextOf(event)});
  if (lines_.size() > limits_.lines_max) lines_.pop_front();
}

void Timeline::OnFault(VirtualTime at, FaultClass fault, NodeId node) {
  Saw(at);
  if (IsNoise(fault) || faults_.size() >= limits_.faults_max) return;
  faults_.push_back({at.ns, node.value(), NameOf(fault)});
}

void Timeline::OnHappening(VirtualTime at, const Happening& happening) {
  Saw(at);
  // Healing gives room to disks that had enough.
  std::set<std::string, std::less<>>& full = full_disks_;
  if (happening.what == "disk.full") full.emplace(happening.where);
  if (happening.what == "disk.room" && full.erase(std::string(happening.where)) == 0) return;
  events_.push_back({at.ns, std::string(happening.what), std::string(happening.where),
                     std::string(happening.peer), happening.until.ns, happening.amount});
}

void Timeline::OnReplica(VirtualTime at, const ReplicaFacts& facts) {
  Saw(at);
  const State state{at.ns,        facts.node.value(), std::string(facts.role),
                    facts.term,   facts.last_index,   facts.commit,
                    facts.applied};
  const auto [newest, is_first] = newest_state_.try_emplace(state.node, states_.size());
  if (!is_first) {
    const State& old = states_[newest->second];
    if (old.role == state.role && old.term == state.term && old.last == state.last &&
        old.commit == state.commit && old.applied == state.applied) {
      return;
    }
    newest->second = states_.size();
  }
  states_.push_back(state);
}

void Timeline::OnMessage(VirtualTime at, const MessageFacts& facts) {
  Saw(at);
  std::deque<uint64_t>& flying = flights_[{facts.from.value(), facts.to.value(), facts.identity}];
  if (!facts.arrives) {
    flying.push_back(first_message_ + messages_.size());
    messages_.push_back({at.ns, kNotYet, facts.from.value(), facts.to.value(),
                         std::string(facts.kind), facts.words, facts.first_index,
                         facts.last_index});
    if (messages_.size() > limits_.messages_max) messages_.pop_front(), ++first_message_;
    return;
  }
  // Streams keep their order. What was lost with its connection gives way to an equal one.
  while (flying.size() > 1 && flying.front() >= first_message_ &&
         at.ns - messages_[flying.front() - first_message_].sent > kFlightMaxNs) {
    flying.pop_front();
  }
  if (flying.empty()) return;
  const uint64_t number = flying.front();
  flying.pop_front();
  if (number >= first_message_) messages_[number - first_message_].arrived = at.ns;
}

void Timeline::OnApplied(VirtualTime at, NodeId, uint64_t index, std::string_view entry) {
  Saw(at);
  for (Operation& operation : operations_) {
    if (operation.index == 0 && !operation.token.empty() &&
        entry.find(operation.token) != std::string_view::npos) {
      operation.index = index;
    }
  }
}

void Timeline::OnInvoked(VirtualTime at, const OperationFacts& facts) {
  Saw(at);
  operation_of_[facts.id] = operations_.size();
  operations_.push_back({facts.id, facts.client, facts.endpoint, facts.words, "", facts.token,
                         facts.keys, at.ns, kNotYet, 0, false});
}

void Timeline::OnReturned(VirtualTime at, uint64_t id, std::string_view answer) {
  Saw(at);
  const auto operation = operation_of_.find(id);
  CHECK(operation != operation_of_.end()) << "an answer to what nobody asked: " << id;
  operations_[operation->second].returned = at.ns;
  operations_[operation->second].answer = answer.empty() ? "unknown" : std::string(answer);
}

void Timeline::MarkOffenders(std::string_view verdict) {
  const auto speaks_of = [&](const std::string& what) {
    for (size_t at = verdict.find(what); at != std::string_view::npos;
         at = verdict.find(what, at + 1)) {
      const size_t end = at + what.size();
      const bool begins =
          at == 0 || !absl::ascii_isalnum(static_cast<unsigned char>(verdict[at - 1]));
      if (begins && (end == verdict.size() ||
                     !absl::ascii_isalnum(static_cast<unsigned char>(verdict[end])))) {
        return true;
      }
    }
    return false;
  };
  for (Operation& operation : operations_) {
    operation.offends = speaks_of(absl::StrCat(operation.called)) ||
                        (!operation.token.empty() && speaks_of(operation.token));
  }
}

std::string ShowTime(int64_t ns) {
  return absl::StrFormat("%d.%03ds", ns / 1'000'000'000, ns / 1'000'000 % 1'000);
}

std::string ShowNode(uint64_t node) {
  return node >= kFirstClient ? absl::StrCat("c", node - kFirstClient + 1)
                              : absl::StrCat("n", node);
}

std::string ShowEvent(const Timeline::Event& event) {
  const auto until = [&] { return event.until > 0 ? " until " + ShowTime(event.until) : ""; };
  const std::string link = absl::StrCat(event.where, " to ", event.peer);
  if (event.what == "node.kill") return event.where + " killed";
  if (event.what == "node.power_loss") return event.where + " loses power";
  if (event.what == "node.exit") return event.where + " exits";
  if (event.what == "node.pause") return event.where + " paused" + until();
  if (event.what == "node.resume") return event.where + " resumes";
  if (event.what == "node.boot") return event.where + " boots";
  if (event.what == "link.cut") return "cut " + link;
  if (event.what == "link.restore") return "restored " + link;
  if (event.what == "link.clog") return "clogged " + link + until();
  if (event.what == "disk.hang") return "disk of " + event.where + " hangs" + until();
  if (event.what == "disk.full") return "disk of " + event.where + " is full";
  if (event.what == "disk.room") return "disk of " + event.where + " has room";
  if (event.what == "disk.slow") {
    return absl::StrCat("disk of ", event.where, " ", event.amount, " times slower", until());
  }
  if (event.what == "clock.step") {
    return absl::StrCat("wall clock of ", event.where, " steps by ", event.amount < 0 ? "-" : "+",
                        ShowTime(std::abs(event.amount)));
  }
  // Something new: its own name will do.
  return absl::StrCat(event.what, " ", event.where, event.peer.empty() ? "" : " ", event.peer,
                      until());
}

std::string ShowVerdict(std::string_view verdict) {
  std::string shown;
  for (size_t at = 0; at < verdict.size();) {
    size_t end = at;
    while (end < verdict.size() && IsDigit(verdict[end])) ++end;
    const std::string_view number = verdict.substr(at, end - at);
    int64_t value = 0;
    if (number.empty() || !absl::SimpleAtoi(View(number), &value)) {
      shown.append(verdict.substr(at, std::max<size_t>(1, number.size())));
      at += std::max<size_t>(1, number.size());
      continue;
    }
    if (number.size() >= kInstantDigits) {
      shown += ShowTime(value);
    } else if (shown.ends_with("client ")) {
      absl::StrAppend(&shown, "c", value + 1);
    } else {
      shown.append(number);
    }
    at = end;
  }
  return shown;
}

}  // namespace lockstep::sim
