// Tokens: who may do what at the hub. The hub keeps their hashes only.
#ifndef LOCKSTEP_DOCS_MEMORY_HUB_TOKEN_H_
#define LOCKSTEP_DOCS_MEMORY_HUB_TOKEN_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "framework/runtime/random.h"

namespace lockstep::docs {

enum Permission : uint8_t {
  kMayPush = 1,
  kMayPull = 2,
  kMayRead = 4,
  kMayAdmin = 8,
  kMayAudit = 16,
};

// What a token is good for.
struct Claims final {
  std::string tenant;
  std::vector<std::string> spaces;  // names, or "*": all of the tenant's
  uint8_t permissions = 0;
  uint64_t node = 0;         // 0: any
  int64_t not_after_ms = 0;  // 0: for ever
  int64_t rate = 0;          // requests a second; 0: no limit
  // Registered filters, of which a pull has to name one; none: any pull.
  std::vector<uint64_t> filters;

  bool Reaches(std::string_view space) const;
};

// {tenant, ns: [...], perms: [...], node?, not_after?, rate?, filters?: [...]}. E_PARSE.
absl::StatusOr<Claims> DecodeClaims(std::string_view envelope);
Document Encode(const Claims& claims);

// 256 bits, as text.
std::string DrawToken(runtime::Random& random);
// What the hub keeps of it: SHA-256.
std::string TokenHash(std::string_view token);
// Takes as long, wherever they differ.
bool EqualSecrets(std::string_view a, std::string_view b);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_HUB_TOKEN_H_
