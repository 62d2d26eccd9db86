// The agreed version: what the log may hold.
//
// A connection's version is between two nodes; what is in the log is read by all, also by those who
// join later and by a program that is taken back. So an entry of a kind that came with protocol
// version v is proposed only when the members have agreed on v (docs/decisions/0022).
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_AGREEMENT_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_AGREEMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/machine/ordered_store.h"
#include "framework/raft/entry.h"
#include "framework/replica/envelope.h"
#include "framework/wire/frames.h"

namespace lockstep::replica {

// The version that an entry's payload needs to be understood.
uint32_t VersionNeeded(const raft::Payload& payload);
uint32_t VersionNeeded(EnvelopeKind kind);

std::string EncodeVersion(uint32_t version);
// Nothing if the text is no version.
std::optional<uint32_t> DecodeVersion(std::string_view text);

// What one group's members have agreed on, as replicated state: a row of Column::kSystem, so that
// it is in every snapshot. Never goes down. Owned by the Applier, used by its fiber only, but for
// version(). Only Load suspends.
class Agreement final {
 public:
  absl::Status Load(Fiber& fiber, const machine::StoreView& view);
  // Raises it. (A malformed or a smaller one changes nothing.)
  void Apply(std::string_view version, machine::StoreTransaction& store);
  uint32_t version() const { return version_; }

 private:
  uint32_t version_ = wire::kProtocolVersionMin;
};

// What a program that speaks up to `speaks` says to somebody who has agreed on more.
absl::Status TooOldFor(uint32_t agreed, uint32_t speaks);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_AGREEMENT_H_
