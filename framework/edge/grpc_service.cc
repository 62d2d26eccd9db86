#include "framework/edge/grpc_service.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::edge {

void GrpcRegistry::AddUnary(std::string method, UnaryHandler handler) {
  CHECK(handler != nullptr);
  Add(std::move(method), {std::move(handler), nullptr});
}

void GrpcRegistry::AddStreaming(std::string method, StreamHandler handler) {
  CHECK(handler != nullptr);
  Add(std::move(method), {nullptr, std::move(handler)});
}

void GrpcRegistry::Add(std::string method, GrpcMethod handlers) {
  CHECK(absl::StartsWith(method, "/") && method.rfind('/') > 1) << method;
  const bool is_new = methods_.emplace(method, std::move(handlers)).second;
  CHECK(is_new) << method << " was added twice";
}

const GrpcMethod* GrpcRegistry::Find(absl::string_view method) const {
  const auto found = methods_.find(method);
  return found == methods_.end() ? nullptr : &found->second;
}

GrpcStatus GrpcRegistry::DescribeMissing(absl::string_view method) const {
  const size_t slash = method.rfind('/');
  if (method.empty() || method.front() != '/' || slash == 0) {
    return GrpcStatus(GrpcCode::kUnimplemented, absl::StrCat("malformed method name: ", method));
  }
  const absl::string_view service = method.substr(1, slash - 1);
  const std::string prefix = absl::StrCat(method.substr(0, slash + 1));
  const auto first = methods_.lower_bound(prefix);
  if (first == methods_.end() || !absl::StartsWith(first->first, prefix)) {
    return GrpcStatus(GrpcCode::kUnimplemented, absl::StrCat("unknown service ", service));
  }
  return GrpcStatus(
      GrpcCode::kUnimplemented,
      absl::StrCat("unknown method ", method.substr(slash + 1), " for service ", service));
}

}  // namespace lockstep::edge
