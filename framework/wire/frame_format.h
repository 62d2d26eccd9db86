// The header of a peer frame (docs/formats.md, "Peer frames"). Little-endian; the body follows.
#ifndef LOCKSTEP_FRAMEWORK_WIRE_FRAME_FORMAT_H_
#define LOCKSTEP_FRAMEWORK_WIRE_FRAME_FORMAT_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "framework/base/checksum.h"

namespace lockstep::wire {

static_assert(std::endian::native == std::endian::little, "headers are copied as they are");

inline constexpr uint16_t kFrameMagic = 0x4c50;  // "PL" on the wire
inline constexpr uint16_t kFrameVersion = 1;

struct FrameHeader final {
  uint32_t body_bytes;  // a multiple of kAlignment, not 0
  uint16_t magic;
  uint16_t version;
  uint64_t checksum;  // of the body; the eight bytes before are its seed, so it covers them too
};
static_assert(sizeof(FrameHeader) == 16 && offsetof(FrameHeader, checksum) == 8);

inline uint64_t FrameChecksum(const FrameHeader& header, std::string_view body) {
  uint64_t seed = 0;
  std::memcpy(&seed, &header, sizeof(seed));
  return base::Checksum64(body, seed);
}

}  // namespace lockstep::wire

#endif  // LOCKSTEP_FRAMEWORK_WIRE_FRAME_FORMAT_H_
