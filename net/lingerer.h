#ifndef LOCKSTEP_NET_LINGERER_H_
#define LOCKSTEP_NET_LINGERER_H_

#include <list>

#include "framework/base/time.h"
#include "framework/fiber/scheduler.h"
#include "framework/fiber/sync.h"
#include "net/loop.h"
#include "net/unique_fd.h"

namespace lockstep::net {

// Keeps sockets that were closed on our side until the peer has what was written to it: half-closes
// them and drops what they still receive, until the peer closes too, for a few seconds at most.
//
// Invariant: sockets_ are in the order of their deadlines.
// Owned by TcpNetwork.
class Lingerer final {
 public:
  explicit Lingerer(Loop& loop) : loop_(loop), scope_(loop.scheduler()) {}

  // Beyond kSocketsMax, and while the network goes down, the socket is closed at once.
  void Add(UniqueFd fd, MonoTime now);

 private:
  static constexpr size_t kSocketsMax = 1024;

  struct Socket final : Watcher {
    void OnEvents(uint32_t events) override;
    Lingerer* lingerer = nullptr;
    UniqueFd fd;
    MonoTime deadline;
    bool ready = true;
  };

  void Run(Fiber& fiber);
  // Drops what has come. False when there is nothing to wait for any more.
  static bool Drain(Socket& socket);

  Loop& loop_;
  std::list<Socket> sockets_;  // a list: epoll points at its elements
  fiber::Event changed_;
  fiber::Scope scope_;
};

}  // namespace lockstep::net

#endif  // LOCKSTEP_NET_LINGERER_H_
