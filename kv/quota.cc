#include "kv/quota.h"

namespace lockstep::kv {
namespace {

constexpr Duration kFresh = Milliseconds(100);

}  // namespace

void Quota::Refresh(MonoTime now, int64_t store_bytes) {
  used_bytes_ = store_bytes;
  fresh_until_ = now + kFresh;
}

bool Quota::Admit(size_t cost) {
  const auto bytes = static_cast<int64_t>(cost);
  if (is_limited() && bytes_max_ - used_bytes_ <= bytes) return false;
  used_bytes_ += bytes;
  return true;
}

}  // namespace lockstep::kv
