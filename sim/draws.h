// Draws: every decision that the simulator takes at random.
//
// Randomness is keyed, not sequential: a draw is a pure function of (seed, stream, key, ordinal),
// where the ordinal counts the draws of that stream and key. Taking one decision away leaves every
// other one as it was, which is what makes failing runs shrinkable.
#ifndef LOCKSTEP_SIM_DRAWS_H_
#define LOCKSTEP_SIM_DRAWS_H_

#include <cstdint>
#include <string_view>

#include "absl/container/flat_hash_map.h"  // lint: allow(hash_container) see ordinals_
#include "framework/base/random.h"
#include "framework/base/time.h"
#include "sim/tape.h"
#include "sim/virtual_time.h"

namespace lockstep::sim {

// FNV-1a of the name; how a stream is called on a tape.
constexpr uint64_t StreamId(std::string_view name) {
  uint64_t hash = 0xCBF29CE484222325ull;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return hash;
}

// Names a kind of decision ("net.delay"). Made of literals; a value.
class Stream final {
 public:
  // Implicit, so that call sites read Chance("net.reset", ...).
  constexpr Stream(const char* name) : name_(name), id_(StreamId(name_)) {}  // NOLINT
  constexpr std::string_view name() const { return name_; }
  constexpr uint64_t id() const { return id_; }

 private:
  std::string_view name_;
  uint64_t id_;
};

// Folds several numbers into the key of a draw (a link and a connection; a file and a page).
constexpr uint64_t KeyOf(uint64_t a) { return base::Mix64(a + 0x9E3779B97F4A7C15ull); }
template <typename... Rest>
constexpr uint64_t KeyOf(uint64_t a, Rest... rest) {
  return base::Mix64(KeyOf(static_cast<uint64_t>(rest)...) ^ (a * 0xD6E8FEB86659FD93ull));
}

inline constexpr uint32_t kMillion = 1'000'000;

// Invariants:
//   1. The n-th draw of a (stream, key) has the ordinal n, whatever it decided, recorded or
//      replayed: entries of a tape keep their meaning when others are removed.
//   2. A decision is on the tape if and only if it differs from its benign default.
// Owned by a World. Never suspends. All arithmetic is in integers: a run is the same on every
// machine.
class Draws final {
 public:
  // With `replay`, decisions come from that tape, benign where it has no entry. The tape is copied.
  // If it has an entry of kFreshDisasters, disasters and faults are not replayed, but drawn, from
  // the seed and that entry's value.
  Draws(uint64_t seed, const Tape* replay);
  static constexpr Stream kFreshDisasters = "fresh.disasters";

  // Whether something of probability `ppm` in a million happens. Benign: it does not.
  bool Chance(Stream stream, uint64_t key, uint64_t ppm);
  // Uniform in [low, high]; `benign` need not lie in it. REQUIRES: low <= high.
  uint64_t Range(Stream stream, uint64_t key, uint64_t low, uint64_t high, uint64_t benign);
  // Uniform over the orders of magnitude in [low, high]. REQUIRES: 0 < low <= high.
  uint64_t LogUniform(Stream stream, uint64_t key, uint64_t low, uint64_t high, uint64_t benign);
  // Exponential of the given mean, at most 20 means. Benign: zero.
  Duration Exponential(Stream stream, uint64_t key, Duration mean);
  // The instant of something that strikes an exponential time after `now`; at most 20 means. On the
  // tape as the instant itself, so that one strike of a chain can be taken away. Benign: never,
  // which is zero.
  VirtualTime Moment(Stream stream, uint64_t key, VirtualTime now, Duration mean);
  // A decision that somebody else took, for the tape: `value`, or under replay what the tape says.
  uint64_t Given(Stream stream, uint64_t key, uint64_t value, uint64_t benign) {
    return Range(stream, key, value, value, benign);
  }
  // Bits that are no fault and have no benign value (what product code asks for, garbage bytes):
  // never on the tape, the same under replay.
  uint64_t Entropy(Stream stream, uint64_t key);

  // No replay from now on: draws from another seed, made of this one and the salt.
  void GoFresh(uint64_t salt) {
    replaying_ = false;
    seed_ = base::Mix64(seed_ + base::Mix64(salt));
  }
  // Fault draws are on the tape from now on, or no longer. On at first.
  void set_recording(bool recording) { recording_ = recording; }
  uint64_t seed() const { return seed_; }
  const Tape& tape() const { return tape_; }
  // Whether decisions of this stream come from a tape.
  bool replaying(Stream stream) const { return replaying_ && !IsFresh(stream); }
  // How many decisions of that stream and key the replayed tape may know: its highest ordinal + 1.
  uint64_t ReplayEnd(Stream stream, uint64_t key) const;
  // Entries of the replayed tape that no draw has asked for ("tape drift").
  size_t unused_replay_entries() const { return replay_.size() - replay_used_; }

 private:
  bool IsFresh(Stream stream) const;
  // Random bits of a decision that is drawn.
  uint64_t Bits(Stream stream, uint64_t key, uint64_t ordinal) const;
  uint64_t NextOrdinal(Stream stream, uint64_t key);
  // The decision on the replayed tape, or the benign one.
  uint64_t Replayed(Stream stream, uint64_t key, uint64_t ordinal, uint64_t benign);
  uint64_t Decided(Stream stream, uint64_t key, uint64_t ordinal, uint64_t value, uint64_t benign);

  uint64_t seed_;
  bool replaying_;
  uint64_t fresh_ = 0;  // for fresh disasters under replay; zero: there are none
  bool recording_ = true;
  Tape tape_;
  // Hash maps, because a draw happens several times per event; they are probed, never iterated.
  absl::flat_hash_map<uint64_t, uint64_t> ordinals_;     // lint: allow(hash_container) probed only
  absl::flat_hash_map<uint64_t, uint64_t> replay_;       // lint: allow(hash_container) probed only
  absl::flat_hash_map<uint64_t, uint64_t> replay_ends_;  // lint: allow(hash_container) probed only
  size_t replay_used_ = 0;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_DRAWS_H_
