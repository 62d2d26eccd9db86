#include "framework/base/random.h"

#include <cstring>

namespace lockstep::base {
namespace {

constexpr uint64_t Rotl(uint64_t x, int b) { return (x << b) | (x >> (64 - b)); }

// SipHash (Aumasson, Bernstein 2012) with one compression and three finalisation rounds.
struct SipState {
  uint64_t v0, v1, v2, v3;

  explicit SipState(uint64_t k0, uint64_t k1)
      : v0(k0 ^ 0x736f6d6570736575ull),
        v1(k1 ^ 0x646f72616e646f6dull),
        v2(k0 ^ 0x6c7967656e657261ull),
        v3(k1 ^ 0x7465646279746573ull) {}

  void Round() {
    v0 += v1, v1 = Rotl(v1, 13), v1 ^= v0, v0 = Rotl(v0, 32);
    v2 += v3, v3 = Rotl(v3, 16), v3 ^= v2;
    v0 += v3, v3 = Rotl(v3, 21), v3 ^= v0;
    v2 += v1, v1 = Rotl(v1, 17), v1 ^= v2, v2 = Rotl(v2, 32);
  }
  void Absorb(uint64_t m) {
    v3 ^= m;
    Round();
    v0 ^= m;
  }
  uint64_t Finish() {
    v2 ^= 0xff;
    Round();
    Round();
    Round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

uint64_t KeyedDraw(uint64_t seed, std::string_view stream, uint64_t key, uint64_t ordinal) {
  SipState sip(seed, Mix64(seed + 0x9E3779B97F4A7C15ull));
  sip.Absorb(key);
  sip.Absorb(ordinal);
  const uint64_t length = stream.size();
  while (!stream.empty()) {
    uint64_t word = 0;
    const size_t n = stream.size() < 8 ? stream.size() : 8;
    std::memcpy(&word, stream.data(), n);
    sip.Absorb(word);
    stream.remove_prefix(n);
  }
  sip.Absorb(length << 56);
  return sip.Finish();
}

}  // namespace lockstep::base
