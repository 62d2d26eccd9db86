// Encryption at rest: pieces of files, sealed so that nobody without the key reads or changes them.
#ifndef LOCKSTEP_FRAMEWORK_RUNTIME_CIPHER_H_
#define LOCKSTEP_FRAMEWORK_RUNTIME_CIPHER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace lockstep::runtime {

// A row of pieces that share a key of their own. No two streams of a data key may have one id:
// `high` and `low` are drawn at every start, `number` counts within it.
struct SealedStreamId final {
  uint32_t key = 0;  // the data key that the stream's key is made of
  uint64_t high = 0;
  uint64_t low = 0;
  uint64_t number = 0;
  bool operator==(const SealedStreamId&) const = default;
};

// A sealed piece is as long as what it holds, and so many bytes longer.
inline constexpr size_t kSealBytes = 16;

// Seals and opens the pieces of one stream. Immutable: any thread may use it. Does not suspend.
class StreamCipher {
 public:
  virtual ~StreamCipher() = default;
  // Appends the sealed piece. `associated` is not in it but has to be known to open it: where it
  // belongs. REQUIRES: no other piece of the stream has this number, ever.
  virtual void Seal(uint64_t piece, std::string_view associated, std::string_view plain,
                    std::string* out) const = 0;
  // Appends what the piece holds. False: it is not what Seal made for this place and number.
  virtual bool Open(uint64_t piece, std::string_view associated, std::string_view sealed,
                    std::string* out) const = 0;
};

// The keys of a directory. Any thread may use it. Does not suspend.
class Cipher {
 public:
  virtual ~Cipher() = default;
  // The data key of streams that begin now.
  virtual uint32_t current_key() const = 0;
  // Null: the data key is not known (any more).
  virtual std::unique_ptr<const StreamCipher> Stream(const SealedStreamId& id) const = 0;
};

}  // namespace lockstep::runtime

#endif  // LOCKSTEP_FRAMEWORK_RUNTIME_CIPHER_H_
