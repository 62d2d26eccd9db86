// HubClient: protocol v1 from a store's side, with whichever node of the hub answers.
#ifndef LOCKSTEP_DOCS_MEMORY_SYNC_HUB_CLIENT_H_
#define LOCKSTEP_DOCS_MEMORY_SYNC_HUB_CLIENT_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "docs-memory/sync/protocol.h"
#include "framework/edge/http_client.h"
#include "framework/runtime/network.h"

namespace lockstep::docs {

struct HubOptions final {
  std::vector<runtime::Address> addresses;  // of the hub's nodes
  std::string token;
  bool speaks_json = false;  // instead of BSON
};

// An answer, or the hub's refusal (whose code is not empty then).
template <typename T>
struct HubAnswer final {
  WireError refusal;
  T value;
};

// The hub is what failed: no node of it answered or, DATA_LOSS, one that is damaged did. (Other
// statuses are of the store, or the hub's last word.)
absl::Status HubFailure(absl::StatusCode code, std::string_view text);
bool IsHubFailure(const absl::Status& status);

// Used by one fiber at a time. A node that fails is left for the next one, which the next call
// asks. Statuses are failures to get an answer (see HubFailure): what was asked may have happened.
class HubClient final {
 public:
  // The network outlives this. REQUIRES: an address.
  HubClient(runtime::Network& network, HubOptions options);

  absl::StatusOr<HubAnswer<PushAnswer>> Push(Fiber& fiber, const PushRequest& request,
                                             MonoTime deadline);
  absl::StatusOr<HubAnswer<PullAnswer>> Pull(Fiber& fiber, const PullRequest& request,
                                             MonoTime deadline);
  const runtime::Address& address() const { return options_.addresses[current_]; }
  void TryNextNode();

 private:
  // The body of the answer, and its status.
  absl::StatusOr<std::pair<int, Document>> Call(Fiber& fiber, const std::string& path,
                                                const Document& envelope, MonoTime deadline);

  runtime::Network& network_;
  const HubOptions options_;
  size_t current_ = 0;
  std::unique_ptr<edge::HttpClient> client_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_SYNC_HUB_CLIENT_H_
