// Quota: whether this node's store may still grow, as etcd's --quota-backend-bytes means it.
#ifndef LOCKSTEP_KV_QUOTA_H_
#define LOCKSTEP_KV_QUOTA_H_

#include <cstddef>
#include <cstdint>

#include "framework/base/time.h"

namespace lockstep::kv {

// etcd's, for an operator who names none.
inline constexpr int64_t kDefaultQuotaBytes = int64_t{2} * 1024 * 1024 * 1024;

// The size of the store is asked for now and then only; what was admitted since is added to it.
// A value; belongs to the service.
class Quota final {
 public:
  // 0: etcd's default. Negative: none.
  explicit Quota(int64_t bytes_max) : bytes_max_(bytes_max == 0 ? kDefaultQuotaBytes : bytes_max) {}

  bool is_limited() const { return bytes_max_ > 0; }
  // For Status; 0 if there is none.
  int64_t bytes_max() const { return is_limited() ? bytes_max_ : 0; }
  bool is_stale(MonoTime now) const { return now >= fresh_until_; }
  void Refresh(MonoTime now, int64_t store_bytes);
  // Whether `cost` bytes may be put; if so, they are counted.
  bool Admit(size_t cost);

 private:
  int64_t bytes_max_;
  int64_t used_bytes_ = 0;
  MonoTime fresh_until_;
};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_QUOTA_H_
