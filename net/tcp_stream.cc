#include "net/tcp_stream.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "net/tcp_network.h"

namespace lockstep::net {
namespace {

constexpr uint32_t kInputEvents = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
constexpr uint32_t kOutputEvents = EPOLLOUT | EPOLLHUP | EPOLLERR;
constexpr uint32_t kEndEvents = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
// A fiber whose peer is always ready would otherwise keep the loop to itself.
constexpr int kStreakMax = 16;

}  // namespace

class TcpStream::Use final {
 public:
  explicit Use(Direction& direction) : direction_(direction) {
    CHECK(!direction_.in_use) << "two fibers use one direction of a stream";
    direction_.in_use = true;
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() { direction_.in_use = false; }

 private:
  Direction& direction_;
};

TcpStream::TcpStream(TcpNetwork& network, UniqueFd fd, runtime::Address peer)
    : network_(network), fd_(std::move(fd)), peer_(std::move(peer)) {
  CHECK(fd_.valid());
  ++network_.streams_;
}

TcpStream::~TcpStream() {
  CHECK(!read_.in_use && !write_.in_use) << "a fiber still uses the stream to " << peer_;
  CHECK_GT(network_.streams_, 0u);
  --network_.streams_;
  if (HasUndeliveredData()) network_.lingerer_.Add(std::move(fd_), network_.now());
}

// Closing a socket whose peer goes on sending resets the connection, and the reset may overtake
// what we wrote last.
bool TcpStream::HasUndeliveredData() const {
  if (!fd_.valid() || !connected_ || broken_) return false;
  int unacknowledged = 0;
  return ioctl(fd_.get(), SIOCOUTQ, &unacknowledged) == 0 && unacknowledged > 0;
}

absl::Status TcpStream::Start() {
  CHECK(!started_);
  started_ = true;
  connected_ = true;
  write_.ready = true;
  return network_.loop_.Watch(fd_.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP, *this);
}

absl::Status TcpStream::Connect(Fiber& fiber, const SocketAddress& to, MonoTime deadline) {
  CHECK(!started_);
  int error = connect(fd_.get(), to.get(), to.size()) == 0 ? 0 : errno;
  if (error != 0 && error != EINPROGRESS && error != EINTR) return ErrorOf(error);
  started_ = true;
  RETURN_IF_ERROR(network_.loop_.Watch(fd_.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP, *this));
  if (error != 0) {
    while (!write_.ready) {
      if (deadline <= fiber.now()) {
        return absl::DeadlineExceededError(absl::StrCat("no answer from ", peer_));
      }
      write_.waiters.Wait(fiber, deadline);
    }
    socklen_t bytes = sizeof(error);
    CHECK_EQ(getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &bytes), 0);
    if (error != 0) return ErrorOf(error);
  }
  // Dialing a free local port may, by chance, connect the socket to itself.
  if (SocketAddress::OfSocket(fd_.get()).ToString() == to.ToString()) return ErrorOf(ECONNREFUSED);
  connected_ = true;
  write_.ready = true;
  return absl::OkStatus();
}

void TcpStream::OnEvents(uint32_t events) {
  if (events & kEndEvents) hung_up_ = true;
  if (events & kInputEvents) {
    read_.ready = true;
    read_.waiters.WakeOne();
  }
  if (events & kOutputEvents) {
    write_.ready = true;
    write_.waiters.WakeOne();
  }
}

absl::StatusOr<size_t> TcpStream::Read(Fiber& fiber, absl::Span<char> into) {
  CHECK(!into.empty());
  const Use use(read_);
  BeFair(fiber, read_);
  for (;;) {
    RETURN_IF_ERROR(Check(fiber, read_));
    if (!read_.ready) {
      Wait(fiber, read_);
      continue;
    }
    const ssize_t n = ReceiveOnce(into);
    if (n >= 0) return static_cast<size_t>(n);
    if (n == -EAGAIN || n == -EINTR) continue;
    broken_ = true;
    return ErrorOf(static_cast<int>(-n));
  }
}

absl::Status TcpStream::Write(Fiber& fiber, absl::string_view data) {
  const Use use(write_);
  while (!data.empty()) {
    BeFair(fiber, write_);
    RETURN_IF_ERROR(Check(fiber, write_));
    if (!write_.ready) {
      Wait(fiber, write_);
      continue;
    }
    const ssize_t n = SendOnce(data);
    if (n >= 0) {
      data.remove_prefix(static_cast<size_t>(n));
    } else if (n != -EAGAIN && n != -EINTR) {
      broken_ = true;
      return ErrorOf(static_cast<int>(-n));
    }
  }
  return absl::OkStatus();
}

ssize_t TcpStream::ReceiveOnce(absl::Span<char> into) {
  const ssize_t n = recv(fd_.get(), into.data(), into.size(), 0);
  if (n >= 0) {
    ++read_.streak;
    // Less than asked for: nothing is left, and what comes next is an edge, unless the last edge
    // told of the end already.
    if (static_cast<size_t>(n) < into.size() && !hung_up_) read_.ready = false;
    return n;
  }
  const int error = errno == EWOULDBLOCK ? EAGAIN : errno;
  if (error == EAGAIN) read_.ready = false;
  return -error;
}

ssize_t TcpStream::SendOnce(absl::string_view data) {
  const ssize_t n = send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL);
  if (n >= 0) {
    ++write_.streak;
    return n;
  }
  const int error = errno == EWOULDBLOCK ? EAGAIN : errno;
  if (error == EAGAIN) write_.ready = false;
  return -error;
}

absl::Status TcpStream::Check(Fiber& fiber, const Direction& direction) const {
  if (!fd_.valid()) return absl::CancelledError(absl::StrCat("aborted: ", peer_));
  if (direction.deadline <= fiber.now()) {
    return absl::DeadlineExceededError(absl::StrCat("deadline passed: ", peer_));
  }
  return absl::OkStatus();
}

void TcpStream::Wait(Fiber& fiber, Direction& direction) {
  direction.streak = 0;
  direction.waiters.Wait(fiber, direction.deadline);
}

void TcpStream::BeFair(Fiber& fiber, Direction& direction) {
  if (direction.streak < kStreakMax) return;
  direction.streak = 0;
  fiber.Yield();
}

void TcpStream::CloseWrite() {
  if (fd_.valid()) shutdown(fd_.get(), SHUT_WR);
}

void TcpStream::Abort() {
  if (!fd_.valid()) return;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  fd_.Close();
  read_.waiters.WakeAll();
  write_.waiters.WakeAll();
}

void TcpStream::SetReadDeadline(MonoTime deadline) {
  read_.deadline = deadline;
  read_.waiters.WakeAll();  // to look at the new deadline
}

void TcpStream::SetWriteDeadline(MonoTime deadline) {
  write_.deadline = deadline;
  write_.waiters.WakeAll();
}

absl::Status TcpStream::ErrorOf(int error) const {
  return absl::UnavailableError(absl::StrCat(peer_, ": ", std::generic_category().message(error)));
}

}  // namespace lockstep::net
