// The bugs that can be planted in this folder: see framework/base/mutant.h.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_MUTANTS_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_MUTANTS_H_

#include "framework/base/mutant.h"

namespace lockstep::mutant {

// Paging committed entries skips one.
inline constexpr Id kM11PagingSkipsEntry{11};
// Acknowledge before the data sync.
inline constexpr Id kM16ApplyBeforeSync{16};
// Vote change alone is not synced.
inline constexpr Id kM17HardStateNotPersisted{17};
// Applied index in a batch of its own.
inline constexpr Id kM19AppliedIndexNotAtomic{19};
// Log truncated at the in-memory applied index.
inline constexpr Id kM21SnapshotAndTruncateNotAtomic{21};
// A damaged batch ends the log, silently.
inline constexpr Id kM22DamageTakenForTornTail{22};
// A failed data sync is retried and believed.
inline constexpr Id kM23SyncFailureRetried{23};
// New log segment without a directory sync.
inline constexpr Id kM24SegmentDirectoryNotSynced{24};
// Log recovery goes on past a bad record.
inline constexpr Id kM25ReplayPastGap{25};
// A batch is read past its body's checksum.
inline constexpr Id kM26BodyChecksumIgnored{26};
// Term forgotten when the log is empty.
inline constexpr Id kM27TermBackwardAfterSnapshot{27};
// Snapshot installed in Raft, not in the machine.
inline constexpr Id kM39SnapshotNotLoaded{39};
// A wiped node under its old id is a member.
inline constexpr Id kM42WipedNodeLetIn{42};
// A resumed snapshot lacks a chunk, unverified.
inline constexpr Id kM47ResumedChunkSkipped{47};
// Reads whose round failed wait on.
inline constexpr Id kM50FailedReadsForgotten{50};
// A retry goes out under a new request number.
inline constexpr Id kM70RetryWithFreshNumber{70};
// Retry of an applied request applies again.
inline constexpr Id kM71SessionResultForgotten{71};
// Who was removed stays a voter.
inline constexpr Id kM92RemovedStillCounted{92};
// Who is added votes, whatever it holds.
inline constexpr Id kM93PromotedWithoutCatchingUp{93};
// An empty store counts as the log's beginning.
inline constexpr Id kM95LostStateTakenForApplied{95};
// A batch without space counts as durable.
inline constexpr Id kM97NoSpaceAcknowledged{97};
// Every start seals with the same nonces.
inline constexpr Id kM121NonceUsedTwice{121};
// Any heartbeat counts as news from the leader.
inline constexpr Id kM143StalenessFromHeartbeat{143};
// A peer is told what its version lacks.
inline constexpr Id kM161NewerThanThePeer{161};
// A leader appends whatever its log holds.
inline constexpr Id kM180FullLogTakesMore{180};
// A follower appends whatever its log holds.
inline constexpr Id kM181FollowerTakesAll{181};
// Whoever asks may wait for an answer.
inline constexpr Id kM182PendingUncounted{182};
// Refused, although an earlier copy was taken.
inline constexpr Id kM183RefusedAfterRetry{183};
// Who stops hands nothing over, drains nobody.
inline constexpr Id kM185StopsWithoutHandingOver{185};
// A version is agreed on without asking all.
inline constexpr Id kM186AgreedWithoutAll{186};
// A sector that cannot be read is left alone.
inline constexpr Id kM187UnreadableStaysUnread{187};
// Members that the log alone names do not count.
inline constexpr Id kM211OwnAdditionUncounted{211};
// Who is refused is sent all the same.
inline constexpr Id kM212RefusedAndSent{212};
// A sleeping group's core is not told the time.
inline constexpr Id kM213WokenUntoldOfTime{213};
// Requests that wait are counted, their bytes are not.
inline constexpr Id kM224PendingBytesUncounted{224};

}  // namespace lockstep::mutant

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_MUTANTS_H_
