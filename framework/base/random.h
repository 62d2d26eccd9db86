// Randomness as a value: whoever holds a generator was handed its seed.
#ifndef LOCKSTEP_FRAMEWORK_BASE_RANDOM_H_
#define LOCKSTEP_FRAMEWORK_BASE_RANDOM_H_

#include <cstdint>
#include <string_view>

namespace lockstep::base {

// Mixes 64 bits so that every input bit touches every output bit (the finaliser of SplitMix64,
// Steele et al., OOPSLA 2014).
constexpr uint64_t Mix64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

// A small sequential generator (SplitMix64). A value; equal seeds give equal sequences.
class SequentialRandom final {
 public:
  constexpr explicit SequentialRandom(uint64_t seed) : state_(seed) {}

  constexpr uint64_t Next() { return Mix64(state_ += 0x9E3779B97F4A7C15ull); }

  // Uniform in [0, bound). REQUIRES: bound > 0. (Multiply-shift; the bias is below 2^-32 for the
  // bounds that are used.)
  constexpr uint64_t Below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * bound) >> 64);
  }

 private:
  uint64_t state_;
};

// Keyed randomness: a pure function of (seed, stream, key, ordinal). Taking one draw away leaves
// every other draw as it was, which is what makes a failing run shrinkable. SipHash-1-3 of the
// arguments. `stream` names the decision ("net.delay"); `key` says whose (a link, a file, a node);
// `ordinal` counts the decisions of that key.
uint64_t KeyedDraw(uint64_t seed, std::string_view stream, uint64_t key, uint64_t ordinal);

}  // namespace lockstep::base

#endif  // LOCKSTEP_FRAMEWORK_BASE_RANDOM_H_
