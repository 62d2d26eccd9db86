// Between the files about members: integers, strings and lists to bytes and back.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_MEMBER_CODEC_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_MEMBER_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "framework/base/ids.h"
#include "framework/replica/member_list.h"

namespace lockstep::replica {

class MemberWriter final {
 public:
  void U8(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void U64(uint64_t value);  // little-endian
  void String(std::string_view value);
  void Write(const Member& member);
  template <typename T, typename One>
  void List(const std::vector<T>& items, const One& one) {
    U64(items.size());
    for (const T& item : items) one(item);
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Whatever does not fit makes it bad for good, and reads as zeros and empty lists.
class MemberReader final {
 public:
  explicit MemberReader(std::string_view bytes) : left_(bytes) {}

  uint8_t U8();
  uint64_t U64();
  std::string String();
  Member ReadMember();
  template <typename One>
  void List(const One& one) {
    const uint64_t count = U64();
    // Every item takes a byte at least.
    if (count > left_.size()) is_good_ = false;
    for (uint64_t i = 0; is_good_ && i < count; ++i) one();
  }
  // Everything was read, and was there.
  bool done() const { return is_good_ && left_.empty(); }

 private:
  std::string_view Cut(size_t bytes);

  std::string_view left_;
  bool is_good_ = true;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_MEMBER_CODEC_H_
