// The bytes of a sealed file (docs/formats.md, "Sealed files"). Little-endian.
//
// A file is a header and pages. A page holds kPageBytes, or fewer where the file was synced or
// closed: a page is never written twice.
#ifndef LOCKSTEP_FRAMEWORK_STORE_SEALED_FORMAT_H_
#define LOCKSTEP_FRAMEWORK_STORE_SEALED_FORMAT_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "framework/base/checksum.h"
#include "framework/runtime/cipher.h"

namespace lockstep::store {

static_assert(std::endian::native == std::endian::little, "headers are copied as they are");

inline constexpr char kSealedMagic[8] = {'L', 'K', 'S', 'T', 'S', 'E', 'A', 'L'};
inline constexpr uint32_t kSealedVersion = 1;
inline constexpr size_t kPageBytes = 4096;

struct SealedHeader final {
  char magic[8];
  uint32_t version;
  uint32_t key;
  uint64_t high;
  uint64_t low;
  uint64_t number;
  uint64_t checksum;  // of all before
};
static_assert(sizeof(SealedHeader) == 48 && offsetof(SealedHeader, checksum) == 40);

// Before each page: how many bytes it holds. It is part of what is sealed.
using PageLength = uint32_t;
inline constexpr size_t kPageOverhead = sizeof(PageLength) + runtime::kSealBytes;
inline constexpr uint64_t kSealedPageBytes = kPageBytes + kPageOverhead;

inline uint64_t ChecksumOf(const SealedHeader& header) {
  return base::Checksum64(
      {reinterpret_cast<const char*>(&header), offsetof(SealedHeader, checksum)});
}

inline SealedHeader MakeSealedHeader(const runtime::SealedStreamId& id) {
  SealedHeader header{};
  std::memcpy(header.magic, kSealedMagic, sizeof(header.magic));
  header.version = kSealedVersion;
  header.key = id.key;
  header.high = id.high;
  header.low = id.low;
  header.number = id.number;
  header.checksum = ChecksumOf(header);
  return header;
}

// How many bytes a file of that size holds, if only its last page is short.
inline uint64_t PlainBytes(uint64_t file_bytes) {
  if (file_bytes <= sizeof(SealedHeader)) return 0;
  const uint64_t pages = file_bytes - sizeof(SealedHeader);
  const uint64_t rest = pages % kSealedPageBytes;
  return pages / kSealedPageBytes * kPageBytes + (rest > kPageOverhead ? rest - kPageOverhead : 0);
}

}  // namespace lockstep::store

#endif  // LOCKSTEP_FRAMEWORK_STORE_SEALED_FORMAT_H_
