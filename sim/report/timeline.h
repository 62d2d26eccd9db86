// Timeline: what a failing universe did, kept to be shown.
#ifndef LOCKSTEP_SIM_REPORT_TIMELINE_H_
#define LOCKSTEP_SIM_REPORT_TIMELINE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "sim/recorder.h"

namespace lockstep::sim {

inline constexpr int64_t kNotYet = -1;

struct TimelineLimits final {
  size_t messages_max = 6'000;
  size_t lines_max = 3'000;  // of trace, the newest
  size_t faults_max = 500;
};

// Invariants: every list is in the order of time; a message that arrived is the one that was sent.
// A value for whoever renders it. Nothing here suspends.
class Timeline final : public Recorder {
 public:
  struct Event {  // a disaster, or a change in the life of a node
    int64_t at = 0;
    std::string what, where, peer;
    int64_t until = 0;
    int64_t amount = 0;
  };
  struct State {  // of a replica, from now on
    int64_t at = 0;
    uint64_t node = 0;
    std::string role;
    uint64_t term = 0, last = 0, commit = 0, applied = 0;
  };
  struct Message {
    int64_t sent = 0;
    int64_t arrived = kNotYet;
    uint64_t from = 0, to = 0;
    std::string kind, words;
    uint64_t first = 0, last = 0;  // indexes of its entries
  };
  struct Operation {
    uint64_t id = 0;
    uint32_t client = 0;
    std::string endpoint, words, answer, token;
    std::vector<std::string> keys;
    int64_t called = 0;
    int64_t returned = kNotYet;
    uint64_t index = 0;  // of its log entry, where that is known
    bool offends = false;
  };
  struct Line {
    int64_t at = 0;
    uint64_t node = 0;
    std::string text;
  };
  struct Fault {
    int64_t at = 0;
    uint64_t node = 0;
    std::string_view name;
  };

  explicit Timeline(const TimelineLimits& limits = {}) : limits_(limits) {}

  void OnTrace(VirtualTime at, const TraceEvent& event) override;
  void OnFault(VirtualTime at, FaultClass fault, NodeId node) override;
  void OnHappening(VirtualTime at, const Happening& happening) override;
  void OnReplica(VirtualTime at, const ReplicaFacts& facts) override;
  void OnMessage(VirtualTime at, const MessageFacts& facts) override;
  void OnApplied(VirtualTime at, NodeId node, uint64_t index, std::string_view entry) override;
  void OnInvoked(VirtualTime at, const OperationFacts& facts) override;
  void OnReturned(VirtualTime at, uint64_t id, std::string_view answer) override;

  // Marks the operations that the verdict speaks of: by the instant at which they were called, or
  // by what they wrote.
  void MarkOffenders(std::string_view verdict);

  const std::vector<Event>& events() const { return events_; }
  const std::vector<State>& states() const { return states_; }
  const std::deque<Message>& messages() const { return messages_; }
  const std::vector<Operation>& operations() const { return operations_; }
  const std::deque<Line>& lines() const { return lines_; }
  const std::vector<Fault>& faults() const { return faults_; }
  int64_t end() const { return end_; }

 private:
  using Flight = std::tuple<uint64_t, uint64_t, uint64_t>;  // from, to, identity

  void Saw(VirtualTime at) { end_ = at.ns; }

  TimelineLimits limits_;
  std::vector<Event> events_;
  std::set<std::string, std::less<>> full_disks_;
  std::vector<State> states_;
  std::map<uint64_t, size_t> newest_state_;  // by node
  std::deque<Message> messages_;
  uint64_t first_message_ = 0;                      // number of the oldest that is kept
  std::map<Flight, std::deque<uint64_t>> flights_;  // numbers of messages under way
  std::vector<Operation> operations_;
  std::map<uint64_t, size_t> operation_of_;  // by id
  std::map<std::string, size_t, std::less<>> operation_by_token_;
  std::deque<Line> lines_;
  std::vector<Fault> faults_;
  int64_t end_ = 0;
};

// For people: "1.300s".
std::string ShowTime(int64_t ns);
// "n1" for a node, "c2" for a client's machine.
std::string ShowNode(uint64_t node);
// A disaster in words: "n2 paused until 1.292s"; empty for what is no news.
std::string ShowEvent(const Timeline::Event& event);
// A verdict with instants as seconds and clients by their names.
std::string ShowVerdict(std::string_view verdict);

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_REPORT_TIMELINE_H_
