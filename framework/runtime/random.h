#ifndef LOCKSTEP_FRAMEWORK_RUNTIME_RANDOM_H_
#define LOCKSTEP_FRAMEWORK_RUNTIME_RANDOM_H_

#include <cstdint>
#include <string_view>

namespace lockstep::runtime {

// Entropy, by the name of what it is for ("raft.election", "session.id"). In production the name is
// ignored; in a simulation each name is a stream of its own, so that one more draw for one purpose
// changes no other. Does not suspend.
class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t Draw(std::string_view purpose) = 0;
  // Uniform in [0, bound). REQUIRES: bound > 0.
  uint64_t Below(std::string_view purpose, uint64_t bound) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Draw(purpose)) * bound) >> 64);
  }
};

}  // namespace lockstep::runtime

#endif  // LOCKSTEP_FRAMEWORK_RUNTIME_RANDOM_H_
