#include "framework/replica/agreement.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"
#include "framework/replica/keys.h"

namespace lockstep::replica {

uint32_t VersionNeeded(EnvelopeKind kind) {
  return kind == EnvelopeKind::kAgree ? wire::kAgreeingVersion : wire::kProtocolVersionMin;
}

uint32_t VersionNeeded(const raft::Payload& payload) {
  if (payload == nullptr || payload->empty()) return wire::kProtocolVersionMin;
  return VersionNeeded(static_cast<EnvelopeKind>(payload->front()));
}

std::string EncodeVersion(uint32_t version) { return absl::StrCat(version); }

std::optional<uint32_t> DecodeVersion(std::string_view text) {
  uint32_t version = 0;
  if (!absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &version)) return std::nullopt;
  return version > 0 ? std::optional(version) : std::nullopt;
}

absl::Status Agreement::Load(Fiber& fiber, const machine::StoreView& view) {
  ASSIGN_OR_RETURN(const auto row, view.Get(fiber, machine::Column::kSystem, kAgreedKey));
  version_ = wire::kProtocolVersionMin;
  if (!row) return absl::OkStatus();
  const std::optional<uint32_t> known = DecodeVersion(*row);
  if (!known) return absl::DataLossError("a malformed row of the agreed version");
  version_ = *known;
  return absl::OkStatus();
}

void Agreement::Apply(std::string_view version, machine::StoreTransaction& store) {
  const std::optional<uint32_t> wanted = DecodeVersion(version);
  if (!wanted || *wanted <= version_) return;
  version_ = *wanted;
  store.Put(machine::Column::kSystem, kAgreedKey, EncodeVersion(version_));
}

absl::Status TooOldFor(uint32_t agreed, uint32_t speaks) {
  return absl::FailedPreconditionError(absl::StrCat(
      "the members have agreed on protocol version ", agreed,
      ", and this program speaks only up to ", speaks, ": start the node with the newer program"));
}

}  // namespace lockstep::replica
