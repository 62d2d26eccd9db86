// Planted bugs: each is a place where the product can be told to be wrong, so that the simulator
// can be measured by whether it notices.
//
// The objects are the same everywhere; what differs is what is linked. Production executables link
// `lockstep_mutants_off`, where Enabled is constant false; simulator executables link
// `lockstep_mutants_on`, where `main` chooses at most one bug per run.
#ifndef LOCKSTEP_FRAMEWORK_BASE_MUTANT_H_
#define LOCKSTEP_FRAMEWORK_BASE_MUTANT_H_

namespace lockstep::mutant {

// The numbers are those of the table in docs/simulation.md; they have gaps and are never reused.
enum class Id : int {
  kNone = 0,
  kM01CommitOldTermByCount = 1,           // raft: commit an entry of an earlier term by counting
  kM02ReadBeforeOwnTermCommit = 2,        // raft: ReadIndex before committing in the own term
  kM04ReadWithoutQuorum = 4,              // raft: answer ReadIndex without a quorum round
  kM06CommitBeyondMatch = 6,              // raft: heartbeat carries a commit index past the match
  kM07TruncateOnDuplicateAppend = 7,      // raft: truncate although all entries match
  kM09CommitByOwnLog = 9,                 // raft: commit what only the leader holds
  kM10EmptyAppendUnchecked = 10,          // raft: skip the log-matching check
  kM11PagingSkipsEntry = 11,              // replica: paging committed entries skips one
  kM13VoteCountedAcrossTerms = 13,        // raft: tally a vote reply of another term
  kM14VoteIgnoresLastTerm = 14,           // raft: compare only the last index
  kM15CommitByReadIndex = 15,             // raft: a read index moves a follower's commit index
  kM16ApplyBeforeSync = 16,               // replica: acknowledge before the data sync
  kM17HardStateNotPersisted = 17,         // replica: vote change alone is not synced
  kM19AppliedIndexNotAtomic = 19,         // replica: applied index in a batch of its own
  kM21SnapshotAndTruncateNotAtomic = 21,  // replica: log truncated at the in-memory applied index
  kM22DamageTakenForTornTail = 22,        // replica: a damaged batch ends the log, silently
  kM23SyncFailureRetried = 23,            // replica: a failed data sync is retried and believed
  kM24SegmentDirectoryNotSynced = 24,     // replica: new log segment without a directory sync
  kM25ReplayPastGap = 25,                 // replica: log recovery goes on past a bad record
  kM26BodyChecksumIgnored = 26,           // replica: a batch is read past its body's checksum
  kM27TermBackwardAfterSnapshot = 27,     // replica: term forgotten when the log is empty
  kM31ChangeBeforeOwnTerm = 31,           // raft: members change before the own term's commit
  kM32OutgoingHalfLost = 32,              // raft: a restart forgets the outgoing half
  kM33PendingChangeIgnored = 33,          // raft: a change does not wait for the one before
  kM35OlderConfiguration = 35,            // raft: a late snapshot brings back its configuration
  kM37LearnerRefusesVote = 37,            // raft: who believes to be a learner does not vote
  kM39SnapshotNotLoaded = 39,             // replica: snapshot installed in Raft, not in the machine
  kM42WipedNodeLetIn = 42,                // replica: a wiped node under its old id is a member
  kM44InflightBytesKept = 44,             // raft: bytes in flight survive a reset of progress
  kM45PreVoteResetsTimer = 45,            // raft: a pre-vote request resets the election timer
  kM46NoPreVote = 46,                     // raft: no pre-vote, no check-quorum
  kM62MarkedSyncedWhenSent = 62,          // docs: a change counts as synced when it is sent
  kM64ConflictsNotPulled = 64,            // docs: a pull tells the winner and no conflicts
  kM66CheckpointAfterFilter = 66,         // docs: a page's checkpoint is beyond what is in it
  kM47ResumedChunkSkipped = 47,           // replica: a resumed snapshot lacks a chunk, unverified
  kM68NemesisIdle = 68,                   // sim: the nemesis never strikes
  kM70RetryWithFreshNumber = 70,          // replica: a retry goes out under a new request number
  kM71SessionResultForgotten = 71,        // replica: retry of an applied request applies again
  kM72RangeIgnoresRevision = 72,          // kv: a read at an old revision sees the newest value
  kM73DeleteKeepsVersion = 73,            // kv: a key created again continues its old version
  kM74TxnReadsBeforeOwnWrites = 74,       // kv: a read in a transaction misses its earlier writes
  kM75StaleSerializableRead = 75,         // kv: linearizable ranges are served without ReadIndex
  kM76OlderVersionsForgotten = 76,        // kv: a full list of older versions is not stored
  kM77DeletedKeyRemembered = 77,          // kv: a deleted key stays in the cache of recent ones
  kM78QuotaIgnoredByTxn = 78,             // kv: transactions put although there is no space
  kM80IndexEntryNotRemoved = 80,          // docs: an update leaves the old version's index entries
  kM81OplogOutsideBatch = 81,             // docs: the oplog row is in a batch of its own
  kM82RevisionsForgotten = 82,            // docs: revisions start again from the clock
  kM83AcknowledgedBeforeSync = 83,        // docs: a durable write is acknowledged before its sync
  kM90ConfigurationAtOnce = 90,           // raft: a leader counts by a configuration it only wrote
  kM91OutgoingHalfForgotten = 91,         // raft: joint, only the new voters are counted
  kM92RemovedStillCounted = 92,           // replica: who was removed stays a voter
  kM93PromotedWithoutCatchingUp = 93,     // replica: who is added votes, whatever it holds
  kM95LostStateTakenForApplied = 95,      // replica: an empty store counts as the log's beginning
  kM96RepairedLogVotesTooEarly = 96,      // raft: a log that went back votes at once
  kM97NoSpaceAcknowledged = 97,           // replica: a batch without space counts as durable
  kM140LeaseFromReceipt = 140,            // raft: a lease counts from the answer, not the question
  kM141LeaseKeptInTransfer = 141,         // raft: a lease goes on while leadership is handed over
  kM142LeaseIgnoresDrift = 142,           // raft: clocks are believed to be equally fast
  kM143StalenessFromHeartbeat = 143,      // replica: any heartbeat counts as news from the leader
  kM144QuiescedForGood = 144,             // raft: an idle group does not care about its leader
  kM145PromiseForgotten = 145,            // raft: a promise dies with its process
  kM98ReloadedCertificateUnused = 98,     // edge: credentials that were replaced are still used
  kM100DroppedWhenProcessed = 100,        // docs: a change is dropped once the hub has processed it
  kM101DroppedAtPageCheckpoint = 101,     // docs: a change is dropped once a page ends behind it
  kM102ConflictDropped = 102,             // docs: of two concurrent versions only one is kept
  kM103CheckpointBeforeData = 103,        // docs: the checkpoint is written before what it covers
  kM104TombstoneForgotten = 104,          // docs: the hub forgets that a document was deleted
  kM105PushAppliedTwice = 105,            // docs: the hub does not remember what it has processed
  kM106TenantIgnored = 106,               // docs: a token reaches every tenant
  kM107PushedBeforeDurable = 107,         // docs: a change is pushed that a power loss takes back
  kM108RejectionForgotten = 108,          // docs: a change that was refused vanishes
  kM109ClockIgnoresOthers = 109,          // docs: a revision may be smaller than what was seen
  kM120GoneWordStays = 120,               // docs: a word that an update takes away still finds
  kM121NonceUsedTwice = 121,              // crypto: every start seals with the same nonces
  kM122SmallFilesInClear = 122,           // store: only sorted tables are sealed
  kM123OldKeyDroppedEarly = 123,          // crypto: a rotation forgets the old key while it is used
  kM195YoungVersionsGo = 195,             // docs: a collection's old versions go before their time
  kM196KeysForgottenFirst = 196,          // docs: old keys go before the rows are sealed anew
  kM197LogCutBeforeFlush = 197,           // docs: a clean close cuts the log of what is in memory
  kM190PullFromBelowTheFloor = 190,       // docs: a purged deletion is never told to who was away
  kM191PurgedDocumentRisesAgain = 191,    // docs: an old change brings a purged document back
  kM192ExpiryOfAnOldVersion = 192,        // docs: a document goes when its last version had to
  kM193VersionsOfHeadsTrimmed = 193,      // docs: old versions go although they are still in use
  kM194OldEpochAccepted = 194,            // docs: a restored hub believes checkpoints of before
  kM200NewLifeTakesOldChanges = 200,      // docs: a second life takes changes of the first
  kM201VerdictsOfBefore = 201,            // docs: answers count although all began anew
  kM202PageOfBefore = 202,                // docs: pages count although all began anew
  kM203FloorOfAnotherReplica = 203,       // docs: who lags tells what was purged elsewhere
  kM205AgainTakenForNew = 205,            // docs: what may have been deleted begins anew
  kM206EventsResumeTooFar = 206,          // docs: each event of a page resumes behind it
  kM208ReportedBeforeDurable = 208,       // docs: the hub hears what a power loss takes back
  kM215PushMovesCheckpoint = 215,         // docs: what was pushed counts as pulled
  kM216DeletionsNotPulled = 216,          // docs: a store takes no deletions from the hub
  kM217AfterIsBefore = 217,               // docs: a changed document comes back as it was
  kM160ScrubberSkipsChecksums = 160,      // store, replica: the scrubber reads and compares nothing
  kM161NewerThanThePeer = 161,            // replica: a peer is told what its version lacks
  kM180FullLogTakesMore = 180,            // replica: a leader appends whatever its log holds
  kM181FollowerTakesAll = 181,            // replica: a follower appends whatever its log holds
  kM182PendingUncounted = 182,            // replica: whoever asks may wait for an answer
  kM183RefusedAfterRetry = 183,           // replica: refused, although an earlier copy was taken
  kM185StopsWithoutHandingOver = 185,     // replica: who stops hands nothing over, drains nobody
  kM186AgreedWithoutAll = 186,            // replica: a version is agreed on without asking all
  kM187UnreadableStaysUnread = 187,       // store: a sector that cannot be read is left alone
  kM188ClosedFileHoldsNothing = 188,      // store: a row of a file that is not open reads as empty
  kM210SnapshotNotPinned = 210,           // store: a snapshot's chunks are of different instants
  kM211OwnAdditionUncounted = 211,        // replica: members that the log alone names do not count
  kM212RefusedAndSent = 212,              // replica: who is refused is sent all the same
  kM213WokenUntoldOfTime = 213,           // replica: a sleeping group's core is not told the time
};

// Whether the given bug is planted in this run.
bool Enabled(Id id);

}  // namespace lockstep::mutant

#endif  // LOCKSTEP_FRAMEWORK_BASE_MUTANT_H_
