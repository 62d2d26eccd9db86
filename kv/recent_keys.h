// RecentKeys: what a put needs to know of the version that it replaces, without its value, for the
// keys that were written last. Spares the store a search for most writes of keys that are written
// often.
#ifndef LOCKSTEP_KV_RECENT_KEYS_H_
#define LOCKSTEP_KV_RECENT_KEYS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kv/record.h"

namespace lockstep::kv {

// A cache of rows in kPrimary: whatever it knows is what the store holds. A key has one set of four
// places, which is filled in turn. Memory is taken set by set: at most 16,384 rows. Does not
// suspend.
class RecentKeys final {
 public:
  // The row's content with an empty value, valid until the next call; null if it is not known.
  const Newest* Find(std::string_view key);
  void Put(std::string_view key, const Newest& newest);
  void Erase(std::string_view key);
  void Clear() { sets_.clear(); }

 private:
  static constexpr size_t kSets = 4096;
  static constexpr size_t kWays = 4;
  // Longer keys are not worth their memory.
  static constexpr size_t kKeyBytesMax = 256;

  struct Row final {
    std::string key;
    Newest newest;  // refers to nothing
    std::string older;
    bool used = false;
  };
  struct Set final {
    std::array<Row, kWays> rows;
    size_t next = 0;  // to be filled
  };

  // The key's set; null if it has none yet.
  std::unique_ptr<Set>* SetOf(std::string_view key);
  Row* FindRow(std::string_view key);

  std::vector<std::unique_ptr<Set>> sets_;
  Newest shown_;
};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_RECENT_KEYS_H_
