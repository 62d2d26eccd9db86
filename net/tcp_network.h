#ifndef LOCKSTEP_NET_TCP_NETWORK_H_
#define LOCKSTEP_NET_TCP_NETWORK_H_

#include <memory>

#include "framework/fiber/sync.h"
#include "framework/runtime/network.h"
#include "framework/runtime/offload.h"
#include "net/lingerer.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/socket_address.h"
#include "net/unique_fd.h"

namespace lockstep::net {

// TCP over IPv4 and IPv6. Names are resolved through Offload when dialing; Listen resolves on the
// spot, since names to listen on are local ones.
// Owned by a ShardRuntime; outlives its streams and listeners.
class TcpNetwork final : public runtime::Network {
 public:
  TcpNetwork(Loop& loop, runtime::Offload& offload);
  TcpNetwork(const TcpNetwork&) = delete;
  TcpNetwork& operator=(const TcpNetwork&) = delete;
  ~TcpNetwork() override;

  absl::StatusOr<std::unique_ptr<runtime::Stream>> Dial(Fiber& fiber,
                                                        const runtime::Address& address,
                                                        MonoTime deadline) override;
  absl::StatusOr<std::unique_ptr<runtime::Listener>> Listen(
      const runtime::Address& address) override;

 private:
  friend class TcpStream;
  friend class TcpListener;

  absl::StatusOr<std::unique_ptr<runtime::Stream>> DialOne(Fiber& fiber, const SocketAddress& to,
                                                           MonoTime deadline);
  MonoTime now() { return loop_.scheduler().now(); }

  Loop& loop_;
  size_t streams_ = 0;
  Resolver resolver_;
  Lingerer lingerer_;
};

// Invariant: !ready_ implies that the kernel will report an edge when somebody connects.
// At most one fiber accepts at a time. May be destroyed while it waits.
class TcpListener final : public runtime::Listener, private Watcher {
 public:
  TcpListener(TcpNetwork& network, UniqueFd fd, runtime::Address address);
  ~TcpListener() override;

  absl::Status Start();
  absl::StatusOr<std::unique_ptr<runtime::Stream>> Accept(Fiber& fiber) override;
  const runtime::Address& address() const override { return address_; }

 private:
  void OnEvents(uint32_t events) override;

  TcpNetwork& network_;
  UniqueFd fd_;
  runtime::Address address_;
  fiber::WaitQueue waiters_;
  bool ready_ = false;
  int streak_ = 0;          // connections accepted since the fiber last waited
  bool* closed_ = nullptr;  // on the stack of the fiber that waits, if one does
};

}  // namespace lockstep::net

#endif  // LOCKSTEP_NET_TCP_NETWORK_H_
