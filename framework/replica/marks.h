// What simulated replicas have to go through now and then; see framework/base/marks.h.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_MARKS_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_MARKS_H_

#include <array>

#include "framework/base/marks.h"

namespace lockstep::replica {

using marks::Mark;

inline constexpr Mark kMarkRetryAnswered{"replica.retry_answered_from_session"};
inline constexpr Mark kMarkSentAgain{"replica.proposals_sent_again"};
inline constexpr Mark kMarkAnswerInSnapshot{"replica.answer_found_in_snapshot"};
inline constexpr Mark kMarkSnapshotInstalled{"replica.snapshot_installed"};
inline constexpr Mark kMarkSnapshotOvertakes{"replica.snapshot_overtakes_entries"};
inline constexpr Mark kMarkSnapshotResumed{"replica.snapshot_resumed"};
inline constexpr Mark kMarkCompactedPastFollower{"replica.compacted_past_follower"};
inline constexpr Mark kMarkTornTail{"replica.torn_tail_cut"};
inline constexpr Mark kMarkDamageRefused{"replica.damage_refused"};
inline constexpr Mark kMarkRecoveryInterrupted{"replica.recovery_interrupted"};
inline constexpr Mark kMarkLogWaitsForSpace{"replica.log_waits_for_space"};
inline constexpr Mark kMarkStoreWaitsForSpace{"replica.store_waits_for_space"};
inline constexpr Mark kMarkScrubFoundLog{"replica.scrub_found_damage_in_log"};
inline constexpr Mark kMarkScrubFoundStore{"replica.scrub_found_damage_in_store"};
inline constexpr Mark kMarkPeerIsOlder{"replica.peer_speaks_an_older_version"};

inline constexpr Mark kMarkRefusedByLeader{"replica.request_refused_by_leader"};
inline constexpr Mark kMarkLogFull{"replica.log_is_full"};
inline constexpr Mark kMarkCopyNotAppended{"replica.copy_of_appended_request"};
inline constexpr Mark kMarkTooManyPending{"replica.too_many_pending"};
inline constexpr Mark kMarkSnapshotGivesWay{"replica.snapshot_gives_way"};

// Rare: no run of a few hundred universes has to reach it.
inline constexpr Mark kMarkAppendHeldOff{"replica.append_held_off_by_full_log"};
inline constexpr Mark kMarkWouldBeLate{"replica.request_would_be_late"};
inline constexpr Mark kMarkLargeWouldBeLate{"replica.large_request_would_be_late"};

inline constexpr std::array kMarks = {
    kMarkRetryAnswered,         kMarkSentAgain,         kMarkAnswerInSnapshot,
    kMarkSnapshotInstalled,     kMarkSnapshotOvertakes, kMarkSnapshotResumed,
    kMarkCompactedPastFollower, kMarkTornTail,          kMarkDamageRefused,
    kMarkRecoveryInterrupted,   kMarkLogWaitsForSpace,  kMarkStoreWaitsForSpace,
    kMarkScrubFoundLog,         kMarkScrubFoundStore,   kMarkPeerIsOlder,
    kMarkRefusedByLeader,       kMarkLogFull,           kMarkCopyNotAppended,
    kMarkTooManyPending,        kMarkSnapshotGivesWay};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_MARKS_H_
