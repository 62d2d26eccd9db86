// Where things are in the columns: the keys under which the key-value store keeps its state.
//
//   kPrimary  'k' key                          the newest version of a key that exists, and the
//                                              revisions of the ones before
//             00 "head", 00 "sweep"            scalars (head.h)
//   kIndex    'r' main:8 sub:4                 every stored version, in the order of the changes
//   kHistory  escaped(key) ~main:8 ~sub:4      blocks of revisions of older versions and
//                                              tombstones, by the oldest of each, newest first
//             'l' ...                          kept free for leases
//
// Integers are big-endian; ~ inverts the bits, so that newer sorts first. escaped() writes 00 as
// 00 FF and ends with 00 01, which keeps the order of keys whatever follows.
#ifndef LOCKSTEP_KV_KEY_CODEC_H_
#define LOCKSTEP_KV_KEY_CODEC_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/revision.h"

namespace lockstep::kv {

inline constexpr std::string_view kHeadKey{"\0head", 5};
inline constexpr std::string_view kSweepKey{"\0sweep", 6};
inline constexpr char kUserKeyPrefix = 'k';
inline constexpr char kRevisionPrefix = 'r';
// The first keys after the ones above.
inline constexpr std::string_view kUserKeysEnd{"l"};
inline constexpr std::string_view kRevisionsEnd{"s"};

std::string PrimaryKey(std::string_view key);

// Orders before every version of `key` and after every version of smaller keys.
std::string HistoryPrefix(std::string_view key);
std::string HistoryKey(std::string_view key, Revision revision);
struct HistoryPlace final {
  std::string key;
  Revision revision;
};
// DATA_LOSS for bytes that HistoryKey never writes.
absl::StatusOr<HistoryPlace> DecodeHistoryKey(std::string_view bytes);

std::string RevisionKey(Revision revision);
absl::StatusOr<Revision> DecodeRevisionKey(std::string_view bytes);

// A set of user keys as requests name it. Views of the request's fields.
class KeyRange final {
 public:
  // etcd's rules: an empty range_end means the one key, a single zero byte means no end.
  KeyRange(std::string_view key, std::string_view range_end);

  bool is_point() const { return kind_ == Kind::kPoint; }
  std::string_view begin() const { return begin_; }
  // Whether `key` lies before the end. The caller knows that it is not before begin().
  bool EndsAfter(std::string_view key) const {
    if (kind_ == Kind::kUnbounded) return true;
    return kind_ == Kind::kPoint ? key == begin_ : key < end_;
  }

 private:
  enum class Kind { kPoint, kBounded, kUnbounded };
  Kind kind_;
  std::string_view begin_;
  std::string_view end_;
};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_KEY_CODEC_H_
