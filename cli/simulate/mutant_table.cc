#include "cli/simulate/mutant_table.h"

namespace lockstep::cli {

const std::vector<MutantInfo>& AllMutants() {
  using mutant::Id;
  static const std::vector<MutantInfo> all = {
      {Id::kM01CommitOldTermByCount, "M01", "a leader commits an old term's entry by counting"},
      {Id::kM02ReadBeforeOwnTermCommit, "M02", "reads before the own term's first commit"},
      {Id::kM04ReadWithoutQuorum, "M04", "ReadIndex answered without asking a quorum"},
      {Id::kM06CommitBeyondMatch, "M06", "heartbeats carry a commit index beyond the match"},
      {Id::kM07TruncateOnDuplicateAppend, "M07", "a duplicate append truncates the log"},
      {Id::kM09CommitByOwnLog, "M09", "a leader commits what it alone holds"},
      {Id::kM10EmptyAppendUnchecked, "M10", "an empty append skips the log-matching check"},
      {Id::kM11PagingSkipsEntry, "M11", "paging of committed entries skips one"},
      {Id::kM13VoteCountedAcrossTerms, "M13", "vote replies of another term are counted"},
      {Id::kM14VoteIgnoresLastTerm, "M14", "votes compare the last index only"},
      {Id::kM15CommitByReadIndex, "M15", "a read index counts as proof of the follower's log"},
      {Id::kM16ApplyBeforeSync, "M16", "acknowledged before the data sync"},
      {Id::kM17HardStateNotPersisted, "M17", "a change of term or vote alone is not written"},
      {Id::kM19AppliedIndexNotAtomic, "M19", "applied index in a write batch of its own"},
      {Id::kM21SnapshotAndTruncateNotAtomic, "M21", "log truncated at the unflushed applied index"},
      {Id::kM22DamageTakenForTornTail, "M22", "a damaged batch ends the log, silently"},
      {Id::kM23SyncFailureRetried, "M23", "a failed data sync is retried and believed"},
      {Id::kM24SegmentDirectoryNotSynced, "M24", "a new segment's directory is not synced"},
      {Id::kM25ReplayPastGap, "M25", "log recovery goes on past a bad record"},
      {Id::kM26BodyChecksumIgnored, "M26", "a batch is read past its body's checksum"},
      {Id::kM27TermBackwardAfterSnapshot, "M27", "the term is forgotten when the log rotates",
       "groups"},
      {Id::kM31ChangeBeforeOwnTerm, "M31", "members change before the own term's first commit",
       "membership"},
      {Id::kM32OutgoingHalfLost, "M32", "a restart forgets the outgoing half", "membership"},
      {Id::kM33PendingChangeIgnored, "M33", "a change does not wait for the one before",
       "membership"},
      {Id::kM35OlderConfiguration, "M35", "a late snapshot brings its configuration back",
       "membership"},
      {Id::kM37LearnerRefusesVote, "M37", "who believes to be a learner votes for nobody",
       "membership"},
      {Id::kM39SnapshotNotLoaded, "M39", "a snapshot reaches Raft, not the state machine"},
      {Id::kM42WipedNodeLetIn, "M42", "a wiped node under its old id is let in", "membership"},
      {Id::kM44InflightBytesKept, "M44", "bytes in flight are not forgotten at a reset"},
      {Id::kM45PreVoteResetsTimer, "M45", "a pre-vote request resets the election timer"},
      {Id::kM46NoPreVote, "M46", "elections without pre-vote, leaders without check-quorum"},
      {Id::kM47ResumedChunkSkipped, "M47", "a resumed snapshot skips a chunk, unverified", "rot"},
      {Id::kM68NemesisIdle, "M68", "the nemesis never strikes", "default", true},
      {Id::kM70RetryWithFreshNumber, "M70", "a retry goes out under a fresh request number"},
      {Id::kM71SessionResultForgotten, "M71", "a retried request applies again"},
      {Id::kM72RangeIgnoresRevision, "M72", "a read of the past sees the present"},
      {Id::kM73DeleteKeepsVersion, "M73", "a recreated key continues its old version"},
      {Id::kM74TxnReadsBeforeOwnWrites, "M74", "a transaction's read misses its own writes"},
      {Id::kM75StaleSerializableRead, "M75", "linearizable ranges are served without ReadIndex"},
      {Id::kM76OlderVersionsForgotten, "M76", "a full list of older versions is not stored"},
      {Id::kM77DeletedKeyRemembered, "M77", "a deleted key stays in the cache of recent ones"},
      {Id::kM78QuotaIgnoredByTxn, "M78", "transactions put although there is no space"},
      {Id::kM90ConfigurationAtOnce, "M90", "a leader counts by a configuration that it only wrote",
       "membership"},
      {Id::kM91OutgoingHalfForgotten, "M91", "joint: only the new half is counted", "membership"},
      {Id::kM92RemovedStillCounted, "M92", "who was removed stays a voter", "membership"},
      {Id::kM93PromotedWithoutCatchingUp, "M93", "who is added votes at once", "membership"},
      {Id::kM95LostStateTakenForApplied, "M95", "an empty store counts as what the log begins at",
       "rot"},
      {Id::kM96RepairedLogVotesTooEarly, "M96", "a log that went back votes at once", "rot"},
      {Id::kM97NoSpaceAcknowledged, "M97", "what found no space is acknowledged", "rot"},
      {Id::kM140LeaseFromReceipt, "M140", "a lease counts from the answer, not the question",
       "lease"},
      {Id::kM141LeaseKeptInTransfer, "M141", "a lease goes on while leadership is handed over",
       "lease"},
      {Id::kM142LeaseIgnoresDrift, "M142", "clocks are believed to be equally fast", "lease"},
      {Id::kM143StalenessFromHeartbeat, "M143", "any heartbeat counts as news of the commit index"},
      {Id::kM144QuiescedForGood, "M144", "an idle group sleeps through its leader's death",
       "groups"},
      {Id::kM145PromiseForgotten, "M145", "a leader's lease dies with a voter's process", "lease"},
      {Id::kM98ReloadedCertificateUnused, "M98", "replaced TLS credentials are not used"},
      {Id::kM160ScrubberSkipsChecksums, "M160", "the scrubber compares no checksums", "decay"},
      {Id::kM161NewerThanThePeer, "M161", "a peer is told what its version lacks"},
      {Id::kM180FullLogTakesMore, "M180", "a leader appends whatever its log holds", "overload"},
      {Id::kM181FollowerTakesAll, "M181", "a follower appends whatever its log holds", "overload"},
      {Id::kM182PendingUncounted, "M182", "whoever asks may wait for an answer", "overload"},
      {Id::kM183RefusedAfterRetry, "M183", "refused, although an earlier copy was taken",
       "overload"},
      {Id::kM185StopsWithoutHandingOver, "M185", "who stops hands over and drains nothing",
       "upgrade"},
      {Id::kM186AgreedWithoutAll, "M186", "a version is agreed on that a member does not speak",
       "upgrade"},
      {Id::kM187UnreadableStaysUnread, "M187", "a sector that cannot be read is left alone",
       "decay"},
      {Id::kM188ClosedFileHoldsNothing, "M188", "a row of a file that is not open reads as empty"},
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
