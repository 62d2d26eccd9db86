#include "docs-memory/bson/error.h"

#include <cstdint>

#include "absl/strings/cord.h"

namespace lockstep::docs {
namespace {

constexpr size_t kValueBytesShown = 120;
constexpr char kFieldPayload[] = "lockstep/docs.field";
constexpr char kValuePayload[] = "lockstep/docs.value";
constexpr char kReasonPayload[] = "lockstep/docs.reason";

struct CodeInfo final {
  ErrorCode code;
  std::string_view name;
  absl::StatusCode status;
};

constexpr absl::StatusCode kBadArgument = absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kPrecondition = absl::StatusCode::kFailedPrecondition;

constexpr CodeInfo kCodes[] = {
    {ErrorCode::kBson, "E_BSON", kBadArgument},
    {ErrorCode::kDuplicateKey, "E_BSON_DUPLICATE_KEY", kBadArgument},
    {ErrorCode::kDecimal, "E_BSON_DECIMAL_NONCANONICAL", kBadArgument},
    {ErrorCode::kFieldName, "E_FIELD_NAME", kBadArgument},
    {ErrorCode::kIdInvalid, "E_ID_INVALID", kBadArgument},
    {ErrorCode::kIdImmutable, "E_ID_IMMUTABLE", kBadArgument},
    {ErrorCode::kReservedField, "E_RESERVED_FIELD", kBadArgument},
    {ErrorCode::kDocTooLarge, "E_DOC_TOO_LARGE", kBadArgument},
    {ErrorCode::kDocTooDeep, "E_DOC_TOO_DEEP", kBadArgument},
    {ErrorCode::kCollectionName, "E_COLLECTION_NAME", kBadArgument},
    {ErrorCode::kQuery, "E_QUERY", kBadArgument},
    {ErrorCode::kRegex, "E_REGEX", kBadArgument},
    {ErrorCode::kProjection, "E_PROJECTION", kBadArgument},
    {ErrorCode::kSortMemory, "E_SORT_MEMORY", absl::StatusCode::kResourceExhausted},
    {ErrorCode::kUpdate, "E_UPDATE", kBadArgument},
    {ErrorCode::kUpdateConflict, "E_UPDATE_CONFLICT", kBadArgument},
    {ErrorCode::kPathType, "E_PATH_TYPE", kPrecondition},
    {ErrorCode::kType, "E_TYPE", kPrecondition},
    {ErrorCode::kOverflow, "E_OVERFLOW", absl::StatusCode::kOutOfRange},
    {ErrorCode::kDuplicateId, "E_DUPLICATE_ID", absl::StatusCode::kAlreadyExists},
    {ErrorCode::kUnique, "E_UNIQUE", absl::StatusCode::kAlreadyExists},
    {ErrorCode::kIndex, "E_INDEX", kBadArgument},
    {ErrorCode::kParallelArrays, "E_INDEX_PARALLEL_ARRAYS", kPrecondition},
    {ErrorCode::kKeyTooLarge, "E_KEY_TOO_LARGE", kBadArgument},
    {ErrorCode::kNoIndex, "E_NO_INDEX", kPrecondition},
    {ErrorCode::kRevMismatch, "E_REV_MISMATCH", absl::StatusCode::kAborted},
    {ErrorCode::kHistoryTruncated, "E_HISTORY_TRUNCATED", absl::StatusCode::kOutOfRange},
    {ErrorCode::kReadOnly, "E_READ_ONLY", absl::StatusCode::kUnavailable},
    {ErrorCode::kStoreInUse, "E_STORE_IN_USE", kPrecondition},
    {ErrorCode::kOverloaded, "E_OVERLOADED", absl::StatusCode::kResourceExhausted},
    {ErrorCode::kBatch, "E_BATCH", kBadArgument},
    {ErrorCode::kFeedLagged, "E_FEED_LAGGED", absl::StatusCode::kOutOfRange},
    {ErrorCode::kBadPassphrase, "E_BAD_PASSPHRASE", absl::StatusCode::kPermissionDenied},
    {ErrorCode::kAppendOnly, "E_APPEND_ONLY", kPrecondition},
    {ErrorCode::kPolicy, "E_POLICY", kBadArgument},
    {ErrorCode::kSynced, "E_SYNCED", kPrecondition},
};

// A long value is cut between two characters.
std::string Shown(std::string_view value) {
  if (value.size() <= kValueBytesShown) return std::string(value);
  size_t end = kValueBytesShown;
  while (end > 0 && (static_cast<uint8_t>(value[end]) & 0xC0) == 0x80) --end;
  return std::string(value.substr(0, end)) + "...";
}

const CodeInfo& InfoOf(ErrorCode code) {
  for (const CodeInfo& info : kCodes) {
    if (info.code == code) return info;
  }
  return kCodes[0];
}

}  // namespace

std::string_view NameOf(ErrorCode code) { return InfoOf(code).name; }

absl::Status Error(ErrorCode code, std::string_view field, std::string_view value,
                   std::string_view reason) {
  const CodeInfo& info = InfoOf(code);
  const std::string shown = Shown(value);
  std::string text(info.name);
  text += ": ";
  if (!field.empty()) text.append("field '").append(field).append("'");
  if (!value.empty()) {
    if (!field.empty()) text += ", ";
    text.append("value ").append(shown);
  }
  if (!field.empty() || !value.empty()) text += ": ";
  text.append(reason);
  absl::Status status(info.status, text);
  status.SetPayload(kFieldPayload, absl::Cord(std::string(field)));
  status.SetPayload(kValuePayload, absl::Cord(shown));
  status.SetPayload(kReasonPayload, absl::Cord(std::string(reason)));
  return status;
}

std::optional<ErrorDetail> DetailOf(const absl::Status& status) {
  if (CodeOf(status).empty()) return std::nullopt;
  const auto payload = [&](const char* name) {
    return std::string(status.GetPayload(name).value_or(absl::Cord()));
  };
  return ErrorDetail{std::string(CodeOf(status)), payload(kFieldPayload), payload(kValuePayload),
                     payload(kReasonPayload)};
}

std::string_view CodeOf(const absl::Status& status) {
  const std::string_view text(status.message().data(), status.message().size());
  if (text.substr(0, 2) != "E_") return {};
  return text.substr(0, text.find(':'));
}

bool Is(const absl::Status& status, ErrorCode code) { return CodeOf(status) == NameOf(code); }

}  // namespace lockstep::docs
