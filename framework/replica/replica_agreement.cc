// A replica has its members agree on a version (agreement.h).
#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"
#include "framework/raft/configuration.h"
#include "framework/replica/agreement.h"
#include "framework/replica/mutants.h"
#include "framework/replica/replica.h"

namespace lockstep::replica {

absl::Status Replica::AllSpeak(uint32_t version) const {
  // Planted bug M186: nobody is asked.
  if (mutant::Enabled(mutant::kM186AgreedWithoutAll)) return absl::OkStatus();
  const auto check = [&](NodeId member) -> absl::Status {
    if (member == environment_.node) return absl::OkStatus();
    const uint32_t speaks = peers_.VersionOf(member);
    if (speaks >= version) return absl::OkStatus();
    const std::string who = absl::StrCat("member ", absl::Hex(member.value()));
    return absl::FailedPreconditionError(
        speaks == 0
            ? absl::StrCat(who, " is not connected, and may be too old: start it, or remove it")
            : absl::StrCat(who, " speaks protocol version ", speaks, ", not ", version,
                           ": upgrade it first, or remove it"));
  };
  for (const NodeId member : raft::Members(raft_->configuration())) RETURN_IF_ERROR(check(member));
  // Who was added and is in no configuration yet.
  for (const Member& member : members()->members) RETURN_IF_ERROR(check(member.id));
  return absl::OkStatus();
}

bool Replica::MayPropose(const raft::Payload& payload) const {
  const uint32_t needed = VersionNeeded(payload);
  if (needed <= agreed_version()) return true;
  // An agreement is the only kind that may come before it is agreed on.
  return static_cast<EnvelopeKind>(payload->front()) == EnvelopeKind::kAgree &&
         AllSpeak(needed).ok();
}

absl::Status Replica::AgreeOn(Fiber& fiber, uint32_t version, MonoTime deadline) {
  if (version < wire::kAgreeingVersion || version > options_.protocol_version_max) {
    return absl::InvalidArgumentError(
        absl::StrCat("protocol version ", version, " is not from ", wire::kAgreeingVersion, " to ",
                     options_.protocol_version_max, ", which this node speaks"));
  }
  if (raft_->role() != raft::Role::kLeader) {
    return absl::FailedPreconditionError("this node does not lead");
  }
  if (agreed_version() >= version) return absl::OkStatus();
  RETURN_IF_ERROR(AllSpeak(version));
  WakeUp();
  return proposals_.Propose(fiber, EncodeVersion(version), deadline, EnvelopeKind::kAgree).status();
}

}  // namespace lockstep::replica
