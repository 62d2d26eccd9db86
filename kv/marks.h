// What simulated key-value stores have to go through now and then; see framework/base/marks.h.
#ifndef LOCKSTEP_KV_MARKS_H_
#define LOCKSTEP_KV_MARKS_H_

#include <array>

#include "framework/base/marks.h"

namespace lockstep::kv {

using marks::Mark;

inline constexpr Mark kMarkReadOfThePast{"kv.read_of_the_past"};
inline constexpr Mark kMarkCompactedRefused{"kv.compacted_revision_refused"};
inline constexpr Mark kMarkFutureRefused{"kv.future_revision_refused"};
inline constexpr Mark kMarkOlderMoved{"kv.older_versions_moved"};
inline constexpr Mark kMarkSeveralDeleted{"kv.several_keys_deleted"};
inline constexpr Mark kMarkCompareFailed{"kv.compare_failed"};
inline constexpr Mark kMarkNoSpaceRefused{"kv.no_space_refused"};

inline constexpr std::array kMarks = {kMarkReadOfThePast, kMarkCompactedRefused, kMarkFutureRefused,
                                      kMarkOlderMoved,    kMarkSeveralDeleted,   kMarkCompareFailed,
                                      kMarkNoSpaceRefused};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_MARKS_H_
