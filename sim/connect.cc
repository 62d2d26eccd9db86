// Handshakes: addresses, listeners, and how a dial ends.
#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "sim/sim_network.h"
#include "sim/sim_stream.h"

namespace lockstep::sim {
namespace {

constexpr Duration kConnectTimeout = Seconds(20);
constexpr Duration kFirstRetry = Seconds(1);
constexpr Duration kLastRetry = Seconds(8);
constexpr size_t kBacklogMax = 128;

bool NamesThisHost(std::string_view name) {
  return name.empty() || name == "localhost" || name == "127.0.0.1" || name == "0.0.0.0" ||
         name == "[::]" || name == "[::1]";
}

class SimListener final : public runtime::Listener {
 public:
  SimListener(SimNetwork& network, Process& process,
              std::shared_ptr<SimNetwork::Listening> listening)
      : network_(network), process_(process), listening_(std::move(listening)) {
    address_ = absl::StrCat(network.NameOf(listening_->host), ":", listening_->port);
  }
  ~SimListener() override { network_.StopListening(*listening_); }

  absl::StatusOr<std::unique_ptr<runtime::Stream>> Accept(Fiber& fiber) override {
    process_.StopIfDead(fiber);
    // The listener itself may be gone when a wait returns.
    SimNetwork& network = network_;
    Process& process = process_;
    const std::shared_ptr<SimNetwork::Listening> listening = listening_;
    while (listening->backlog.empty() && !listening->closed) listening->acceptors.Wait(fiber);
    if (listening->closed) return absl::CancelledError("listener closed");
    World& world = network.world();
    const uint64_t key = KeyOf(listening->host.value(), listening->port);
    if (world.draws().Chance("net.accept_error", key, world.rates().accept_error_ppm)) {
      world.CountFault(FaultClass::kAcceptError);
      return absl::ResourceExhaustedError("accept: too many open files");
    }
    std::shared_ptr<Connection> connection = std::move(listening->backlog.front());
    listening->backlog.pop_front();
    return std::make_unique<SimStream>(network, process, std::move(connection), 1);
  }

  const runtime::Address& address() const override { return address_; }

 private:
  SimNetwork& network_;
  Process& process_;
  std::shared_ptr<SimNetwork::Listening> listening_;
  runtime::Address address_;
};

}  // namespace

absl::StatusOr<std::pair<HostId, uint16_t>> SimNetwork::Resolve(
    HostId from, const runtime::Address& address) const {
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port > 65'535) {
    return absl::InvalidArgumentError(absl::StrCat("not host:port: ", address));
  }
  const std::string name = address.substr(0, colon);
  if (NamesThisHost(name)) return std::pair(from, static_cast<uint16_t>(port));
  for (uint32_t i = 0; i < host_count(); ++i) {
    if (hosts_[i].name == name) return std::pair(HostId(i), static_cast<uint16_t>(port));
  }
  return absl::UnavailableError(absl::StrCat("no such host: ", name));
}

absl::StatusOr<std::shared_ptr<SimNetwork::Listening>> SimNetwork::StartListening(HostId host,
                                                                                  uint16_t port) {
  while (port == 0) {
    const uint16_t candidate = hosts_[host.value()].next_port++;
    if (candidate != 0 && !listening_.contains({host, candidate})) port = candidate;
  }
  if (listening_.contains({host, port})) {
    return absl::AlreadyExistsError(absl::StrCat("port ", port, " is taken"));
  }
  auto listening = std::make_shared<Listening>();
  listening->host = host;
  listening->port = port;
  listening_[{host, port}] = listening;
  return listening;
}

void SimNetwork::StopListening(Listening& listening) {
  if (listening.closed) return;
  listening.closed = true;
  listening.acceptors.WakeAll();
  for (const std::shared_ptr<Connection>& connection : listening.backlog) {
    Reset(*connection, 1, absl::CancelledError("listener closed"), /*tell_peer=*/true);
    Release(*connection, 1);
  }
  listening.backlog.clear();
  listening_.erase({listening.host, listening.port});
}

std::shared_ptr<SimNetwork::Attempt> SimNetwork::StartConnect(HostId from, HostId to,
                                                              uint16_t port) {
  Link& link = LinkOf(from, to);
  auto attempt = std::make_shared<Attempt>();
  attempt->from = from;
  attempt->to = to;
  attempt->port = port;
  attempt->key = KeyOf(from.value(), to.value(), link.connects++);
  attempt->started = world_.now();
  attempt->retry_after = kFirstRetry;
  if (from != to) {
    const FaultRates& rates = world_.rates();
    const uint64_t key = KeyOf(from.value(), to.value());
    attempt->refuse = world_.draws().Chance("net.refuse", key, rates.connect_refused_ppm);
    attempt->black_hole =
        world_.draws().Chance("net.black_hole", key, rates.connect_black_hole_ppm);
  }
  ScheduleConnectStep(attempt, ArrivalTime(from, to, attempt->key), &SimNetwork::SynArrives);
  return attempt;
}

void SimNetwork::ScheduleConnectStep(const std::shared_ptr<Attempt>& attempt, VirtualTime when,
                                     void (SimNetwork::*step)(const std::shared_ptr<Attempt>&)) {
  world_.At(when, {hosts_[attempt->from.value()].node, EventKind::kConnect, attempt->key},
            [this, attempt, step] { (this->*step)(attempt); });
}

void SimNetwork::RetryConnect(const std::shared_ptr<Attempt>& attempt) {
  if (world_.now() + attempt->retry_after > attempt->started + kConnectTimeout) {
    attempt->status = absl::UnavailableError("connect: timed out");
    attempt->done.Set();
    return;
  }
  ScheduleConnectStep(attempt, world_.now() + attempt->retry_after, &SimNetwork::SynArrives);
  attempt->retry_after = std::min(attempt->retry_after * 2, kLastRetry);
}

void SimNetwork::SynArrives(const std::shared_ptr<Attempt>& attempt) {
  if (attempt->abandoned) return;
  if (IsCut(attempt->from, attempt->to) || IsCut(attempt->to, attempt->from)) {
    world_.CountFault(FaultClass::kPartition);
    return RetryConnect(attempt);
  }
  const Host& host = hosts_[attempt->to.value()];
  if (!host.powered) return RetryConnect(attempt);
  const auto found = listening_.find({attempt->to, attempt->port});
  const bool somebody_listens = found != listening_.end() && host.running;
  if (somebody_listens && attempt->black_hole) {
    world_.CountFault(FaultClass::kConnectBlackHole);
    return RetryConnect(attempt);
  }
  if (somebody_listens && !attempt->refuse) {
    if (found->second->backlog.size() >= kBacklogMax) return RetryConnect(attempt);
    Establish(attempt, *found->second);
  } else {
    if (somebody_listens) world_.CountFault(FaultClass::kConnectRefused);
    attempt->status = absl::UnavailableError("connect: connection refused");
  }
  ScheduleConnectStep(attempt, ArrivalTime(attempt->to, attempt->from, attempt->key),
                      &SimNetwork::AnswerArrives);
}

void SimNetwork::Establish(const std::shared_ptr<Attempt>& attempt, Listening& listening) {
  auto connection = std::make_shared<Connection>();
  connection->id = next_connection_++;
  connection->key = attempt->key;
  Host& dialler = hosts_[attempt->from.value()];
  const uint16_t port = dialler.next_port++;
  connection->ends[0].host = attempt->from;
  connection->ends[0].peer = absl::StrCat(hosts_[attempt->to.value()].name, ":", attempt->port);
  connection->ends[1].host = attempt->to;
  connection->ends[1].peer = absl::StrCat(dialler.name, ":", port);
  connections_[connection->id] = connection;
  attempt->connection = connection;
  listening.backlog.push_back(std::move(connection));
  listening.acceptors.WakeOne();
}

void SimNetwork::AnswerArrives(const std::shared_ptr<Attempt>& attempt) {
  if (attempt->connection != nullptr && attempt->abandoned) {
    Reset(*attempt->connection, 0, absl::CancelledError("abandoned"), /*tell_peer=*/true);
    Release(*attempt->connection, 0);
    return;
  }
  attempt->done.Set();
}

absl::StatusOr<std::unique_ptr<runtime::Stream>> HostNetwork::Dial(Fiber& fiber,
                                                                   const runtime::Address& address,
                                                                   MonoTime deadline) {
  process_.StopIfDead(fiber);
  ASSIGN_OR_RETURN(const auto target, network_.Resolve(host_, address));
  const auto attempt = network_.StartConnect(host_, target.first, target.second);
  // Also when the fiber is unwound while it waits.
  struct Abandon {
    SimNetwork::Attempt& attempt;
    bool armed = true;
    ~Abandon() { attempt.abandoned = armed; }
  } abandon{*attempt};
  if (!attempt->done.Wait(fiber, deadline)) {
    return absl::DeadlineExceededError(absl::StrCat("connect to ", address));
  }
  process_.StopIfDead(fiber);
  abandon.armed = false;
  RETURN_IF_ERROR(attempt->status);
  return std::make_unique<SimStream>(network_, process_, attempt->connection, 0);
}

absl::StatusOr<std::unique_ptr<runtime::Listener>> HostNetwork::Listen(
    const runtime::Address& address) {
  if (!process_.alive()) return absl::UnavailableError("the process is dead");
  ASSIGN_OR_RETURN(const auto where, network_.Resolve(host_, address));
  if (where.first != host_) {
    return absl::InvalidArgumentError(absl::StrCat("not an address of this host: ", address));
  }
  ASSIGN_OR_RETURN(auto listening, network_.StartListening(host_, where.second));
  return std::make_unique<SimListener>(network_, process_, std::move(listening));
}

}  // namespace lockstep::sim
