#include "sim/draws.h"

#include <algorithm>
#include <bit>

#include "framework/base/check.h"
#include "sim/stream_class.h"

namespace lockstep::sim {
namespace {

using Wide = unsigned __int128;

// Uniform in [0, bound) out of 64 random bits.
uint64_t Scale(uint64_t bits, uint64_t bound) {
  return static_cast<uint64_t>((static_cast<Wide>(bits) * bound) >> 64);
}

constexpr uint64_t kOne = 65536;  // 1 in 16.16 fixed point

// log2(x) in 16.16 fixed point, to within 1%: between powers of two, log2(1+f) is about
// f + 0.344 f (1-f). REQUIRES: x > 0.
uint64_t Log2(uint64_t x) {
  const int exponent = 63 - std::countl_zero(x);
  const uint64_t fraction = exponent == 0 ? 0 : (x << (64 - exponent)) >> 48;
  const uint64_t bend = (fraction * (kOne - fraction) >> 16) * 22525 >> 16;
  return static_cast<uint64_t>(exponent) * kOne + fraction + bend;
}

// 2^x for x in 16.16 fixed point; 2^f is about 1 + f - 0.344 f (1-f).
uint64_t Exp2(uint64_t x) {
  const uint64_t fraction = x % kOne;
  const uint64_t bend = (fraction * (kOne - fraction) >> 16) * 22525 >> 16;
  return static_cast<uint64_t>((static_cast<Wide>(kOne + fraction - bend) << (x / kOne)) >> 16);
}

// -ln(bits / 2^64) in 16.16 fixed point.
uint64_t NegativeLn(uint64_t bits) {
  const uint64_t log2 = 64 * kOne - Log2(std::max<uint64_t>(bits, 1));
  return log2 * 45426 >> 16;  // ln 2
}

Duration ExponentialOf(uint64_t bits, Duration mean) {
  const uint64_t factor = std::min(NegativeLn(bits), 20 * kOne);
  return Duration(static_cast<int64_t>((static_cast<Wide>(mean.count()) * factor) >> 16));
}

uint64_t MapKey(Stream stream, uint64_t key) { return KeyOf(stream.id(), key); }

}  // namespace

Draws::Draws(uint64_t seed, const Tape* replay) : seed_(seed), replaying_(replay != nullptr) {
  tape_.seed = seed;
  if (!replaying_) return;
  CHECK_EQ(replay->seed, seed) << "a tape belongs to its seed";
  for (const TapeEntry& entry : replay->entries) {
    if (entry.stream == kFreshDisasters.id()) {
      fresh_ = entry.value;
      continue;
    }
    replay_[KeyOf(entry.stream, entry.key, entry.ordinal)] = entry.value;
    uint64_t& end = replay_ends_[KeyOf(entry.stream, entry.key)];
    end = std::max(end, entry.ordinal + 1);
  }
}

uint64_t Draws::ReplayEnd(Stream stream, uint64_t key) const {
  const auto end = replay_ends_.find(MapKey(stream, key));
  return end == replay_ends_.end() ? 0 : end->second;
}

bool Draws::IsFresh(Stream stream) const {
  if (fresh_ == 0) return false;
  const StreamClass what = ClassOf(stream.name());
  return what == StreamClass::kDisaster || what == StreamClass::kFault;
}

uint64_t Draws::Bits(Stream stream, uint64_t key, uint64_t ordinal) const {
  return base::KeyedDraw(replaying_ ? base::Mix64(seed_ + base::Mix64(fresh_)) : seed_,
                         stream.name(), key, ordinal);
}

uint64_t Draws::NextOrdinal(Stream stream, uint64_t key) {
  return ordinals_[MapKey(stream, key)]++;
}

uint64_t Draws::Replayed(Stream stream, uint64_t key, uint64_t ordinal, uint64_t benign) {
  const auto entry = replay_.find(KeyOf(stream.id(), key, ordinal));
  if (entry == replay_.end()) return benign;
  ++replay_used_;
  return entry->second;
}

uint64_t Draws::Decided(Stream stream, uint64_t key, uint64_t ordinal, uint64_t value,
                        uint64_t benign) {
  if (value == benign || !recording_) return value;
  if (!tape_.stream_names.contains(stream.id())) {
    tape_.stream_names.emplace(stream.id(), stream.name());
  }
  tape_.entries.push_back({stream.id(), key, ordinal, value});
  return value;
}

bool Draws::Chance(Stream stream, uint64_t key, uint64_t ppm) {
  const uint64_t ordinal = NextOrdinal(stream, key);
  uint64_t happens = 0;
  if (replaying(stream)) {
    happens = Replayed(stream, key, ordinal, 0);
  } else if (ppm > 0) {
    happens = Scale(Bits(stream, key, ordinal), kMillion) < ppm;
  }
  return Decided(stream, key, ordinal, happens, 0) != 0;
}

uint64_t Draws::Range(Stream stream, uint64_t key, uint64_t low, uint64_t high, uint64_t benign) {
  CHECK_LE(low, high) << stream.name();
  const uint64_t ordinal = NextOrdinal(stream, key);
  const uint64_t value = replaying(stream)
                             ? Replayed(stream, key, ordinal, benign)
                             : low + Scale(Bits(stream, key, ordinal), high - low + 1);
  return Decided(stream, key, ordinal, value, benign);
}

uint64_t Draws::LogUniform(Stream stream, uint64_t key, uint64_t low, uint64_t high,
                           uint64_t benign) {
  CHECK_GT(low, 0u) << stream.name();
  CHECK_LE(low, high) << stream.name();
  const uint64_t ordinal = NextOrdinal(stream, key);
  uint64_t value = benign;
  if (replaying(stream)) {
    value = Replayed(stream, key, ordinal, benign);
  } else {
    const uint64_t span = Log2(high) - Log2(low) + 1;
    const uint64_t bits = Bits(stream, key, ordinal);
    value = std::clamp(Exp2(Log2(low) + Scale(bits, span)), low, high);
  }
  return Decided(stream, key, ordinal, value, benign);
}

Duration Draws::Exponential(Stream stream, uint64_t key, Duration mean) {
  CHECK_GE(mean.count(), 0) << stream.name();
  const uint64_t ordinal = NextOrdinal(stream, key);
  uint64_t value = 0;
  if (replaying(stream)) {
    value = Replayed(stream, key, ordinal, 0);
  } else if (mean.count() > 0) {
    value = static_cast<uint64_t>(ExponentialOf(Bits(stream, key, ordinal), mean).count());
  }
  return Duration(static_cast<int64_t>(Decided(stream, key, ordinal, value, 0)));
}

VirtualTime Draws::Moment(Stream stream, uint64_t key, VirtualTime now, Duration mean) {
  const uint64_t ordinal = NextOrdinal(stream, key);
  uint64_t at = 0;
  if (replaying(stream)) {
    at = Replayed(stream, key, ordinal, 0);
  } else if (mean.count() > 0) {
    at = static_cast<uint64_t>((now + ExponentialOf(Bits(stream, key, ordinal), mean)).ns);
  }
  return VirtualTime{static_cast<int64_t>(Decided(stream, key, ordinal, at, 0))};
}

uint64_t Draws::Entropy(Stream stream, uint64_t key) {
  return base::KeyedDraw(seed_, stream.name(), key, NextOrdinal(stream, key));
}

}  // namespace lockstep::sim
