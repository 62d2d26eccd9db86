// Protocol v1: what stores and the hub say to each other, as values and as BSON envelopes. On the
// wire an envelope is BSON or JSON; documents and ids in JSON are canonical Extended JSON.
#ifndef LOCKSTEP_DOCS_MEMORY_SYNC_PROTOCOL_H_
#define LOCKSTEP_DOCS_MEMORY_SYNC_PROTOCOL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/store/heads.h"
#include "docs-memory/store/record.h"

namespace lockstep::docs {

inline constexpr std::string_view kProtocolHeader = "X-Docs-Protocol";
inline constexpr std::string_view kProtocolVersion = "1";
inline constexpr std::string_view kBsonType = "application/vnd.docs.bson";
inline constexpr std::string_view kJsonType = "application/json";

inline constexpr size_t kPushCountMax = 1000;
inline constexpr size_t kPushBytesMax = size_t{4} << 20;
inline constexpr int64_t kPullCountDefault = 500;
inline constexpr int64_t kPullCountMax = 1000;
inline constexpr int64_t kPullBytesMax = int64_t{4} << 20;
inline constexpr int64_t kPullWaitMsMax = 30'000;
// Verdicts that a page brings; so many: there may be more.
inline constexpr size_t kPullOwnMax = 2000;

// A change of one document, as its author made it.
struct PushChange final {
  uint64_t number = 0;  // "nseq": the node's, without gaps
  std::string collection;
  Value id;
  Edit edit;
  bool is_again = false;      // it may have been pushed before, as another node's or number
  bool is_skipped = false;    // there is no change of this number any more
  bool is_lossy = false;      // the document is not what its author hashed
  bool is_oversized = false;  // the document was left out, because of its size
};

struct PushRequest final {
  std::string tenant;
  std::string space;
  uint64_t node = 0;
  uint64_t epoch = 0;       // of the hub, as the node knows it; 0: it does not (yet, or any more)
  uint64_t confirmed = 0;   // verdicts up to there are not needed any more
  uint64_t checkpoint = 0;  // how far the node has pulled
  std::vector<PushChange> changes;
};

enum class Verdict : uint8_t { kApplied = 1, kDuplicate = 2, kRejected = 3 };
// "applied"
std::string_view NameOf(Verdict verdict);

// What became of a change; the same for ever.
struct ChangeVerdict final {
  uint64_t number = 0;
  Verdict verdict = Verdict::kApplied;
  uint64_t sequence = 0;  // the hub's, at which it was applied
  std::string code;       // kRejected
  std::string detail;
  Revision rev;  // the change's own; none: who says this does not say
  Revision winner;
  uint64_t conflicts = 0;
  bool base_unknown = false;
};

struct PushAnswer final {
  uint64_t epoch = 0;
  std::vector<ChangeVerdict> verdicts;  // may be shorter than what was pushed: push the rest again
  uint64_t last_number = 0;
  int64_t server_ms = 0;
};

struct PullRequest final {
  std::string tenant;
  std::string space;
  uint64_t node = 0;   // 0: nobody whose verdicts are wanted
  uint64_t epoch = 0;  // 0: from the beginning
  uint64_t since = 0;
  int64_t count_max = kPullCountDefault;
  int64_t bytes_max = kPullBytesMax;
  int64_t wait_ms = 0;
  std::vector<std::string> collections;  // none: all
  Document filter;
  uint64_t filter_id = 0;  // of a registered one; 0: none
  // The hub's when whoever asks began to pull from 0: pages on the way are below it.
  uint64_t floor = 0;
  uint64_t own_from = 0;
  bool is_linear = false;
};

struct PulledChange final {
  enum class Kind { kState, kRemove };
  Kind kind = Kind::kState;
  std::string collection;
  Value id;
  Heads heads;  // its sequence is the change's
};

struct PullAnswer final {
  uint64_t epoch = 0;
  std::vector<PulledChange> changes;
  uint64_t checkpoint = 0;
  bool more = false;
  std::vector<ChangeVerdict> own;
  uint64_t floor = 0;  // deletions up to there are not told any more
  int64_t server_ms = 0;
};

struct WireError final {
  int status = 400;  // of HTTP
  std::string code;
  std::string message;
  bool retryable = false;
  int64_t retry_after_ms = 0;
  uint64_t expected_number = 0;  // E_GAP
  int64_t server_ms = 0;
};

// Envelopes. Decoding fails with E_PARSE: field, value and reason.
Document Encode(const PushRequest& request);
Document Encode(const PushAnswer& answer);
Document Encode(const PullRequest& request);
Document Encode(const PullAnswer& answer);
Document Encode(const WireError& error);
absl::StatusOr<PushRequest> DecodePushRequest(std::string_view envelope);
absl::StatusOr<PushAnswer> DecodePushAnswer(std::string_view envelope);
absl::StatusOr<PullRequest> DecodePullRequest(std::string_view envelope);
absl::StatusOr<PullAnswer> DecodePullAnswer(std::string_view envelope);
absl::StatusOr<WireError> DecodeError(std::string_view envelope, int status);

// As JSON: "doc", "id" and "filter" in canonical Extended JSON, everything else plainly.
std::string RenderJson(const Document& envelope);
// From a body of that content type. E_PARSE.
absl::StatusOr<Document> ParseEnvelope(std::string_view body, std::string_view content_type);

// The sequence of a checkpoint; 0 if it is none.
uint64_t CheckpointOf(std::string_view text);
absl::Status ParseError(std::string_view field, std::string_view value, std::string_view reason);
std::string HexOf(uint64_t value);
absl::StatusOr<uint64_t> FromHex(std::string_view field, std::string_view text);
// Of the canonical document, as its sender computed it ("h").
std::string BodyHash(std::string_view document);
// E_PARSE: not [A-Za-z0-9][A-Za-z0-9_.-]{0,63}. Tenants and namespaces.
absl::Status CheckName(std::string_view field, std::string_view name);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_SYNC_PROTOCOL_H_
