// What a simulated Raft has to go through now and then; see framework/base/marks.h.
#ifndef LOCKSTEP_FRAMEWORK_RAFT_MARKS_H_
#define LOCKSTEP_FRAMEWORK_RAFT_MARKS_H_

#include <array>

#include "framework/base/marks.h"

namespace lockstep::raft {

using marks::Mark;

// --- Elections ---
inline constexpr Mark kMarkLeaderWithoutQuorum{"raft.leader_without_quorum"};
inline constexpr Mark kMarkPreVoteLost{"raft.pre_vote_lost"};
inline constexpr Mark kMarkElectionLost{"raft.election_lost"};
inline constexpr Mark kMarkElectionUndecided{"raft.election_undecided"};
inline constexpr Mark kMarkVoteRefusedByLog{"raft.vote_refused_by_log"};
inline constexpr Mark kMarkVoteAlreadyGiven{"raft.vote_already_given"};
inline constexpr Mark kMarkVoteIgnored{"raft.vote_ignored_for_leader"};
inline constexpr Mark kMarkCommitFromVote{"raft.commit_learned_from_vote"};
inline constexpr Mark kMarkLeaderInherits{"raft.leader_inherits_uncommitted"};
inline constexpr Mark kMarkYieldedToPriority{"raft.yielded_to_priority"};
inline constexpr Mark kMarkLeaderDiskStalled{"raft.leader_disk_stalled"};
// --- Logs ---
inline constexpr Mark kMarkConflictTruncated{"raft.conflict_truncated"};
inline constexpr Mark kMarkAppendRefused{"raft.append_refused"};
inline constexpr Mark kMarkLateAppend{"raft.late_append"};
inline constexpr Mark kMarkTooMuchUncommitted{"raft.too_much_uncommitted"};
inline constexpr Mark kMarkOldTermNotCounted{"raft.old_term_not_counted"};
// --- Snapshots ---
inline constexpr Mark kMarkSnapshotNeeded{"raft.snapshot_needed"};
inline constexpr Mark kMarkLateSnapshot{"raft.late_snapshot"};
// --- Reads ---
inline constexpr Mark kMarkReadWaitsForTerm{"raft.read_waits_for_own_term"};
inline constexpr Mark kMarkReadsFailed{"raft.reads_failed_with_leader"};
inline constexpr Mark kMarkReadTimedOut{"raft.forwarded_read_timed_out"};

inline constexpr Mark kMarkReadByLease{"raft.read_by_lease"};
// --- Idle groups ---
inline constexpr Mark kMarkQuiesced{"raft.quiesced"};
inline constexpr Mark kMarkWoken{"raft.woken"};

inline constexpr std::array kMarks = {
    kMarkLeaderWithoutQuorum, kMarkPreVoteLost,       kMarkElectionLost,
    kMarkElectionUndecided,   kMarkVoteRefusedByLog,  kMarkVoteAlreadyGiven,
    kMarkVoteIgnored,         kMarkCommitFromVote,    kMarkLeaderInherits,
    kMarkConflictTruncated,   kMarkAppendRefused,     kMarkLateAppend,
    kMarkOldTermNotCounted,   kMarkSnapshotNeeded,    kMarkLateSnapshot,
    kMarkReadWaitsForTerm,    kMarkReadsFailed,       kMarkReadTimedOut,
    kMarkTooMuchUncommitted,  kMarkYieldedToPriority, kMarkLeaderDiskStalled,
    kMarkReadByLease,         kMarkQuiesced,          kMarkWoken};

}  // namespace lockstep::raft

#endif  // LOCKSTEP_FRAMEWORK_RAFT_MARKS_H_
