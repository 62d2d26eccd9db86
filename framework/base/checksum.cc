#include "framework/base/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace lockstep::base {

uint64_t Checksum64(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace lockstep::base
