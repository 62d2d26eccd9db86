// The bugs that can be planted in this folder: see framework/base/mutant.h.
#ifndef LOCKSTEP_FRAMEWORK_RAFT_MUTANTS_H_
#define LOCKSTEP_FRAMEWORK_RAFT_MUTANTS_H_

#include "framework/base/mutant.h"

namespace lockstep::mutant {

// Commit an entry of an earlier term by counting.
inline constexpr Id kM01CommitOldTermByCount{1};
// ReadIndex before committing in the own term.
inline constexpr Id kM02ReadBeforeOwnTermCommit{2};
// Answer ReadIndex without a quorum round.
inline constexpr Id kM04ReadWithoutQuorum{4};
// Heartbeat carries a commit index past the match.
inline constexpr Id kM06CommitBeyondMatch{6};
// Truncate although all entries match.
inline constexpr Id kM07TruncateOnDuplicateAppend{7};
// Commit what only the leader holds.
inline constexpr Id kM09CommitByOwnLog{9};
// Skip the log-matching check.
inline constexpr Id kM10EmptyAppendUnchecked{10};
// Tally a vote reply of another term.
inline constexpr Id kM13VoteCountedAcrossTerms{13};
// Compare only the last index.
inline constexpr Id kM14VoteIgnoresLastTerm{14};
// A read index moves a follower's commit index.
inline constexpr Id kM15CommitByReadIndex{15};
// Members change before the own term's commit.
inline constexpr Id kM31ChangeBeforeOwnTerm{31};
// A restart forgets the outgoing half.
inline constexpr Id kM32OutgoingHalfLost{32};
// A change does not wait for the one before.
inline constexpr Id kM33PendingChangeIgnored{33};
// A late snapshot brings back its configuration.
inline constexpr Id kM35OlderConfiguration{35};
// Who believes to be a learner does not vote.
inline constexpr Id kM37LearnerRefusesVote{37};
// Bytes in flight survive a reset of progress.
inline constexpr Id kM44InflightBytesKept{44};
// A pre-vote request resets the election timer.
inline constexpr Id kM45PreVoteResetsTimer{45};
// No pre-vote, no check-quorum.
inline constexpr Id kM46NoPreVote{46};
// A leader counts by a configuration it only wrote.
inline constexpr Id kM90ConfigurationAtOnce{90};
// Joint, only the new voters are counted.
inline constexpr Id kM91OutgoingHalfForgotten{91};
// A log that went back votes at once.
inline constexpr Id kM96RepairedLogVotesTooEarly{96};
// A lease counts from the answer, not the question.
inline constexpr Id kM140LeaseFromReceipt{140};
// A lease goes on while leadership is handed over.
inline constexpr Id kM141LeaseKeptInTransfer{141};
// Clocks are believed to be equally fast.
inline constexpr Id kM142LeaseIgnoresDrift{142};
// An idle group does not care about its leader.
inline constexpr Id kM144QuiescedForGood{144};
// A promise dies with its process.
inline constexpr Id kM145PromiseForgotten{145};

}  // namespace lockstep::mutant

#endif  // LOCKSTEP_FRAMEWORK_RAFT_MUTANTS_H_
