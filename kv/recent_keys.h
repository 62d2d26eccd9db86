// RecentKeys: what a put needs to know of the version that it replaces, without its value, for the
// keys that were written last. Spares the store a search for most writes of keys that are written
// often.
#ifndef LOCKSTEP_KV_RECENT_KEYS_H_
#define LOCKSTEP_KV_RECENT_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "kv/record.h"

namespace lockstep::kv {

// A cache of rows in kPrimary: whatever it knows is what the store holds. Two generations: a full
// young one becomes the old one, and what was in the old one is forgotten. Does not suspend.
class RecentKeys final {
 public:
  // The row's content with an empty value, valid until the next call; null if it is not known.
  const Newest* Find(std::string_view key);
  void Put(std::string_view key, const Newest& newest);
  void Erase(std::string_view key);
  void Clear();

 private:
  static constexpr size_t kGenerationMax = 8192;
  // Longer keys are not worth their memory.
  static constexpr size_t kKeyBytesMax = 256;

  struct Row final {
    Revision mod;
    int64_t create = 0;
    int64_t version = 0;
    int64_t lease = 0;
    size_t older_count = 0;
    std::string older;
  };
  using Generation = absl::flat_hash_map<std::string, Row>;

  const Newest* Show(const Row& row);
  // Never iterated: its order differs from run to run.
  Generation young_;
  Generation old_;
  Newest shown_;
};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_RECENT_KEYS_H_
