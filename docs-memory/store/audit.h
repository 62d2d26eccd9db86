// The audit trail: who wrote what, and what was refused, in a chain of hashes. (docs/formats.md.)
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_AUDIT_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_AUDIT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/store/record.h"
#include "framework/machine/ordered_store.h"

namespace lockstep::docs {

inline constexpr size_t kAuditHashBytes = 32;

// Where the chain ends.
struct AuditHead final {
  uint64_t count = 0;
  std::string hash = std::string(kAuditHashBytes, '\0');  // SHA-256 of the last row
};

// What one write leaves behind, without its number: {time, actor, action, collection, decision,
// code, count, changes: [{id, rev, op}, ...]}. `changes` are the first 100 of `mutations`.
Document DescribeWrite(int64_t now_ms, std::string_view actor, std::string_view action,
                       std::string_view collection, const std::vector<Mutation>& mutations,
                       size_t first, const absl::Status& outcome);

// The row behind `head`, whose hash covers the row before it, and the head with it.
struct AuditRow final {
  std::string key;
  std::string value;
  AuditHead head;
};
AuditRow NextAuditRow(const AuditHead& head, std::string_view document);

std::string EncodeAuditHead(const AuditHead& head);
absl::StatusOr<AuditHead> DecodeAuditHead(std::string_view row);
inline constexpr std::string_view kAuditHeadKey = "docs.audit";

struct AuditQuery final {
  std::string collection = {};  // empty: all
  std::string actor = {};       // empty: all
  uint64_t after = 0;           // records with a greater number
  size_t limit = 100;           // 0: all. The filters come first
};
struct AuditRecord final {
  uint64_t number = 0;
  Document document;
};
// In order. Suspends.
absl::StatusOr<std::vector<AuditRecord>> ReadAudit(Fiber& fiber, const machine::StoreView& view,
                                                   const AuditQuery& query);
// Computes the chain anew. DATA_LOSS: a record was changed, removed or added by somebody else.
// Suspends.
absl::Status VerifyAudit(Fiber& fiber, const machine::StoreView& view);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_AUDIT_H_
