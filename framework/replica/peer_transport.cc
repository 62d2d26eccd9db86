#include "framework/replica/peer_transport.h"

#include <algorithm>
#include <deque>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/limits.h"
#include "framework/base/status_macros.h"
#include "framework/replica/marks.h"

namespace lockstep::replica {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr Duration kHelloTimeout = Seconds(5);
constexpr size_t kInboundConnectionsMax = 256;

// Of a frame that is no batch of messages.
size_t BytesOf(const wire::Frame& frame) {
  size_t bytes = wire::kFrameOverheadBytesMax;
  if (const auto* refused = std::get_if<wire::ForwardRefused>(&frame)) {
    bytes += refused->numbers.size() * sizeof(RequestNumber);
  }
  if (const auto* forward = std::get_if<wire::Forward>(&frame)) {
    for (const wire::ForwardItem& item : forward->items) bytes += wire::EncodedBytesMax(item);
  }
  return bytes;
}

}  // namespace

struct PeerTransport::Peer final {
  NodeId id;
  runtime::Address address;
  std::deque<wire::GroupMessage> messages;
  std::deque<wire::Frame> frames;
  size_t queued_bytes = 0;  // of these, and of what is being written
  bool connected = false;
  uint32_t version = 0;  // that it is dialed with
  fiber::WaitQueue work;
  std::unique_ptr<fiber::Scope> scope;  // its fiber uses all of the above

  bool has_work() const { return !messages.empty() || !frames.empty(); }
  size_t TakeInto(std::string* buffer);
  void Clear() {
    messages.clear();
    frames.clear();
    queued_bytes = 0;
  }
};

// Encodes about as much as is written at a time, messages of Raft first: behind forwards that pile
// up, heartbeats would come too late. Returns what it counts for in queued_bytes.
size_t PeerTransport::Peer::TakeInto(std::string* buffer) {
  CHECK(has_work());
  wire::RaftMessages batch;
  size_t taken = 0;
  while (!messages.empty()) {
    const size_t bytes = wire::EncodedBytesMax(messages.front());
    if (taken > 0 && taken + bytes > limits::kPeerWriteBytesMax) break;
    taken += bytes;
    batch.messages.push_back(std::move(messages.front()));
    messages.pop_front();
  }
  if (!batch.messages.empty()) wire::EncodeFrame(batch, buffer);
  const size_t of_messages = taken;
  while (!frames.empty() && taken - of_messages < limits::kPeerWriteBytesMax) {
    taken += BytesOf(frames.front());
    wire::EncodeFrame(frames.front(), buffer);
    frames.pop_front();
  }
  return taken;
}

PeerTransport::PeerTransport(runtime::Environment& environment, PeerHandler& handler,
                             PeerTransportOptions options)
    : environment_(environment), handler_(handler), options_(options) {}

PeerTransport::~PeerTransport() = default;

void PeerTransport::Send(NodeId to, wire::GroupMessage message) {
  const auto it = peers_.find(to);
  const size_t bytes = it == peers_.end() ? 0 : wire::EncodedBytesMax(message);
  // While nobody is connected, nothing is kept: it would be stale when it arrives.
  if (it == peers_.end() || !it->second->connected ||
      it->second->queued_bytes + bytes > limits::kPeerQueueBytesMax ||
      environment_.fault_points.Fire("peer.full_queue")) {
    ++dropped_;
    return;
  }
  it->second->queued_bytes += bytes;
  it->second->messages.push_back(std::move(message));
  it->second->work.WakeOne();
}

void PeerTransport::Send(NodeId to, wire::Frame frame) {
  const auto it = peers_.find(to);
  if (it == peers_.end() || !it->second->connected ||
      it->second->queued_bytes > limits::kPeerQueueBytesMax ||
      environment_.fault_points.Fire("peer.full_queue")) {
    ++dropped_;
    return;
  }
  it->second->queued_bytes += BytesOf(frame);
  it->second->frames.push_back(std::move(frame));
  it->second->work.WakeOne();
}

void PeerTransport::SetPeers(const std::map<NodeId, runtime::Address>& peers) {
  std::erase_if(peers_, [&](const auto& one) {
    const auto stays = peers.find(one.first);
    return stays == peers.end() || stays->second != one.second->address;
  });
  for (const auto& [id, address] : peers) {
    CHECK_NE(id, environment_.node);
    if (peers_.contains(id)) continue;
    auto peer = std::make_unique<Peer>();
    peer->id = id;
    peer->address = address;
    peer->version = options_.protocol_version_max;
    if (is_running_) StartPeer(*peer);
    peers_[id] = std::move(peer);
  }
}

void PeerTransport::StartPeer(Peer& peer) {
  peer.scope = std::make_unique<fiber::Scope>(environment_.scheduler);
  peer.scope->Spawn("peer.write", [this, &peer](Fiber& writing) { RunPeer(writing, peer); });
}

void PeerTransport::Run(Fiber& fiber) {
  // Also when this fiber is unwound, no other may go on.
  struct Running {
    PeerTransport& all;
    ~Running() {
      all.is_running_ = false;
      for (auto& [id, peer] : all.peers_) peer->scope.reset();
    }
  } running{*this};
  is_running_ = true;
  for (auto& [id, peer] : peers_) StartPeer(*peer);
  fiber::Event never;
  never.Wait(fiber);
}

absl::StatusOr<PeerTransport::Dialed> PeerTransport::DialFor(Fiber& fiber, NodeId to,
                                                             wire::Purpose purpose) {
  const auto it = peers_.find(to);
  if (it == peers_.end()) {
    return absl::NotFoundError(absl::StrCat("no address of node ", to.value()));
  }
  const runtime::Address address = it->second->address;
  Dialed dialed;
  dialed.version = it->second->version;
  ASSIGN_OR_RETURN(dialed.stream,
                   environment_.network.Dial(fiber, address, fiber.now() + options_.dial_timeout));
  wire::Hello hello = handler_.MakeHello(to, purpose);
  hello.protocol_version = dialed.version;
  std::string bytes;
  wire::EncodeFrame(hello, &bytes);
  dialed.stream->SetWriteDeadline(fiber.now() + options_.write_timeout);
  RETURN_IF_ERROR(dialed.stream->Write(fiber, bytes));
  return dialed;
}

void PeerTransport::RunPeer(Fiber& fiber, Peer& peer) {
  for (;;) {
    const auto dialed = DialFor(fiber, peer.id, wire::Purpose::kRaft);
    if (dialed.ok()) {
      peer.connected = true;
      fiber::Scope watch(environment_.scheduler);
      watch.Spawn("peer.watch",
                  [this, &peer, &dialed](Fiber& watching) { WatchPeer(watching, peer, *dialed); });
      const absl::Status ended = WriteTo(fiber, peer, *dialed->stream);
      peer.connected = false;
      peer.Clear();
      environment_.trace.Emit(runtime::TraceLevel::kDebug, "peer.disconnected",
                              {{"peer", peer.id.value()}, {"why", ended.message()}});
      handler_.OnUnreachable(peer.id);
    }
    const auto pause = static_cast<int64_t>(environment_.random.Below(
        "peer.redial", static_cast<uint64_t>(options_.redial_pause.count())));
    fiber.SleepFor(options_.redial_pause / 2 + Nanoseconds(pause));
  }
}

void PeerTransport::WatchPeer(Fiber& fiber, Peer& peer, const Dialed& dialed) {
  // The peer writes here only to refuse; otherwise reading tells when the connection is gone.
  wire::FrameDecoder decoder;
  const absl::StatusOr<wire::Frame> frame = ReadFrame(fiber, *dialed.stream, decoder);
  const auto* answer = frame.ok() ? std::get_if<wire::HelloAnswer>(&*frame) : nullptr;
  if (answer != nullptr) {
    environment_.trace.Emit(runtime::TraceLevel::kWarning, "peer.refuses_us",
                            {{"peer", peer.id.value()}, {"why", answer->error}});
    if (answer->refusal == wire::HelloRefusal::kUnreadable) NoteTooNew(peer, dialed.version);
    handler_.OnRefused(peer.id, *answer);
  }
  peer.connected = false;
  peer.work.WakeAll();
}

void PeerTransport::NoteTooNew(Peer& peer, uint32_t version) {
  if (peer.version != version || version <= wire::kProtocolVersionMin) return;
  marks::Reach(kMarkPeerIsOlder);
  --peer.version;
}

void PeerTransport::NoteVersion(NodeId id, uint32_t understood) {
  const auto it = peers_.find(id);
  if (it == peers_.end()) return;
  it->second->version = std::max(it->second->version, understood);
}

absl::Status PeerTransport::WriteTo(Fiber& fiber, Peer& peer, runtime::Stream& stream) {
  std::string buffer;
  while (peer.connected) {
    if (!peer.has_work()) {
      peer.work.Wait(fiber);
      continue;
    }
    if (buffer.capacity() > 2 * limits::kPeerWriteBytesMax) std::string().swap(buffer);
    buffer.clear();
    const size_t taken = peer.TakeInto(&buffer);
    stream.SetWriteDeadline(fiber.now() + options_.write_timeout);
    RETURN_IF_ERROR(stream.Write(fiber, buffer));
    CHECK_GE(peer.queued_bytes, taken);
    peer.queued_bytes -= taken;
    // As behind a proxy that rotates connections: what was written still arrives, but what follows
    // on the next connection may overtake it.
    if (environment_.fault_points.Fire("peer.reconnect")) break;
  }
  return absl::UnavailableError("closed");
}

absl::Status PeerTransport::Serve(Fiber& fiber, runtime::Listener& listener) {
  fiber::Scope connections(environment_.scheduler);
  for (;;) {
    auto stream = listener.Accept(fiber);
    if (!stream.ok()) {
      if (absl::IsCancelled(stream.status())) return stream.status();
      environment_.trace.Emit(runtime::TraceLevel::kWarning, "peer.accept",
                              {{"error", stream.status().message()}});
      fiber.SleepFor(Milliseconds(100));
      continue;
    }
    if (connections.size() >= kInboundConnectionsMax) continue;
    std::shared_ptr<runtime::Stream> accepted = *std::move(stream);
    connections.Spawn("peer.read",
                      [this, accepted](Fiber& reading) { ServeConnection(reading, *accepted); });
  }
}

void PeerTransport::ServeConnection(Fiber& fiber, runtime::Stream& stream) {
  wire::FrameDecoder decoder;
  const absl::StatusOr<wire::Hello> hello = ReadHello(fiber, stream, decoder);
  if (!hello.ok()) {
    environment_.trace.Emit(runtime::TraceLevel::kWarning, "peer.refused",
                            {{"address", stream.peer()}, {"error", hello.status().message()}});
    return;
  }
  if (hello->purpose == wire::Purpose::kJoin) return;
  if (hello->purpose == wire::Purpose::kSnapshot) {
    handler_.TakeSnapshot(fiber, *hello, stream, decoder);
    return;
  }
  handler_.OnConnected(hello->node);
  const absl::Status ended = ReadFrames(fiber, *hello, stream, decoder);
  environment_.trace.Emit(runtime::TraceLevel::kDebug, "peer.closed",
                          {{"peer", hello->node.value()}, {"why", ended.message()}});
  handler_.OnConnectionLost(hello->node);
}

absl::StatusOr<wire::Hello> PeerTransport::ReadHello(Fiber& fiber, runtime::Stream& stream,
                                                     wire::FrameDecoder& decoder) {
  stream.SetReadDeadline(fiber.now() + kHelloTimeout);
  ASSIGN_OR_RETURN(const wire::Frame frame, ReadFrame(fiber, stream, decoder));
  stream.SetReadDeadline(kNoDeadline);
  const auto* hello = std::get_if<wire::Hello>(&frame);
  if (hello == nullptr) return absl::InvalidArgumentError("the first frame is no Hello");
  wire::HelloAnswer answer;
  if (hello->protocol_version > options_.protocol_version_max ||
      hello->protocol_version < wire::kProtocolVersionMin) {
    answer = {
        wire::HelloRefusal::kUnreadable,
        absl::StrCat("the peer speaks protocol version ", hello->protocol_version, ", this node ",
                     wire::kProtocolVersionMin, " to ", options_.protocol_version_max),
        {}};
  } else {
    answer = handler_.Admit(fiber, *hello);
    NoteVersion(hello->node, hello->protocol_version);
  }
  const bool refused = answer.refusal != wire::HelloRefusal::kNone;
  if (refused || hello->purpose == wire::Purpose::kJoin) Answer(fiber, stream, answer);
  if (refused) return absl::FailedPreconditionError(answer.error);
  return *hello;
}

void PeerTransport::Answer(Fiber& fiber, runtime::Stream& stream, const wire::HelloAnswer& answer) {
  std::string bytes;
  wire::EncodeFrame(answer, &bytes);
  stream.SetWriteDeadline(fiber.now() + kHelloTimeout);
  if (!stream.Write(fiber, bytes).ok()) return;
  stream.CloseWrite();
  // Until the peer has read it: a connection with unread bytes would be reset, the answer with it.
  stream.SetReadDeadline(fiber.now() + kHelloTimeout);
  std::string rest(kReadBytes, '\0');
  for (;;) {
    const auto n = stream.Read(fiber, absl::MakeSpan(rest));
    if (!n.ok() || *n == 0) return;
  }
}

absl::Status PeerTransport::ReadFrames(Fiber& fiber, const wire::Hello& from,
                                       runtime::Stream& stream, wire::FrameDecoder& decoder) {
  for (;;) {
    ASSIGN_OR_RETURN(wire::Frame frame, ReadFrame(fiber, stream, decoder));
    if (!handler_.StillAdmits(from)) return absl::FailedPreconditionError("no longer admitted");
    handler_.OnHeard(from.node);
    Dispatch(from.node, std::move(frame));
  }
}

void PeerTransport::Dispatch(NodeId from, wire::Frame frame) {
  if (auto* raft = std::get_if<wire::RaftMessages>(&frame)) {
    for (wire::GroupMessage& one : raft->messages) {
      // A connection speaks for its own node only.
      if (one.message.from != from || one.message.to != environment_.node) continue;
      handler_.OnMessage(one.group, std::move(one.message));
    }
  } else if (auto* forward = std::get_if<wire::Forward>(&frame)) {
    handler_.OnForward(from, std::move(*forward));
  } else if (const auto* refused = std::get_if<wire::ForwardRefused>(&frame)) {
    handler_.OnForwardRefused(*refused);
  }
}

absl::StatusOr<wire::Frame> ReadFrame(Fiber& fiber, runtime::Stream& stream,
                                      wire::FrameDecoder& decoder) {
  for (;;) {
    ASSIGN_OR_RETURN(std::optional<wire::Frame> frame, decoder.Next());
    if (frame) return *std::move(frame);
    absl::Span<char> room = decoder.Prepare(kReadBytes);
    ASSIGN_OR_RETURN(const size_t n, stream.Read(fiber, room));
    if (n == 0) return absl::UnavailableError("the peer closed the connection");
    decoder.Commit(n);
  }
}

}  // namespace lockstep::replica
