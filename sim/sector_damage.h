// SectorDamage: what a medium does to bytes that were safe on it once.
#ifndef LOCKSTEP_SIM_SECTOR_DAMAGE_H_
#define LOCKSTEP_SIM_SECTOR_DAMAGE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "sim/world.h"

namespace lockstep::sim {

// The damaged sectors of one file, laid over its contents when they are read: the file itself still
// knows what was written, which is what oracles ask for. Damage is deterministic, so that reading
// again does not help; writing the sector again does. Nothing here suspends.
class SectorDamage final {
 public:
  // The bit is the other one from now on.
  void FlipBit(uint64_t byte_offset, uint32_t bit);
  // The device reports an error whenever the sector is read.
  void MakeUnreadable(uint64_t byte_offset);
  // The sector holds other bytes: a write that was meant for another place.
  void Overwrite(uint64_t byte_offset, std::string bytes);
  // These bytes were written again.
  void Clear(uint64_t offset, uint64_t length);
  bool empty() const { return sectors_.empty(); }

  // Does to `bytes`, just read from `offset`, what has happened to them, and counts it.
  absl::Status Apply(uint64_t offset, absl::Span<char> bytes, World& world) const;

 private:
  struct Sector final {
    bool unreadable = false;
    std::string overwritten;              // if not empty, all of the sector
    std::map<uint32_t, uint8_t> flipped;  // by byte of the sector: which bits
  };
  static void ApplyTo(const Sector& sector, uint64_t start, uint64_t offset, absl::Span<char> bytes,
                      World& world);

  std::map<uint64_t, Sector> sectors_;  // by number
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_SECTOR_DAMAGE_H_
