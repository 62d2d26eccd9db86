// The rows of the hub. (docs/formats.md, "Hub of documents".)
//
// Every row of a document begins with its scope (tenant and namespace): what one token reaches and
// another does not is in different ranges.
#ifndef LOCKSTEP_DOCS_MEMORY_HUB_HUB_KEYS_H_
#define LOCKSTEP_DOCS_MEMORY_HUB_HUB_KEYS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/store/heads.h"
#include "docs-memory/sync/protocol.h"

namespace lockstep::docs {

// As keys spell it; names have no zero bytes.
std::string ScopeOf(std::string_view tenant, std::string_view space);

// Column::kPrimary.
inline constexpr std::string_view kHubKey = "h";  // HubState
std::string TokenKey(std::string_view hash);      // Claims, as BSON
std::string ScopeKey(std::string_view scope);     // the last sequence
std::string HubDocumentKey(std::string_view scope, std::string_view collection,
                           std::string_view id);  // HubDocument
std::string HubDocumentPrefix(std::string_view scope);
std::string NodeKey(std::string_view scope, uint64_t node);  // HubNode
std::string NodePrefix(std::string_view scope);
std::string VerdictKey(std::string_view scope, uint64_t node, uint64_t number);  // HubVerdict
std::string VerdictPrefix(std::string_view scope, uint64_t node);
// That a revision of the node was refused.
std::string RefusedKey(std::string_view scope, uint64_t node, const Revision& rev);
// Column::kIndex: the document key behind each sequence; the latest of a document only.
std::string ChangeKey(std::string_view scope, uint64_t sequence);
std::string ChangePrefix(std::string_view scope);
// Column::kHistory: HubVersion.
std::string HubVersionKey(std::string_view document_key, const Revision& rev);

struct HubState final {
  uint64_t epoch = 0;
};

struct HubDocument final {
  std::string collection;
  Value id;
  Heads heads;
};
std::string EncodeHubDocument(const HubDocument& document);
absl::StatusOr<HubDocument> DecodeHubDocument(std::string_view row);

// A store, as the hub knows it.
struct HubNode final {
  uint64_t last = 0;        // the number of the last change that was processed
  uint64_t confirmed = 0;   // verdicts up to there are gone
  uint64_t checkpoint = 0;  // how far it has pulled, it says
  int64_t seen_ms = 0;
};
std::string EncodeHubNode(const HubNode& node);
absl::StatusOr<HubNode> DecodeHubNode(std::string_view row);

struct HubVerdict final {
  Revision rev;
  ChangeVerdict verdict;
};
std::string EncodeHubVerdict(const HubVerdict& verdict);
absl::StatusOr<HubVerdict> DecodeHubVerdict(std::string_view row, uint64_t number);

// A version that was applied, whatever became of it.
struct HubVersion final {
  uint64_t sequence = 0;
  int64_t time_ms = 0;  // of the hub
  Revision base;
  std::vector<Revision> resolves;
  Head head;
};
std::string EncodeHubVersion(const HubVersion& version);
absl::StatusOr<HubVersion> DecodeHubVersion(std::string_view row);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_HUB_HUB_KEYS_H_
