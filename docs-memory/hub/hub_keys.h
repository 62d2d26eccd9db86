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
#include "framework/machine/ordered_store.h"

namespace lockstep::docs {

// As keys spell it; names have no zero bytes.
std::string ScopeOf(std::string_view tenant, std::string_view space);
std::string TenantOf(std::string_view scope);
std::string SpaceOf(std::string_view scope);
// Of a key that begins with one letter and the scope.
std::string ScopeOfKey(std::string_view key);

// Column::kPrimary.
inline constexpr std::string_view kHubKey = "h";             // HubState
std::string TokenKey(std::string_view hash);                 // Claims, as BSON
std::string ScopeKey(std::string_view scope);                // HubScope
inline constexpr std::string_view kPolicyKey = "p";          // HubPolicy
std::string FilterKey(std::string_view scope, uint64_t id);  // a filter, as BSON
std::string HubAuditHeadKey(std::string_view tenant);
inline constexpr std::string_view kHubAuditHeadPrefix = "u";
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
// ... the hub's time at which all that was left of the document was that it was deleted.
std::string GraveKey(std::string_view scope, uint64_t sequence);
std::string GravePrefixOf(std::string_view scope);
inline constexpr std::string_view kGravePrefix = "g";
// ... documents in the order in which they expire, versions in that in which they were replaced.
// (These begin with a time: nobody but the hub itself walks over them.)
std::string HubExpiryKey(int64_t ms, std::string_view document_key);
inline constexpr std::string_view kHubExpiryPrefix = "e";
std::string ReplacedKey(int64_t ms, std::string_view version_key);
inline constexpr std::string_view kReplacedPrefix = "w";
// Column::kHistory: HubVersion.
std::string HubVersionKey(std::string_view document_key, const Revision& rev);
std::string HubVersionPrefix(std::string_view document_key);
// Column::kHistory: the audit trail of a tenant.
std::string HubAuditKey(std::string_view tenant, uint64_t number);
std::string HubAuditPrefix(std::string_view tenant);
inline constexpr std::string_view kHubAuditPrefix = "a";

struct HubState final {
  uint64_t epoch = 0;
};

// How long what is kept.
struct HubPolicy final {
  int64_t tombstones_ms = kDefaultRetentionMs;  // deleted documents, at least
  int64_t node_ttl_ms = kDefaultRetentionMs;    // who is silent for so long is waited for no more
  int64_t history_ms = kDefaultRetentionMs;     // versions, since they were replaced
  uint64_t versions_max = 32;                   // of one document

  static constexpr int64_t kDefaultRetentionMs = int64_t{30} * 24 * 3600 * 1000;
};
std::string EncodeHubPolicy(const HubPolicy& policy);
absl::StatusOr<HubPolicy> DecodeHubPolicy(std::string_view row);

struct HubScope final {
  uint64_t last = 0;   // sequence
  uint64_t floor = 0;  // tombstones up to there were purged: who has pulled less begins anew
  Revision grave;      // the greatest of those tombstones
};
std::string EncodeHubScope(const HubScope& scope);
absl::StatusOr<HubScope> DecodeHubScope(std::string_view row);
// A new one if there is none.
absl::StatusOr<HubScope> ReadScope(Fiber& fiber, const machine::StoreView& view,
                                   std::string_view scope);

struct HubDocument final {
  std::string collection;
  Value id;
  Heads heads;
  uint64_t versions = 0;  // in the history, or a few less
  // The scope's when the document began: whatever it was before was deleted by then.
  Revision grave;
};
std::string EncodeHubDocument(const HubDocument& document);
absl::StatusOr<HubDocument> DecodeHubDocument(std::string_view row);

// A store, as the hub knows it.
struct HubNode final {
  uint64_t last = 0;        // the number of the last change that was processed
  uint64_t confirmed = 0;   // verdicts up to there are gone
  uint64_t checkpoint = 0;  // how far it has pulled, it says
  int64_t seen_ms = 0;
  uint64_t refused = 0;  // changes, ever
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
