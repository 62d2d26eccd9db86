// PeerTransport: one shard's connections to the same shard of the other nodes.
//
// Each node dials each other node and writes; what it reads it accepted. A connection starts with
// Hello, so that clusters, shards and data directories never mix; one that is refused is told why.
// Who cannot read the version of a Hello says so too, and is dialed with the one before, until it
// dials with a newer one itself: nodes are upgraded, and taken back, one by one. Peers come and go
// while it runs. Messages that do not fit in a peer's queue, or are under way when a connection
// breaks, are lost: Raft and the sessions above allow it.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_PEER_TRANSPORT_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_PEER_TRANSPORT_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/fiber/sync.h"
#include "framework/raft/message.h"
#include "framework/runtime/environment.h"
#include "framework/wire/codec.h"
#include "framework/wire/frames.h"

namespace lockstep::replica {

// Takes what peers send, and says who may. Calls do not suspend, except those with a Fiber.
class PeerHandler {
 public:
  virtual ~PeerHandler() = default;
  // kNone: it may go on. Its version is one that is spoken here.
  virtual wire::HelloAnswer Admit(Fiber& fiber, const wire::Hello& hello) = 0;
  // Asked before each frame of an admitted connection is listened to.
  virtual bool StillAdmits(const wire::Hello& hello) = 0;
  // What our Hello says besides the version.
  virtual wire::Hello MakeHello(NodeId to, wire::Purpose purpose) = 0;
  // The peer refused our connection.
  virtual void OnRefused(NodeId peer, const wire::HelloAnswer& answer) = 0;
  // It opened a connection for Raft's messages.
  virtual void OnConnected(NodeId peer) = 0;
  // A frame has come from it, whatever is in it.
  virtual void OnHeard(NodeId peer) = 0;
  virtual void OnMessage(GroupId group, raft::Message message) = 0;
  virtual void OnForward(NodeId from, wire::Forward forward) = 0;
  virtual void OnForwardRefused(const wire::ForwardRefused& refused) = 0;
  // Our connection to the peer broke: what was under way to it is lost.
  virtual void OnUnreachable(NodeId peer) = 0;
  // The peer's connection to us ended: its process may be dead.
  virtual void OnConnectionLost(NodeId peer) = 0;
  // The peer streams a snapshot on a connection of its own.
  virtual void TakeSnapshot(Fiber& fiber, const wire::Hello& from, runtime::Stream& stream,
                            wire::FrameDecoder& decoder) = 0;
};

struct PeerTransportOptions final {
  Duration dial_timeout = Seconds(1);
  Duration redial_pause = Milliseconds(50);
  Duration write_timeout = Seconds(10);
  // The newest protocol to speak: a program can be told to be its predecessor.
  uint32_t protocol_version_max = wire::kProtocolVersion;
};

// Owned by the Shard.
class PeerTransport final {
 public:
  PeerTransport(runtime::Environment& environment, PeerHandler& handler,
                PeerTransportOptions options);
  PeerTransport(const PeerTransport&) = delete;
  PeerTransport& operator=(const PeerTransport&) = delete;
  ~PeerTransport();

  // Who is dialed from now on, without this node. A peer that moved is dialed again. Not called by
  // a fiber of a peer's connection to which we write.
  void SetPeers(const std::map<NodeId, runtime::Address>& peers);

  // Queues for the peer. Unknown peers and full queues drop. Does not suspend.
  void Send(NodeId to, wire::GroupMessage message);
  void Send(NodeId to, wire::Frame frame);

  // Dials and writes, for every peer, until unwound.
  void Run(Fiber& fiber);
  // Accepts and reads, until the listener fails for good or is unwound.
  absl::Status Serve(Fiber& fiber, runtime::Listener& listener);

  // A connection of its own to the peer, with Hello sent. Suspends.
  struct Dialed final {
    std::unique_ptr<runtime::Stream> stream;
    uint32_t version = 0;  // what may be said on it
  };
  absl::StatusOr<Dialed> DialFor(Fiber& fiber, NodeId peer, wire::Purpose purpose);
  // The newest version that the peer speaks, as it said when it connected; 0: it is not connected.
  uint32_t VersionOf(NodeId peer) const;
  uint64_t dropped_messages() const { return dropped_; }

 private:
  struct Peer;

  void StartPeer(Peer& peer);
  void RunPeer(Fiber& fiber, Peer& peer);
  // Until the connection ends; a peer that refuses it says so.
  void WatchPeer(Fiber& fiber, Peer& peer, const Dialed& dialed);
  absl::Status WriteTo(Fiber& fiber, Peer& peer, runtime::Stream& stream);
  void ServeConnection(Fiber& fiber, runtime::Stream& stream);
  absl::Status ReadFrames(Fiber& fiber, const wire::Hello& from, runtime::Stream& stream,
                          wire::FrameDecoder& decoder);
  absl::StatusOr<wire::Hello> ReadHello(Fiber& fiber, runtime::Stream& stream,
                                        wire::FrameDecoder& decoder);
  // The peer understands this version, or not even that one.
  void NoteVersion(NodeId peer, uint32_t understood);
  void NoteTooNew(Peer& peer, uint32_t version);
  void Answer(Fiber& fiber, runtime::Stream& stream, const wire::HelloAnswer& answer);
  void Dispatch(NodeId from, wire::Frame frame);

  runtime::Environment& environment_;
  PeerHandler& handler_;
  PeerTransportOptions options_;
  std::map<NodeId, std::unique_ptr<Peer>> peers_;
  // Of their newest connections to us, and how many they have.
  struct Heard final {
    uint32_t version = 0;
    int connections = 0;
  };
  std::map<NodeId, Heard> heard_;
  bool is_running_ = false;
  uint64_t dropped_ = 0;
};

// Suspends until a whole frame is there. UNAVAILABLE at the end of the stream.
absl::StatusOr<wire::Frame> ReadFrame(Fiber& fiber, runtime::Stream& stream,
                                      wire::FrameDecoder& decoder);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_PEER_TRANSPORT_H_
