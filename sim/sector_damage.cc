#include "sim/sector_damage.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "sim/file_image.h"

namespace lockstep::sim {

void SectorDamage::FlipBit(uint64_t byte_offset, uint32_t bit) {
  CHECK_LT(bit, 8u);
  Sector& sector = sectors_[byte_offset / kSectorBytes];
  uint8_t& bits = sector.flipped[static_cast<uint32_t>(byte_offset % kSectorBytes)];
  bits = static_cast<uint8_t>(bits | (1u << bit));
}

void SectorDamage::MakeUnreadable(uint64_t byte_offset) {
  sectors_[byte_offset / kSectorBytes].unreadable = true;
}

void SectorDamage::Overwrite(uint64_t byte_offset, std::string bytes) {
  bytes.resize(kSectorBytes);
  sectors_[byte_offset / kSectorBytes].overwritten = std::move(bytes);
}

void SectorDamage::Clear(uint64_t offset, uint64_t length) {
  if (length == 0) return;
  sectors_.erase(sectors_.lower_bound(offset / kSectorBytes),
                 sectors_.upper_bound((offset + length - 1) / kSectorBytes));
}

absl::Status SectorDamage::Apply(uint64_t offset, absl::Span<char> bytes, World& world) const {
  if (bytes.empty()) return absl::OkStatus();
  const uint64_t end = offset + bytes.size();
  for (auto at = sectors_.lower_bound(offset / kSectorBytes);
       at != sectors_.end() && at->first * kSectorBytes < end; ++at) {
    if (at->second.unreadable) {
      world.CountFault(FaultClass::kLatentSector);
      return absl::DataLossError(absl::StrCat("unreadable sector at ", at->first * kSectorBytes));
    }
    ApplyTo(at->second, at->first * kSectorBytes, offset, bytes, world);
  }
  return absl::OkStatus();
}

void SectorDamage::ApplyTo(const Sector& sector, uint64_t start, uint64_t offset,
                           absl::Span<char> bytes, World& world) {
  const uint64_t end = std::min(start + kSectorBytes, offset + bytes.size());
  const uint64_t from = std::max(start, offset);
  if (!sector.overwritten.empty()) {
    world.CountFault(FaultClass::kMisdirectedWrite);
    std::copy(sector.overwritten.begin() + static_cast<ptrdiff_t>(from - start),
              sector.overwritten.begin() + static_cast<ptrdiff_t>(end - start),
              bytes.begin() + static_cast<ptrdiff_t>(from - offset));
  }
  for (const auto& [at, bits] : sector.flipped) {
    if (start + at < from || start + at >= end) continue;
    world.CountFault(FaultClass::kBitRot);
    char& byte = bytes[start + at - offset];
    byte = static_cast<char>(static_cast<uint8_t>(byte) ^ bits);
  }
}

}  // namespace lockstep::sim
