#include "checkers/monitors/session_monitor.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace lockstep::checkers {
namespace {

Violation Broken(const char* guarantee, uint64_t session, const std::string& text) {
  return {guarantee, absl::StrCat("client ", session, " ", text), absl::StrCat("client ", session)};
}

}  // namespace

std::optional<Violation> SessionMonitor::OnRead(uint64_t session, int64_t revision) {
  Session& s = sessions_[session];
  if (revision < s.written) {
    return Broken("read your writes", session,
                  absl::StrCat("wrote at revision ", s.written,
                               " and then was shown the store as of revision ", revision));
  }
  if (revision < s.read) {
    return Broken("monotonic reads", session,
                  absl::StrCat("was shown the store as of revision ", s.read,
                               " and then as of revision ", revision));
  }
  s.read = revision;
  return std::nullopt;
}

std::optional<Violation> SessionMonitor::OnWrite(uint64_t session, int64_t revision) {
  Session& s = sessions_[session];
  if (revision <= s.written) {
    return Broken(
        "monotonic writes", session,
        absl::StrCat("wrote at revision ", s.written, " and then at revision ", revision));
  }
  if (revision <= s.read) {
    return Broken("writes follow reads", session,
                  absl::StrCat("was shown the store as of revision ", s.read,
                               " and then wrote at revision ", revision));
  }
  s.written = revision;
  return std::nullopt;
}

}  // namespace lockstep::checkers
