// Socket addresses, to and from the text form of runtime::Address.
#ifndef LOCKSTEP_NET_SOCKET_ADDRESS_H_
#define LOCKSTEP_NET_SOCKET_ADDRESS_H_

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "framework/runtime/network.h"

namespace lockstep::net {

// An IPv4 or IPv6 address and a port, as the kernel takes them. A value.
class SocketAddress final {
 public:
  SocketAddress() = default;
  SocketAddress(const sockaddr* address, socklen_t bytes);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  int family() const { return storage_.ss_family; }
  void set_port(uint16_t port);
  // "127.0.0.1:2379", "[::1]:2379".
  runtime::Address ToString() const;

  // The local end of a socket.
  static SocketAddress OfSocket(int fd);

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

struct HostAndPort final {
  std::string host;  // without brackets; empty: every local address
  uint16_t port = 0;
};

// INVALID_ARGUMENT unless it is "host:port" with a decimal port.
absl::StatusOr<HostAndPort> SplitAddress(absl::string_view address);

// Nothing if the host is a name.
std::optional<SocketAddress> ParseLiteral(const HostAndPort& address);

// Asks the system's resolver; may block for many seconds. Ports are 0. UNAVAILABLE: no such name,
// or nobody knows now.
absl::StatusOr<std::vector<SocketAddress>> ResolveBlocking(const std::string& host);

}  // namespace lockstep::net

#endif  // LOCKSTEP_NET_SOCKET_ADDRESS_H_
