// Errors of the document store: an absl::Status whose message begins with one of the codes below.
#ifndef LOCKSTEP_DOCS_MEMORY_BSON_ERROR_H_
#define LOCKSTEP_DOCS_MEMORY_BSON_ERROR_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace lockstep::docs {

enum class ErrorCode {
  kBson,              // E_BSON: not a document
  kDuplicateKey,      // E_BSON_DUPLICATE_KEY: a field twice in one document
  kDecimal,           // E_BSON_DECIMAL_NONCANONICAL
  kFieldName,         // E_FIELD_NAME
  kIdInvalid,         // E_ID_INVALID
  kIdImmutable,       // E_ID_IMMUTABLE
  kReservedField,     // E_RESERVED_FIELD
  kDocTooLarge,       // E_DOC_TOO_LARGE
  kDocTooDeep,        // E_DOC_TOO_DEEP
  kCollectionName,    // E_COLLECTION_NAME
  kQuery,             // E_QUERY
  kRegex,             // E_REGEX
  kProjection,        // E_PROJECTION
  kSortMemory,        // E_SORT_MEMORY
  kUpdate,            // E_UPDATE
  kUpdateConflict,    // E_UPDATE_CONFLICT
  kPathType,          // E_PATH_TYPE
  kType,              // E_TYPE
  kOverflow,          // E_OVERFLOW
  kDuplicateId,       // E_DUPLICATE_ID: the _id is taken
  kUnique,            // E_UNIQUE: a unique index has the key
  kIndex,             // E_INDEX
  kParallelArrays,    // E_INDEX_PARALLEL_ARRAYS
  kKeyTooLarge,       // E_KEY_TOO_LARGE
  kNoIndex,           // E_NO_INDEX
  kRevMismatch,       // E_REV_MISMATCH: expect_rev is not the document's
  kHistoryTruncated,  // E_HISTORY_TRUNCATED
  kReadOnly,          // E_READ_ONLY: nothing more is written until the store is reopened
  kStoreInUse,        // E_STORE_IN_USE: somebody else has it open
  kOverloaded,        // E_OVERLOADED: too much is waiting; try again
  kBatch,             // E_BATCH: too many operations, or a bad one
  kFeedLagged,        // E_FEED_LAGGED
  kBadPassphrase,     // E_BAD_PASSPHRASE
  kAppendOnly,        // E_APPEND_ONLY: the collection's documents are never changed
  kPolicy,            // E_POLICY
  kSynced,            // E_SYNCED: not of what is synced with others
};

// "E_TYPE". Stable: programs look at it.
std::string_view NameOf(ErrorCode code);

// "E_TYPE: field 'a.b', value \"x\": $inc needs a number". An empty field or value is left out; a
// long value is cut.
absl::Status Error(ErrorCode code, std::string_view field, std::string_view value,
                   std::string_view reason);

// The same, for programs. The value is never longer than what the message shows.
struct ErrorDetail final {
  std::string code;
  std::string field;   // empty: it is about none
  std::string value;   // empty: about none
  std::string reason;  // in words
};
// Nothing for OK and for statuses of other origin.
std::optional<ErrorDetail> DetailOf(const absl::Status& status);

// "E_TYPE" of such a status; empty for OK and for statuses of other origin.
std::string_view CodeOf(const absl::Status& status);
bool Is(const absl::Status& status, ErrorCode code);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_BSON_ERROR_H_
