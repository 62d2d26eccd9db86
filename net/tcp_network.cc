#include "net/tcp_network.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "net/tcp_stream.h"

namespace lockstep::net {
namespace {

constexpr int kBacklog = 4096;
// A flood of connections would otherwise keep the loop to itself.
constexpr int kAcceptStreakMax = 16;

UniqueFd NewSocket(int family) {
  return UniqueFd(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

void SetOption(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof(value));
}

// Sockets accepted from a listener inherit these.
void SetStreamOptions(int fd) {
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

std::string Describe(absl::string_view what, const runtime::Address& address, int error) {
  return absl::StrCat(what, " ", address, ": ", std::generic_category().message(error));
}

absl::Status ListenError(const runtime::Address& address, int error) {
  const std::string text = Describe("cannot listen on", address, error);
  switch (error) {
    case EADDRINUSE:
      return absl::AlreadyExistsError(text);
    case EACCES:
      return absl::PermissionDeniedError(text);
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return absl::ResourceExhaustedError(text);
    default:
      return absl::InvalidArgumentError(text);
  }
}

// Where "host:port" may be bound, best first. An empty host is every local address, of both
// families where the machine has both.
absl::StatusOr<std::vector<SocketAddress>> LocalAddresses(const HostAndPort& parts) {
  if (parts.host.empty()) {
    return std::vector<SocketAddress>{*ParseLiteral({"::", parts.port}),
                                      *ParseLiteral({"0.0.0.0", parts.port})};
  }
  if (const auto literal = ParseLiteral(parts)) return std::vector<SocketAddress>{*literal};
  auto found = ResolveBlocking(parts.host);
  if (!found.ok()) return absl::InvalidArgumentError(found.status().message());
  for (SocketAddress& one : *found) one.set_port(parts.port);
  return found;
}

bool IsAboutOneConnection(int error) {
  return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM ||
         error == ENETDOWN || error == ENETUNREACH || error == EHOSTUNREACH || error == EHOSTDOWN ||
         error == ENOPROTOOPT || error == ENONET || error == EOPNOTSUPP;
}

// A bound and listening socket, or the errno of what failed.
std::pair<UniqueFd, int> BindAndListen(const SocketAddress& at, bool both_families) {
  UniqueFd fd = NewSocket(at.family());
  if (!fd.valid()) return {UniqueFd(), errno};
  SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (at.family() == AF_INET6)
    SetOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, both_families ? 0 : 1);
  SetStreamOptions(fd.get());
  if (bind(fd.get(), at.get(), at.size()) != 0) return {UniqueFd(), errno};
  if (listen(fd.get(), kBacklog) != 0) return {UniqueFd(), errno};
  return {std::move(fd), 0};
}

}  // namespace

TcpNetwork::TcpNetwork(Loop& loop, runtime::Offload& offload)
    : loop_(loop), resolver_(loop.scheduler(), offload), lingerer_(loop) {}

TcpNetwork::~TcpNetwork() { CHECK_EQ(streams_, 0u) << "streams must go before their network"; }

absl::StatusOr<std::unique_ptr<runtime::Stream>> TcpNetwork::Dial(Fiber& fiber,
                                                                  const runtime::Address& address,
                                                                  MonoTime deadline) {
  ASSIGN_OR_RETURN(const HostAndPort parts, SplitAddress(address));
  if (parts.host.empty() || parts.port == 0) {
    return absl::InvalidArgumentError(absl::StrCat("nobody to dial at '", address, "'"));
  }
  if (const auto literal = ParseLiteral(parts)) return DialOne(fiber, *literal, deadline);
  ASSIGN_OR_RETURN(std::vector<SocketAddress> found,
                   resolver_.Resolve(fiber, parts.host, deadline));
  CHECK(!found.empty());
  absl::StatusOr<std::unique_ptr<runtime::Stream>> result = absl::UnavailableError(address);
  for (SocketAddress& one : found) {
    one.set_port(parts.port);
    result = DialOne(fiber, one, deadline);
    if (result.ok() || absl::IsDeadlineExceeded(result.status())) break;
  }
  return result;
}

absl::StatusOr<std::unique_ptr<runtime::Stream>> TcpNetwork::DialOne(Fiber& fiber,
                                                                     const SocketAddress& to,
                                                                     MonoTime deadline) {
  UniqueFd fd = NewSocket(to.family());
  if (!fd.valid()) return absl::UnavailableError(Describe("cannot dial", to.ToString(), errno));
  SetStreamOptions(fd.get());
  auto stream = std::make_unique<TcpStream>(*this, std::move(fd), to.ToString());
  RETURN_IF_ERROR(stream->Connect(fiber, to, deadline));
  return stream;
}

absl::StatusOr<std::unique_ptr<runtime::Listener>> TcpNetwork::Listen(
    const runtime::Address& address) {
  ASSIGN_OR_RETURN(const HostAndPort parts, SplitAddress(address));
  ASSIGN_OR_RETURN(const std::vector<SocketAddress> candidates, LocalAddresses(parts));
  int error = 0;
  for (const SocketAddress& at : candidates) {
    auto [fd, failed] = BindAndListen(at, parts.host.empty());
    if (!fd.valid()) {
      error = failed;
      if (error == EADDRINUSE) break;
      continue;
    }
    const runtime::Address bound = SocketAddress::OfSocket(fd.get()).ToString();
    auto listener = std::make_unique<TcpListener>(*this, std::move(fd), bound);
    RETURN_IF_ERROR(listener->Start());
    return listener;
  }
  return ListenError(address, error);
}

TcpListener::TcpListener(TcpNetwork& network, UniqueFd fd, runtime::Address address)
    : network_(network), fd_(std::move(fd)), address_(std::move(address)) {
  ++network_.streams_;
}

TcpListener::~TcpListener() {
  if (closed_ != nullptr) *closed_ = true;
  waiters_.WakeAll();
  --network_.streams_;
}

absl::Status TcpListener::Start() { return network_.loop_.Watch(fd_.get(), EPOLLIN, *this); }

void TcpListener::OnEvents(uint32_t) {
  ready_ = true;
  waiters_.WakeOne();
}

absl::StatusOr<std::unique_ptr<runtime::Stream>> TcpListener::Accept(Fiber& fiber) {
  CHECK(closed_ == nullptr) << "two fibers accept on " << address_;
  // After a wait *this may be gone.
  bool closed = false;
  struct Accepting {
    TcpListener& listener;
    bool& closed;
    ~Accepting() {
      if (!closed) listener.closed_ = nullptr;
    }
  } accepting{*this, closed};
  closed_ = &closed;
  for (;;) {
    if (!ready_) {
      streak_ = 0;
      waiters_.Wait(fiber);
    } else if (streak_ >= kAcceptStreakMax) {
      streak_ = 0;
      fiber.Yield();
    }
    if (closed) return absl::CancelledError("the listener was closed");
    if (!ready_) continue;
    sockaddr_storage peer;
    socklen_t bytes = sizeof(peer);
    auto* const peer_address = reinterpret_cast<sockaddr*>(&peer);
    UniqueFd fd(accept4(fd_.get(), peer_address, &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.valid()) {
      auto stream = std::make_unique<TcpStream>(network_, std::move(fd),
                                                SocketAddress(peer_address, bytes).ToString());
      RETURN_IF_ERROR(stream->Start());
      ++streak_;
      return stream;
    }
    const int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK) {
      ready_ = false;
    } else if (!IsAboutOneConnection(error)) {
      return absl::ResourceExhaustedError(Describe("cannot accept on", address_, error));
    }
  }
}

}  // namespace lockstep::net
