#ifndef LOCKSTEP_NET_TCP_STREAM_H_
#define LOCKSTEP_NET_TCP_STREAM_H_

#include <cstddef>
#include <memory>

#include "framework/fiber/sync.h"
#include "framework/runtime/network.h"
#include "net/loop.h"
#include "net/socket_address.h"
#include "net/unique_fd.h"

namespace lockstep::net {

class TcpNetwork;

// One TCP connection. Registered with the loop once, by edges; reads and writes go to the kernel at
// once when the last edge says that they may succeed, and only then does the fiber wait.
//
// Invariants:
//   1. !readable_ implies that the kernel will report an edge when there is something to read.
//   2. !writable_ implies the same of room in the send buffer.
//   3. fd_ is valid unless the stream was aborted.
// Owned by whoever dialed or accepted; dies before its TcpNetwork.
class TcpStream final : public runtime::Stream, private Watcher {
 public:
  TcpStream(TcpNetwork& network, UniqueFd fd, runtime::Address peer);
  ~TcpStream() override;

  absl::StatusOr<size_t> Read(Fiber& fiber, absl::Span<char> into) override;
  absl::Status Write(Fiber& fiber, absl::string_view data) override;
  void CloseWrite() override;
  void Abort() override;
  void SetReadDeadline(MonoTime deadline) override;
  void SetWriteDeadline(MonoTime deadline) override;
  const runtime::Address& peer() const override { return peer_; }

  // The socket is connected (accepted): start to listen to it.
  absl::Status Start();
  // Connects the socket. Suspends.
  absl::Status Connect(Fiber& fiber, const SocketAddress& to, MonoTime deadline);

 private:
  // One direction of the connection.
  struct Direction final {
    fiber::WaitQueue waiters;
    MonoTime deadline = kNoDeadline;
    bool ready = false;   // the next call may find something
    bool in_use = false;  // by a fiber
    int streak = 0;       // calls that succeeded since the fiber last waited
  };
  class Use;  // marks a direction as in use

  void OnEvents(uint32_t events) override;
  // One recv or send; a negative result is -errno. EAGAIN clears `ready`.
  ssize_t ReceiveOnce(absl::Span<char> into);
  ssize_t SendOnce(absl::string_view data);
  // Why the direction cannot be used, if so.
  absl::Status Check(Fiber& fiber, const Direction& direction) const;
  // Waits until the direction may be ready. Suspends.
  void Wait(Fiber& fiber, Direction& direction);
  // Lets others run if this fiber never had to wait for a while. May suspend.
  void BeFair(Fiber& fiber, Direction& direction);
  absl::Status ErrorOf(int error) const;
  bool HasUndeliveredData() const;

  TcpNetwork& network_;
  UniqueFd fd_;
  runtime::Address peer_;
  Direction read_;
  Direction write_;
  bool started_ = false;
  bool connected_ = false;
  bool hung_up_ = false;  // the peer closed or the connection failed: no more edges to come
  bool broken_ = false;   // a call has failed: there is nobody to deliver to
};

}  // namespace lockstep::net

#endif  // LOCKSTEP_NET_TCP_STREAM_H_
