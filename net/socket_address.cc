#include "net/socket_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::net {
namespace {

absl::Status BadAddress(absl::string_view address) {
  return absl::InvalidArgumentError(absl::StrCat("not host:port: '", address, "'"));
}

bool IsPort(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return !text.empty() && text.size() <= 5;
}

}  // namespace

SocketAddress::SocketAddress(const sockaddr* address, socklen_t bytes) : size_(bytes) {
  CHECK_LE(bytes, sizeof(storage_));
  std::memcpy(&storage_, address, bytes);
}

void SocketAddress::set_port(uint16_t port) {
  if (family() == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&storage_)->sin6_port = htons(port);
  } else {
    CHECK_EQ(family(), AF_INET);
    reinterpret_cast<sockaddr_in*>(&storage_)->sin_port = htons(port);
  }
}

runtime::Address SocketAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = "?";
  if (family() == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage_);
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
    return absl::StrCat("[", text, "]:", ntohs(v6->sin6_port));
  }
  CHECK_EQ(family(), AF_INET);
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage_);
  inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
  return absl::StrCat(text, ":", ntohs(v4->sin_port));
}

SocketAddress SocketAddress::OfSocket(int fd) {
  SocketAddress local;
  local.size_ = sizeof(local.storage_);
  CHECK_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&local.storage_), &local.size_), 0);
  return local;
}

absl::StatusOr<HostAndPort> SplitAddress(absl::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return BadAddress(address);
  absl::string_view host = address.substr(0, colon);
  const absl::string_view port_text = address.substr(colon + 1);
  int port = 0;
  if (!IsPort(port_text) || !absl::SimpleAtoi(port_text, &port) || port > 65535) {
    return BadAddress(address);
  }
  if (!host.empty() && host.front() == '[') {
    if (host.back() != ']') return BadAddress(address);
    host = host.substr(1, host.size() - 2);
    in6_addr ignored;
    if (inet_pton(AF_INET6, std::string(host).c_str(), &ignored) != 1) return BadAddress(address);
  } else if (host.find_first_of(":[]/ ") != absl::string_view::npos) {
    return BadAddress(address);
  }
  return HostAndPort{std::string(host), static_cast<uint16_t>(port)};
}

std::optional<SocketAddress> ParseLiteral(const HostAndPort& address) {
  sockaddr_in v4{};
  if (inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v6), sizeof(v6));
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<SocketAddress>> ResolveBlocking(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot resolve '", host, "': ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
  std::vector<SocketAddress> found;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    if (one->ai_family == AF_INET || one->ai_family == AF_INET6) {
      found.emplace_back(one->ai_addr, one->ai_addrlen);
    }
  }
  if (found.empty()) {
    return absl::UnavailableError(absl::StrCat("'", host, "' has no internet address"));
  }
  return found;
}

}  // namespace lockstep::net
