// Envelope: what the payload of a kCommand entry holds: a command, and whose request it is.
//
// Layout (docs/formats.md "Command envelope"), little-endian: u8 kind, u64 session, u64 number,
// u64 acked_below or owner, command bytes.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_ENVELOPE_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_ENVELOPE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "framework/base/ids.h"

namespace lockstep::replica {

enum class EnvelopeKind : uint8_t {
  kRegister = 1,  // opens `session` for `owner` and closes the sessions of its earlier incarnations
  kCommand = 2,   // request `number` of `session`
  kMembers = 3,   // the same; the command is a MemberChange, for the framework itself
  kAgree = 4,     // the same; the command is a protocol version in digits (agreement.h)
};

struct Envelope final {
  EnvelopeKind kind = EnvelopeKind::kCommand;
  SessionId session;
  RequestNumber number;
  // The client has seen the results of all requests below this: they may be forgotten.
  RequestNumber acked_below;  // kCommand, kMembers
  NodeId owner;               // kRegister
  std::string_view command;   // borrowed from the payload
};

inline constexpr size_t kEnvelopeHeaderBytes = 25;

std::string EncodeEnvelope(const Envelope& envelope);
// Nothing if the bytes are no envelope.
std::optional<Envelope> DecodeEnvelope(std::string_view payload);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_ENVELOPE_H_
