#include "sim/sim_network.h"

#include <algorithm>

#include "framework/base/check.h"
#include "framework/base/checksum.h"
#include "sim/recorder.h"

namespace lockstep::sim {
namespace {

constexpr Duration kLoopbackDelay = Microseconds(10);
constexpr int64_t kTailFactor = 100;

absl::Status ResetStatus() { return absl::UnavailableError("connection reset by peer"); }

}  // namespace

HostId SimNetwork::AddHost(std::string name, NodeId node) {
  CHECK_EQ(name.find(':'), std::string::npos) << name;
  for (const Host& host : hosts_) CHECK_NE(host.name, name);
  const HostId added(host_count());
  hosts_.push_back({std::move(name), node});
  const uint64_t least = world_.rates().link_delay_ns;
  links_.resize(hosts_.size());
  for (uint32_t from = 0; from < host_count(); ++from) {
    for (auto to = static_cast<uint32_t>(links_[from].size()); to < host_count(); ++to) {
      Link& link = links_[from].emplace_back();
      const uint64_t delay =
          world_.draws().Range("net.link_delay", KeyOf(from, to), least, 2 * least, least);
      link.delay = from == to ? kLoopbackDelay : Duration(static_cast<int64_t>(delay));
    }
  }
  return added;
}

// --- Hosts ---------------------------------------------------------------------------------------

void SimNetwork::ProcessStarted(HostId host) {
  hosts_[host.value()].powered = true;
  hosts_[host.value()].running = true;
}

void SimNetwork::ProcessEnded(HostId host) {
  hosts_[host.value()].running = false;
  ForEachEndOf(host, [this](Connection& connection, int side) {
    const bool unread = connection.ends[side].received.size() > 0;
    if (unread) {
      Reset(connection, side, absl::CancelledError("process ended"), /*tell_peer=*/true);
    }
    Release(connection, side);
  });
  std::erase_if(listening_, [&](const auto& entry) {
    if (entry.first.first == host) entry.second->closed = true;
    return entry.first.first == host;
  });
}

void SimNetwork::PowerLost(HostId host) {
  hosts_[host.value()].powered = false;
  hosts_[host.value()].running = false;
  ForEachEndOf(host, [this](Connection& connection, int side) {
    // Nothing more leaves this machine.
    Reset(connection, side, absl::CancelledError("power lost"), /*tell_peer=*/false);
    Release(connection, side);
  });
  std::erase_if(listening_, [&](const auto& entry) {
    if (entry.first.first == host) entry.second->closed = true;
    return entry.first.first == host;
  });
}

void SimNetwork::ForEach(absl::FunctionRef<void(Connection&)> visit) {
  // By id, because visiting may erase.
  uint64_t next = 0;
  while (true) {
    const auto at = connections_.lower_bound(next);
    if (at == connections_.end()) return;
    next = at->first + 1;
    const std::shared_ptr<Connection> connection = at->second;
    visit(*connection);
  }
}

void SimNetwork::ForEachEndOf(HostId host, absl::FunctionRef<void(Connection&, int)> visit) {
  ForEach([&](Connection& connection) {
    for (int side = 0; side < 2; ++side) {
      if (connection.ends[side].host == host && connection.ends[side].open) {
        visit(connection, side);
      }
    }
  });
}

// --- Nemesis -------------------------------------------------------------------------------------

void SimNetwork::Tell(std::string_view what, HostId from, HostId to, VirtualTime until) {
  if (world_.recorder() == nullptr) return;
  world_.recorder()->OnHappening(
      world_.now(), {.what = what, .where = NameOf(from), .peer = NameOf(to), .until = until});
}

void SimNetwork::Cut(HostId from, HostId to) {
  CHECK_NE(from, to) << "loopback cannot be cut";
  LinkOf(from, to).cut = true;
  world_.Note({hosts_[from.value()].node, EventKind::kNemesis, StreamId("net.cut")}, to.value());
  Tell("link.cut", from, to, {});
}

void SimNetwork::Restore(HostId from, HostId to) {
  Link& link = LinkOf(from, to);
  if (!link.cut) return;
  link.cut = false;
  world_.Note({hosts_[from.value()].node, EventKind::kNemesis, StreamId("net.restore")},
              to.value());
  Tell("link.restore", from, to, {});
  ForEach([&](Connection& connection) {
    for (int side = 0; side < 2; ++side) {
      Endpoint& end = connection.ends[side];
      if (end.host != from || connection.ends[1 - side].host != to) continue;
      if (end.held) {
        end.held = false;
        SchedulePump(connection, side);
      }
      ReturnCredit(connection, side, /*writer_waits=*/true);
    }
  });
}

void SimNetwork::RestoreAll() {
  for (uint32_t from = 0; from < host_count(); ++from) {
    for (uint32_t to = 0; to < host_count(); ++to) Restore(HostId(from), HostId(to));
  }
}

void SimNetwork::Clog(HostId from, HostId to, Duration duration) {
  CHECK_NE(from, to) << "loopback cannot be clogged";
  Link& link = LinkOf(from, to);
  link.clogged_until = std::max(link.clogged_until, world_.now() + duration);
  world_.Note({hosts_[from.value()].node, EventKind::kNemesis, StreamId("net.clog")}, to.value());
  Tell("link.clog", from, to, link.clogged_until);
}

void SimNetwork::UnclogAll() {
  for (auto& row : links_) {
    for (Link& link : row) link.clogged_until = world_.now();
  }
}

void SimNetwork::ResetAll(HostId a, HostId b) {
  ResetIf(a, b, [](uint64_t) { return true; });
}

void SimNetwork::ResetIf(HostId a, HostId b, absl::FunctionRef<bool(uint64_t)> is_wanted) {
  ForEach([&](Connection& connection) {
    const bool between = (connection.ends[0].host == a && connection.ends[1].host == b) ||
                         (connection.ends[0].host == b && connection.ends[1].host == a);
    if (!between || !is_wanted(connection.id)) return;
    for (int side = 0; side < 2; ++side) {
      if (!connection.ends[side].open || !connection.ends[side].error.ok()) continue;
      world_.CountFault(FaultClass::kReset);
      Reset(connection, side, ResetStatus(), /*tell_peer=*/false);
    }
  });
}

// --- Bytes ---------------------------------------------------------------------------------------

VirtualTime SimNetwork::ArrivalTime(HostId from, HostId to, uint64_t key) {
  const Link& link = LinkOf(from, to);
  if (from == to) return world_.now() + link.delay;
  const FaultRates& rates = world_.rates();
  Duration delay =
      link.delay + world_.draws().Exponential("net.jitter", key,
                                              Duration(static_cast<int64_t>(rates.link_jitter_ns)));
  if (world_.draws().Chance("net.tail", key, rates.link_tail_ppm)) {
    world_.CountFault(FaultClass::kLatencyTail);
    delay *= kTailFactor;
  }
  if (link.clogged_until > world_.now()) {
    world_.CountFault(FaultClass::kClog);
    return link.clogged_until + delay;
  }
  return world_.now() + delay;
}

EventOrigin SimNetwork::OriginOf(const Connection& connection, int side, EventKind kind) const {
  return {hosts_[connection.ends[side].host.value()].node, kind,
          connection.key + static_cast<uint64_t>(side)};
}

Connection* SimNetwork::Find(uint64_t id) {
  const auto at = connections_.find(id);
  return at == connections_.end() ? nullptr : at->second.get();
}

void SimNetwork::EraseIfDone(Connection& connection) {
  if (!connection.ends[0].open && !connection.ends[1].open) connections_.erase(connection.id);
}

void SimNetwork::Send(Connection& connection, int side, Segment::Kind kind, std::string bytes) {
  Endpoint& from = connection.ends[side];
  const Endpoint& to = connection.ends[1 - side];
  CHECK(!from.end_sent) << "sending after the end";
  if (kind != Segment::Kind::kData) from.end_sent = true;
  from.outstanding += bytes.size();
  VirtualTime due =
      ArrivalTime(from.host, to.host, KeyOf(connection.key, static_cast<uint64_t>(side)));
  if (!from.in_flight.empty()) due = std::max(due, from.in_flight.back().due);
  from.in_flight.push_back({kind, due, std::move(bytes)});
  SchedulePump(connection, side);
}

void SimNetwork::SchedulePump(Connection& connection, int side) {
  Endpoint& from = connection.ends[side];
  if (from.pumping || from.held || from.in_flight.empty()) return;
  from.pumping = true;
  world_.At(std::max(world_.now(), from.in_flight.front().due),
            OriginOf(connection, side, EventKind::kDeliver),
            [this, id_side = connection.id * 2 + static_cast<uint64_t>(side)] {
              Pump(id_side / 2, static_cast<int>(id_side % 2));
            });
}

void SimNetwork::Pump(uint64_t id, int side) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const std::shared_ptr<Connection> connection = found->second;  // arriving may erase it
  Endpoint& from = connection->ends[side];
  const HostId to = connection->ends[1 - side].host;
  from.pumping = false;
  const Link& link = LinkOf(from.host, to);
  if (link.cut && !from.in_flight.empty()) {
    world_.CountFault(FaultClass::kPartition);
    from.held = true;
    return;
  }
  if (link.clogged_until > world_.now() && !from.in_flight.empty()) {
    world_.CountFault(FaultClass::kClog);
    from.in_flight.front().due = link.clogged_until;
  }
  while (!from.in_flight.empty() && from.in_flight.front().due <= world_.now()) {
    Segment segment = std::move(from.in_flight.front());
    from.in_flight.pop_front();
    world_.Note(OriginOf(*connection, side, EventKind::kDeliver),
                base::Checksum64(segment.bytes, static_cast<uint64_t>(segment.kind)));
    Arrive(*connection, side, std::move(segment));
  }
  SchedulePump(*connection, side);
}

void SimNetwork::Arrive(Connection& connection, int side, Segment segment) {
  Endpoint& from = connection.ends[side];
  Endpoint& to = connection.ends[1 - side];
  if (!to.open || !to.error.ok()) {
    // Nobody is there. A machine that is up says so; one without power stays silent.
    const bool answers = hosts_[to.host.value()].powered && !IsCut(to.host, from.host);
    if (segment.kind == Segment::Kind::kData && answers && from.error.ok()) {
      Reset(connection, side, ResetStatus(), /*tell_peer=*/false);
    }
    return;
  }
  switch (segment.kind) {
    case Segment::Kind::kData:
      to.received.Append(std::move(segment.bytes));
      break;
    case Segment::Kind::kEnd:
      to.end_received = true;
      break;
    case Segment::Kind::kReset:
      // What arrived before it can still be read.
      to.in_flight.clear();
      to.end_sent = true;
      to.Fail(ResetStatus());
      return;
  }
  to.readers.WakeAll();
}

void SimNetwork::Reset(Connection& connection, int side, absl::Status why, bool tell_peer) {
  Endpoint& end = connection.ends[side];
  if (!end.error.ok()) return;
  end.in_flight.clear();
  end.received.Clear();
  end.Fail(std::move(why));
  if (tell_peer) {
    connection.ends[1 - side].in_flight.clear();
    end.end_sent = false;  // a reset may follow an end
    Send(connection, side, Segment::Kind::kReset, "");
  }
  end.end_sent = true;
}

void SimNetwork::Release(Connection& connection, int side) {
  Endpoint& end = connection.ends[side];
  if (!end.open) return;
  if (!end.end_sent) Send(connection, side, Segment::Kind::kEnd, "");
  end.open = false;
  end.received.Clear();
  EraseIfDone(connection);
}

// --- Credit: how the writer learns that there is room again
// ---------------------------------------

void SimNetwork::ReturnCredit(Connection& connection, int reader_side, bool writer_waits) {
  const Endpoint& reader = connection.ends[reader_side];
  const Endpoint& writer = connection.ends[1 - reader_side];
  if (reader.credit == 0 || reader.credit_travels) return;
  const bool wanted =
      writer_waits || !writer.writers.empty() || reader.credit >= world_.rates().window_bytes / 2;
  if (wanted && !IsCut(reader.host, writer.host)) ScheduleCredit(connection, reader_side);
}

void SimNetwork::ScheduleCredit(Connection& connection, int reader_side) {
  Endpoint& reader = connection.ends[reader_side];
  reader.credit_travels = true;
  const uint64_t key = KeyOf(connection.key, 2 + static_cast<uint64_t>(reader_side));
  world_.At(ArrivalTime(reader.host, connection.ends[1 - reader_side].host, key),
            OriginOf(connection, reader_side, EventKind::kDeliver),
            [this, id_side = connection.id * 2 + static_cast<uint64_t>(reader_side)] {
              CreditArrives(id_side / 2, static_cast<int>(id_side % 2));
            });
}

void SimNetwork::CreditArrives(uint64_t id, int reader_side) {
  Connection* connection = Find(id);
  if (connection == nullptr) return;
  Endpoint& reader = connection->ends[reader_side];
  Endpoint& writer = connection->ends[1 - reader_side];
  reader.credit_travels = false;
  if (IsCut(reader.host, writer.host)) return;  // Restore sends it again
  CHECK_GE(writer.outstanding, reader.credit);
  writer.outstanding -= reader.credit;
  reader.credit = 0;
  writer.writers.WakeAll();
}

}  // namespace lockstep::sim
