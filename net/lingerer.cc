#include "net/lingerer.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "framework/base/check.h"

namespace lockstep::net {
namespace {
constexpr Duration kLinger = Seconds(5);
}  // namespace

void Lingerer::Add(UniqueFd fd, MonoTime now) {
  if (sockets_.size() >= kSocketsMax || scope_.cancelled()) return;
  Socket& socket = sockets_.emplace_back();
  socket.lingerer = this;
  socket.fd = std::move(fd);
  socket.deadline = now + kLinger;
  if (!loop_.Rewatch(socket.fd.get(), EPOLLIN | EPOLLRDHUP, socket).ok()) {
    sockets_.pop_back();
    return;
  }
  shutdown(socket.fd.get(), SHUT_WR);
  changed_.Set();
  if (scope_.size() == 0) scope_.Spawn("net.linger", [this](Fiber& fiber) { Run(fiber); });
}

void Lingerer::Socket::OnEvents(uint32_t) {
  ready = true;
  lingerer->changed_.Set();
}

void Lingerer::Run(Fiber& fiber) {
  while (!sockets_.empty()) {
    changed_.Reset();
    for (auto socket = sockets_.begin(); socket != sockets_.end();) {
      const bool keep = socket->deadline > fiber.now() && (!socket->ready || Drain(*socket));
      socket = keep ? std::next(socket) : sockets_.erase(socket);
    }
    if (!sockets_.empty()) changed_.Wait(fiber, sockets_.front().deadline);
  }
}

bool Lingerer::Drain(Socket& socket) {
  constexpr size_t kChunk = 1 << 20;
  for (;;) {
    // For TCP, MSG_TRUNC drops the bytes instead of copying them.
    const ssize_t n = recv(socket.fd.get(), nullptr, kChunk, MSG_TRUNC);
    if (n > 0 || (n < 0 && errno == EINTR)) continue;
    socket.ready = false;
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
}

}  // namespace lockstep::net
