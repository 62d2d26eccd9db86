// SimNetwork: all hosts of a universe, the links between them, and the byte streams on them.
#ifndef LOCKSTEP_SIM_SIM_NETWORK_H_
#define LOCKSTEP_SIM_SIM_NETWORK_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "framework/runtime/network.h"
#include "sim/connection.h"
#include "sim/process.h"
#include "sim/world.h"

namespace lockstep::sim {

// Fault model. A link is an ordered pair of hosts.
//   Delay: a fixed part per link, exponential jitter per delivery, rarely 100 times all that. A
//     stream keeps its order, different streams overtake each other.
//   Cut link (partition, one-way or both ways): bytes, ends, resets and credits are held until the
//     link is restored; handshakes are retried as TCP does. Nothing is lost from the middle of a
//     stream, ever.
//   Clogged link: everything is delayed until the clog is over; order is kept.
//   Reset: this side fails at once, what was in flight either way is lost, the other side fails
//     when the reset arrives; a silent one it notices only when it sends.
//   Process death: the kernel lives on. Written bytes still arrive; then the end of the stream, or
//     a reset if the process left bytes unread. Connects are refused.
//   Power loss: nothing more leaves the host. Peers notice nothing; after the reboot, what they
//     send is answered with a reset. Connects get no answer while the host is down.
//
// Invariants: between the same two ends bytes arrive in order, each once, or the stream fails;
// a writer never has more than the window outstanding. Loopback links have no faults.
// One per World; outlives the nodes. Only Dial, Accept, Read and Write suspend.
class SimNetwork final {
 public:
  explicit SimNetwork(World& world) : world_(world) {}
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;

  // A new machine, switched off. REQUIRES: the name is new and has no ':'.
  HostId AddHost(std::string name, NodeId node);
  const std::string& NameOf(HostId host) const { return hosts_[host.value()].name; }
  uint32_t host_count() const { return static_cast<uint32_t>(hosts_.size()); }

  // Called by SimNode.
  void ProcessStarted(HostId host);
  void ProcessEnded(HostId host);
  void PowerLost(HostId host);

  // --- For a nemesis ---
  // Cuts one direction. Cut twice, restored once: restored.
  void Cut(HostId from, HostId to);
  void CutBoth(HostId a, HostId b) {
    Cut(a, b);
    Cut(b, a);
  }
  void Restore(HostId from, HostId to);
  void RestoreAll();
  bool IsCut(HostId from, HostId to) const { return LinkOf(from, to).cut; }
  void Clog(HostId from, HostId to, Duration duration);
  void UnclogAll();
  // Resets every connection between the two, or those whose ids are wanted.
  void ResetAll(HostId a, HostId b);
  void ResetIf(HostId a, HostId b, absl::FunctionRef<bool(uint64_t)> is_wanted);

  // --- For HostNetwork and the streams (sim_network.cc, stream.cc) ---
  struct Listening final {
    HostId host;
    uint16_t port = 0;
    bool closed = false;
    std::deque<std::shared_ptr<Connection>> backlog;
    fiber::WaitQueue acceptors;
  };
  struct Attempt final {
    HostId from, to;
    uint16_t port = 0;
    uint64_t key = 0;
    VirtualTime started;
    Duration retry_after;
    bool abandoned = false;
    bool black_hole = false;
    bool refuse = false;
    fiber::Event done;
    absl::Status status;
    std::shared_ptr<Connection> connection;
  };
  std::shared_ptr<Attempt> StartConnect(HostId from, HostId to, uint16_t port);
  // INVALID_ARGUMENT or UNAVAILABLE (no such host).
  absl::StatusOr<std::pair<HostId, uint16_t>> Resolve(HostId from,
                                                      const runtime::Address& address) const;
  // Port 0 takes a free one. ALREADY_EXISTS.
  absl::StatusOr<std::shared_ptr<Listening>> StartListening(HostId host, uint16_t port);
  void StopListening(Listening& listening);

  void Send(Connection& connection, int side, Segment::Kind kind, std::string bytes);
  // This side fails now; in-flight data is lost. `tell_peer`: send a reset.
  void Reset(Connection& connection, int side, absl::Status why, bool tell_peer);
  // The process lets go of its end.
  void Release(Connection& connection, int side);
  // Tells the writer what was read, if it needs to know (`writer_waits`: it does).
  void ReturnCredit(Connection& connection, int reader_side, bool writer_waits);
  World& world() { return world_; }

 private:
  struct Host final {
    std::string name;
    NodeId node;
    bool powered = false;
    bool running = false;  // the process
    uint16_t next_port = 40'000;
  };
  struct Link final {
    Duration delay;
    bool cut = false;
    VirtualTime clogged_until;
    uint64_t connects = 0;
  };

  Link& LinkOf(HostId from, HostId to) { return links_[from.value()][to.value()]; }
  const Link& LinkOf(HostId from, HostId to) const { return links_[from.value()][to.value()]; }
  void Tell(std::string_view what, HostId from, HostId to, VirtualTime until);
  // When something sent now arrives.
  VirtualTime ArrivalTime(HostId from, HostId to, uint64_t key);
  EventOrigin OriginOf(const Connection& connection, int side, EventKind kind) const;
  Connection* Find(uint64_t id);
  void EraseIfDone(Connection& connection);

  void SchedulePump(Connection& connection, int side);
  void Pump(uint64_t id, int side);
  void Arrive(Connection& connection, int side, Segment segment);
  void ScheduleCredit(Connection& connection, int reader_side);
  void CreditArrives(uint64_t id, int reader_side);
  // Calls `visit` for every connection; it may close any of them.
  void ForEach(absl::FunctionRef<void(Connection&)> visit);
  void ForEachEndOf(HostId host, absl::FunctionRef<void(Connection&, int)> visit);

  void ScheduleConnectStep(const std::shared_ptr<Attempt>& attempt, VirtualTime when,
                           void (SimNetwork::*step)(const std::shared_ptr<Attempt>&));
  void SynArrives(const std::shared_ptr<Attempt>& attempt);
  void AnswerArrives(const std::shared_ptr<Attempt>& attempt);
  void RetryConnect(const std::shared_ptr<Attempt>& attempt);
  void Establish(const std::shared_ptr<Attempt>& attempt, Listening& listening);

  World& world_;
  std::vector<Host> hosts_;
  std::vector<std::vector<Link>> links_;
  std::map<uint64_t, std::shared_ptr<Connection>> connections_;
  std::map<std::pair<HostId, uint16_t>, std::shared_ptr<Listening>> listening_;
  uint64_t next_connection_ = 1;
};

// The network as one node sees it.
class HostNetwork final : public runtime::Network {
 public:
  HostNetwork(SimNetwork& network, HostId host, Process& process)
      : network_(network), host_(host), process_(process) {}

  absl::StatusOr<std::unique_ptr<runtime::Stream>> Dial(Fiber& fiber,
                                                        const runtime::Address& address,
                                                        MonoTime deadline) override;
  absl::StatusOr<std::unique_ptr<runtime::Listener>> Listen(
      const runtime::Address& address) override;

 private:
  SimNetwork& network_;
  HostId host_;
  Process& process_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_SIM_NETWORK_H_
