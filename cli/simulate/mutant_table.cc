#include "cli/simulate/mutant_table.h"

#include "framework/edge/mutants.h"
#include "framework/raft/mutants.h"
#include "framework/replica/mutants.h"
#include "framework/store/mutants.h"
#include "kv/mutants.h"
#include "sim/cluster/mutants.h"

namespace lockstep::cli {

const std::vector<MutantInfo>& AllMutants() {
  static const std::vector<MutantInfo> all = {
      {mutant::kM01CommitOldTermByCount, "M01", "a leader commits an old term's entry by counting"},
      {mutant::kM02ReadBeforeOwnTermCommit, "M02", "reads before the own term's first commit"},
      {mutant::kM04ReadWithoutQuorum, "M04", "ReadIndex answered without asking a quorum"},
      {mutant::kM06CommitBeyondMatch, "M06", "heartbeats carry a commit index beyond the match"},
      {mutant::kM07TruncateOnDuplicateAppend, "M07", "a duplicate append truncates the log"},
      {mutant::kM09CommitByOwnLog, "M09", "a leader commits what it alone holds"},
      {mutant::kM10EmptyAppendUnchecked, "M10", "an empty append skips the log-matching check"},
      {mutant::kM11PagingSkipsEntry, "M11", "paging of committed entries skips one"},
      {mutant::kM13VoteCountedAcrossTerms, "M13", "vote replies of another term are counted"},
      {mutant::kM14VoteIgnoresLastTerm, "M14", "votes compare the last index only"},
      {mutant::kM15CommitByReadIndex, "M15", "a read index counts as proof of the follower's log"},
      {mutant::kM16ApplyBeforeSync, "M16", "acknowledged before the data sync"},
      {mutant::kM17HardStateNotPersisted, "M17", "a change of term or vote alone is not written"},
      {mutant::kM19AppliedIndexNotAtomic, "M19", "applied index in a write batch of its own"},
      {mutant::kM21SnapshotAndTruncateNotAtomic, "M21",
       "log truncated at the unflushed applied index"},
      {mutant::kM22DamageTakenForTornTail, "M22", "a damaged batch ends the log, silently"},
      {mutant::kM23SyncFailureRetried, "M23", "a failed data sync is retried and believed"},
      {mutant::kM24SegmentDirectoryNotSynced, "M24", "a new segment's directory is not synced"},
      {mutant::kM25ReplayPastGap, "M25", "log recovery goes on past a bad record"},
      {mutant::kM26BodyChecksumIgnored, "M26", "a batch is read past its body's checksum"},
      {mutant::kM27TermBackwardAfterSnapshot, "M27", "the term is forgotten when the log rotates",
       "groups"},
      {mutant::kM31ChangeBeforeOwnTerm, "M31", "members change before the own term's first commit",
       "membership"},
      {mutant::kM32OutgoingHalfLost, "M32", "a restart forgets the outgoing half", "membership"},
      {mutant::kM33PendingChangeIgnored, "M33", "a change does not wait for the one before",
       "membership"},
      {mutant::kM35OlderConfiguration, "M35", "a late snapshot brings its configuration back",
       "membership"},
      {mutant::kM37LearnerRefusesVote, "M37", "who believes to be a learner votes for nobody",
       "membership"},
      {mutant::kM39SnapshotNotLoaded, "M39", "a snapshot reaches Raft, not the state machine"},
      {mutant::kM42WipedNodeLetIn, "M42", "a wiped node under its old id is let in", "membership"},
      {mutant::kM44InflightBytesKept, "M44", "bytes in flight are not forgotten at a reset"},
      {mutant::kM45PreVoteResetsTimer, "M45", "a pre-vote request resets the election timer"},
      {mutant::kM46NoPreVote, "M46", "elections without pre-vote, leaders without check-quorum"},
      {mutant::kM47ResumedChunkSkipped, "M47", "a resumed snapshot skips a chunk, unverified",
       "membership"},
      {mutant::kM50FailedReadsForgotten, "M50", "reads whose round failed wait on"},
      {mutant::kM68NemesisIdle, "M68", "the nemesis never strikes", "default", true},
      {mutant::kM70RetryWithFreshNumber, "M70", "a retry goes out under a fresh request number"},
      {mutant::kM71SessionResultForgotten, "M71", "a retried request applies again"},
      {mutant::kM72RangeIgnoresRevision, "M72", "a read of the past sees the present"},
      {mutant::kM73DeleteKeepsVersion, "M73", "a recreated key continues its old version"},
      {mutant::kM74TxnReadsBeforeOwnWrites, "M74", "a transaction's read misses its own writes"},
      {mutant::kM75StaleSerializableRead, "M75",
       "linearizable ranges are served without ReadIndex"},
      {mutant::kM76OlderVersionsForgotten, "M76", "a full list of older versions is not stored"},
      {mutant::kM77DeletedKeyRemembered, "M77", "a deleted key stays in the cache of recent ones"},
      {mutant::kM78QuotaIgnoredByTxn, "M78", "transactions put although there is no space"},
      {mutant::kM90ConfigurationAtOnce, "M90",
       "a leader counts by a configuration that it only wrote", "membership"},
      {mutant::kM91OutgoingHalfForgotten, "M91", "joint: only the new half is counted",
       "membership"},
      {mutant::kM92RemovedStillCounted, "M92", "who was removed stays a voter", "membership"},
      {mutant::kM93PromotedWithoutCatchingUp, "M93", "who is added votes at once", "membership"},
      {mutant::kM95LostStateTakenForApplied, "M95",
       "an empty store counts as what the log begins at", "rot"},
      {mutant::kM96RepairedLogVotesTooEarly, "M96", "a log that went back votes at once", "rot"},
      {mutant::kM97NoSpaceAcknowledged, "M97", "what found no space is acknowledged", "rot"},
      {mutant::kM140LeaseFromReceipt, "M140", "a lease counts from the answer, not the question",
       "lease"},
      {mutant::kM141LeaseKeptInTransfer, "M141", "a lease goes on while leadership is handed over",
       "lease"},
      {mutant::kM142LeaseIgnoresDrift, "M142", "clocks are believed to be equally fast", "lease"},
      {mutant::kM143StalenessFromHeartbeat, "M143",
       "any heartbeat counts as news of the commit index"},
      {mutant::kM144QuiescedForGood, "M144", "an idle group sleeps through its leader's death",
       "groups"},
      {mutant::kM145PromiseForgotten, "M145", "a leader's lease dies with a voter's process",
       "lease"},
      {mutant::kM98ReloadedCertificateUnused, "M98", "replaced TLS credentials are not used"},
      {mutant::kM160ScrubberSkipsChecksums, "M160", "the scrubber compares no checksums", "decay"},
      {mutant::kM161NewerThanThePeer, "M161", "a peer is told what its version lacks"},
      {mutant::kM180FullLogTakesMore, "M180", "a leader appends whatever its log holds",
       "overload"},
      {mutant::kM181FollowerTakesAll, "M181", "a follower appends whatever its log holds",
       "overload"},
      {mutant::kM182PendingUncounted, "M182", "whoever asks may wait for an answer", "overload"},
      {mutant::kM183RefusedAfterRetry, "M183", "refused, although an earlier copy was taken",
       "overload"},
      {mutant::kM185StopsWithoutHandingOver, "M185", "who stops hands over and drains nothing",
       "upgrade"},
      {mutant::kM186AgreedWithoutAll, "M186", "a version is agreed on that a member does not speak",
       "upgrade"},
      {mutant::kM187UnreadableStaysUnread, "M187", "a sector that cannot be read is left alone",
       "decay"},
      {mutant::kM188ClosedFileHoldsNothing, "M188",
       "a row of a file that is not open reads as empty"},
      {mutant::kM210SnapshotNotPinned, "M210", "the chunks of a snapshot are of different instants",
       "rot"},
      {mutant::kM211OwnAdditionUncounted, "M211", "members that the log alone names do not count",
       "membership"},
      {mutant::kM212RefusedAndSent, "M212", "who is refused is sent all the same", "overload"},
      {mutant::kM213WokenUntoldOfTime, "M213", "a sleeping group is not told the time", "groups"},
      {mutant::kM224PendingBytesUncounted, "M224", "of requests that wait, the bytes do not count",
       "overload"},
  };
  return all;
}

const MutantInfo* FindMutant(const std::string& name) {
  for (const MutantInfo& info : AllMutants()) {
    if (name == info.name) return &info;
  }
  return nullptr;
}

}  // namespace lockstep::cli
