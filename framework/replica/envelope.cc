#include "framework/replica/envelope.h"

#include <cstring>

namespace lockstep::replica {
namespace {

// Little-endian hosts only, as everything that Debian runs RocksDB on.
void PutU64(std::string* out, uint64_t value) {
  char bytes[8];
  std::memcpy(bytes, &value, 8);
  out->append(bytes, 8);
}

uint64_t GetU64(std::string_view bytes, size_t at) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, 8);
  return value;
}

}  // namespace

std::string EncodeEnvelope(const Envelope& envelope) {
  std::string out;
  out.reserve(kEnvelopeHeaderBytes + envelope.command.size());
  out.push_back(static_cast<char>(envelope.kind));
  PutU64(&out, envelope.session.value());
  PutU64(&out, envelope.number.value());
  PutU64(&out, envelope.kind == EnvelopeKind::kRegister ? envelope.owner.value()
                                                        : envelope.acked_below.value());
  out.append(envelope.command);
  return out;
}

std::optional<Envelope> DecodeEnvelope(std::string_view payload) {
  if (payload.size() < kEnvelopeHeaderBytes) return std::nullopt;
  Envelope envelope;
  const auto kind = static_cast<uint8_t>(payload[0]);
  if (kind != static_cast<uint8_t>(EnvelopeKind::kRegister) &&
      kind != static_cast<uint8_t>(EnvelopeKind::kCommand) &&
      kind != static_cast<uint8_t>(EnvelopeKind::kMembers) &&
      kind != static_cast<uint8_t>(EnvelopeKind::kAgree)) {
    return std::nullopt;
  }
  envelope.kind = static_cast<EnvelopeKind>(kind);
  envelope.session = SessionId(GetU64(payload, 1));
  envelope.number = RequestNumber(GetU64(payload, 9));
  if (envelope.kind == EnvelopeKind::kRegister) {
    envelope.owner = NodeId(GetU64(payload, 17));
  } else {
    envelope.acked_below = RequestNumber(GetU64(payload, 17));
  }
  envelope.command = payload.substr(kEnvelopeHeaderBytes);
  return envelope;
}

}  // namespace lockstep::replica
