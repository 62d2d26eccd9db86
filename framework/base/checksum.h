// Checksums of everything that is stored or sent, and the hash behind the simulator's event hash.
#ifndef LOCKSTEP_FRAMEWORK_BASE_CHECKSUM_H_
#define LOCKSTEP_FRAMEWORK_BASE_CHECKSUM_H_

#include <cstdint>
#include <string_view>

namespace lockstep::base {

// XXH3-64 of the bytes. `seed` binds the checksum to a place (a segment and offset, a connection),
// so that intact bytes in the wrong place do not pass.
uint64_t Checksum64(std::string_view bytes, uint64_t seed = 0);

}  // namespace lockstep::base

#endif  // LOCKSTEP_FRAMEWORK_BASE_CHECKSUM_H_
