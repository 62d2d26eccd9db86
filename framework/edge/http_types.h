// HTTP/1.1 messages as values.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_HTTP_TYPES_H_
#define LOCKSTEP_FRAMEWORK_EDGE_HTTP_TYPES_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "framework/fiber/scheduler.h"

namespace lockstep::edge {

// In the order of the message; names compare without regard to case.
class HttpHeaders final {
 public:
  void Add(std::string_view name, std::string_view value) { all_.emplace_back(name, value); }
  // The first of that name.
  std::optional<std::string_view> Find(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& all() const { return all_; }

 private:
  std::vector<std::pair<std::string, std::string>> all_;
};

struct HttpRequest final {
  std::string method = "GET";
  std::string target = "/";  // "/v1/pull?limit=5", as on the wire
  HttpHeaders headers;
  std::string body;

  std::string_view path() const;
  // Of the query, with %XX and + undone; nothing if it is not there. INVALID_ARGUMENT: malformed.
  absl::StatusOr<std::optional<std::string>> Parameter(std::string_view name) const;
};

struct HttpResponse final {
  int status = 200;
  HttpHeaders headers;
  std::string body;
  // What follows the body, piece by piece, until there is nothing: an answer whose length nobody
  // knows, and whose end is that of the connection. May suspend.
  std::function<std::optional<std::string>(Fiber&)> more = {};
};

// A request that was refused before anybody could handle it: the status and why.
struct HttpRefusal final {
  int status = 400;
  std::string reason;
};

// What a server is written against. Outlives its calls.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // May suspend; is unwound when the server goes.
  virtual HttpResponse Handle(Fiber& fiber, const HttpRequest& request) = 0;
  // The words for a refusal; the connection is closed behind them.
  virtual HttpResponse Refuse(const HttpRefusal& refusal) = 0;
};

// "Not Found"; "Status" for what has no name.
std::string_view HttpReason(int status);
// A path or a parameter with all but letters, digits and -._~ as %XX.
std::string PercentEncoded(std::string_view text);
absl::StatusOr<std::string> PercentDecoded(std::string_view text);

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_HTTP_TYPES_H_
