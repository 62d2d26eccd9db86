#include "docs-memory/store/policy.h"

#include <string>
#include <utility>

#include "docs-memory/bson/error.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

constexpr int64_t kVersionsMax = 1'000'000;

absl::Status CheckRange(const char* name, const std::optional<int64_t>& value, int64_t min,
                        int64_t max) {
  if (!value || (*value >= min && *value <= max)) return absl::OkStatus();
  return Error(ErrorCode::kPolicy, name, std::to_string(*value),
               "must be " + std::to_string(min) + " to " + std::to_string(max));
}

}  // namespace

absl::Status CollectionPolicy::Check() const {
  constexpr int64_t kLongest = int64_t{1} << 52;  // times with it never overflow
  RETURN_IF_ERROR(CheckRange("history_ms", history_ms, 0, kLongest));
  RETURN_IF_ERROR(CheckRange("versions_max", versions_max, 0, kVersionsMax));
  return CheckRange("expire_after_ms", expire_after_ms, 1, kLongest);
}

Document CollectionPolicy::Describe() const {
  std::string bytes;
  Writer writer(bytes);
  if (history_ms) writer.AppendInt64("history_ms", *history_ms);
  if (versions_max) writer.AppendInt64("versions_max", *versions_max);
  if (expire_after_ms) writer.AppendInt64("expire_after_ms", *expire_after_ms);
  if (append_only) writer.AppendBool("append_only", true);
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

CollectionPolicy CollectionPolicy::FromDocument(std::string_view document) {
  CollectionPolicy policy;
  if (const auto value = FindField(document, "history_ms")) policy.history_ms = value->int64();
  if (const auto value = FindField(document, "versions_max")) policy.versions_max = value->int64();
  if (const auto value = FindField(document, "expire_after_ms"))
    policy.expire_after_ms = value->int64();
  policy.append_only = FindField(document, "append_only").has_value();
  return policy;
}

}  // namespace lockstep::docs
