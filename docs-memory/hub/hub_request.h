// Requests of protocol v1 over HTTP as envelopes, and the refusals that the service gives by
// itself.
#ifndef LOCKSTEP_DOCS_MEMORY_HUB_HUB_REQUEST_H_
#define LOCKSTEP_DOCS_MEMORY_HUB_HUB_REQUEST_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/hub/hub_machine.h"
#include "framework/edge/http_types.h"

namespace lockstep::docs {

HubReply Fail(int status, std::string_view code, std::string_view message,
              bool is_retryable = false);
HubReply Malformed(const absl::Status& status);
// What a failure of the group means to a client, who may always ask again: numbers make pushes
// idempotent.
HubReply Unavailable(const absl::Status& failure);
// "E_GAP"; empty if it is no refusal.
std::string CodeIn(const HubReply& reply);
// A pull's answer that has nothing new.
bool IsEmptyPage(const HubReply& reply);

// What is behind "Bearer".
std::string_view TokenOf(const edge::HttpRequest& request);
// Of that header; JSON if it is not there.
std::string_view TypeOf(const edge::HttpRequest& request, std::string_view header);
// A refusal, if the request is not of this version.
std::optional<HubReply> CheckVersion(const edge::HttpRequest& request);

// Of the body, or of a GET's query.
absl::StatusOr<Document> EnvelopeOf(const edge::HttpRequest& request);
absl::StatusOr<Document> EnvelopeOfQuery(const edge::HttpRequest& request);
// "/v1/docs/{coll}/{id}": the id is Extended JSON, or else a string.
absl::StatusOr<Document> EnvelopeOfPath(const edge::HttpRequest& request);
// A push with as many of its changes as fit into an entry of the log.
Document FirstOf(const Document& envelope);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_HUB_HUB_REQUEST_H_
