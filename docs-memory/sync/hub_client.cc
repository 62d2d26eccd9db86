#include "docs-memory/sync/hub_client.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

constexpr char kHubPayload[] = "lockstep/docs.hub";

}  // namespace

absl::Status HubFailure(absl::StatusCode code, std::string_view text) {
  absl::Status status(code, {text.data(), text.size()});
  status.SetPayload(kHubPayload, absl::Cord());
  return status;
}

bool IsHubFailure(const absl::Status& status) { return status.GetPayload(kHubPayload).has_value(); }

HubClient::HubClient(runtime::Network& network, HubOptions options)
    : network_(network), options_(std::move(options)) {
  CHECK(!options_.addresses.empty());
}

void HubClient::TryNextNode() {
  client_.reset();
  current_ = (current_ + 1) % options_.addresses.size();
}

absl::StatusOr<std::pair<int, Document>> HubClient::Call(Fiber& fiber, const std::string& path,
                                                         const Document& envelope,
                                                         MonoTime deadline) {
  edge::HttpRequest request;
  request.method = "POST";
  request.target = path;
  const std::string_view type = options_.speaks_json ? kJsonType : kBsonType;
  request.headers.Add(kProtocolHeader, kProtocolVersion);
  request.headers.Add("Authorization", absl::StrCat("Bearer ", options_.token));
  request.headers.Add("Content-Type", type);
  request.headers.Add("Accept", type);
  request.body = options_.speaks_json ? RenderJson(envelope) : envelope.bytes();
  if (client_ == nullptr) client_ = std::make_unique<edge::HttpClient>(network_, address());
  auto response = client_->Send(fiber, request, deadline);
  if (!response.ok()) {
    const std::string text = absl::StrCat(address(), ": ", response.status().message());
    TryNextNode();
    return HubFailure(response.status().code(), text);
  }
  auto body =
      ParseEnvelope(response->body, response->headers.Find("Content-Type").value_or(kJsonType));
  if (!body.ok()) {
    return HubFailure(absl::StatusCode::kUnavailable,
                      absl::StrCat(address(), " is no hub: status ", response->status, ", ",
                                   body.status().message()));
  }
  return std::make_pair(response->status, *std::move(body));
}

absl::StatusOr<HubAnswer<PushAnswer>> HubClient::Push(Fiber& fiber, const PushRequest& request,
                                                      MonoTime deadline) {
  ASSIGN_OR_RETURN(const auto answer, Call(fiber, "/v1/push", Encode(request), deadline));
  HubAnswer<PushAnswer> result;
  if (answer.first == 200) {
    ASSIGN_OR_RETURN(result.value, DecodePushAnswer(answer.second.view()));
  } else {
    ASSIGN_OR_RETURN(result.refusal, DecodeError(answer.second.view(), answer.first));
  }
  return result;
}

absl::StatusOr<HubAnswer<PullAnswer>> HubClient::Pull(Fiber& fiber, const PullRequest& request,
                                                      MonoTime deadline) {
  ASSIGN_OR_RETURN(const auto answer, Call(fiber, "/v1/pull", Encode(request), deadline));
  HubAnswer<PullAnswer> result;
  if (answer.first == 200) {
    ASSIGN_OR_RETURN(result.value, DecodePullAnswer(answer.second.view()));
  } else {
    ASSIGN_OR_RETURN(result.refusal, DecodeError(answer.second.view(), answer.first));
  }
  return result;
}

}  // namespace lockstep::docs
