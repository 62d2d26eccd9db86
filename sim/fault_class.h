// Fault classes: what can go wrong in a simulated universe, and how often it did.
#ifndef LOCKSTEP_SIM_FAULT_CLASS_H_
#define LOCKSTEP_SIM_FAULT_CLASS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lockstep::sim {

enum class FaultClass : uint8_t {
  // Network
  kLatencyTail,       // a delivery took far longer than usual
  kPartialWrite,      // one write arrived in pieces
  kPartialRead,       // a read returned less than was there
  kReset,             // a connection was reset
  kSilentReset,       // ... and the other side was not told
  kPartition,         // bytes or a handshake were held by a cut link
  kClog,              // bytes were delayed by a clogged link
  kConnectRefused,    // a connect was refused although somebody listened
  kConnectBlackHole,  // a connect got no answer although somebody listened
  kAcceptError,       // an accept failed once
  // Disk
  kReadError,
  kWriteError,
  kSyncErrorKeepDirty,  // a data sync failed; the data is still dirty
  kSyncErrorMarkClean,  // a data sync failed; the data counts as written but never was
  kSyncErrorDropPage,   // a data sync failed; the cache fell back to old data
  kNoSpace,
  kSlowDisk,
  kHungDisk,
  kUnsyncedLost,          // power loss: an unsynced page came back in an older version
  kTornPage,              // power loss: a page in flight came back with mixed or garbage sectors
  kSizeReverted,          // power loss: a file's size fell back
  kNameReverted,          // power loss: a create, rename or remove was undone
  kPowerLossInOperation,  // the power failed inside a file operation of the store
  kBitRot,                // a read met a bit that had turned over
  kLatentSector,          // a read met a sector that cannot be read any more
  kMisdirectedWrite,      // a read met bytes that were meant for another place
  kMisdirectedRead,       // a read returned bytes of another place, once
  // Clocks
  kClockOffset,
  kClockDrift,
  kClockStep,
  kClockFreeze,
  kMonotonicFreeze,
  // Nodes
  kKill,
  kPowerLoss,
  kPause,
  kDiskSwapped,  // two nodes came up with each other's disks
  kNodeLost,     // a node went for good
  kCoreHealed,   // only a quorum was healed, the others stayed broken
  kMemberAdded,  // changes of members that were granted
  kMemberRemoved,
  kMemberPromoted,
  kMemberDemoted,
  kMemberReplaced,
  kDiskWiped,     // a member's disk was emptied; it came back under its old id
  kUpgrade,       // a node was stopped in good order, to come back as another version
  kLeaderStruck,  // a new leader was cut off, killed or frozen in its first moments
  // Ambushes
  kTransferCut,         // a leader that handed over did not hear what came of it
  kLeaderBesieged,      // a leader was cut off as a bare quorum had answered it
  kAnswersHeld,         // ... and what they answered came late
  kVoterRestarted,      // ... and those who had answered died and came back
  kPromiseRaced,        // ... and others were heard as soon as they might be voted for
  kSnapshotBroken,      // a snapshot was interrupted in the middle
  kSnapshotAnswerLost,  // a snapshot was there, and its sender did not hear of it
  kJointSplit,          // who counted by a joint configuration was cut off and started again
  // Scheduling
  kFiberOrder,   // a fiber ran before one that had been ready for longer
  kFiberDelay,   // a ready fiber had to wait
  kSlowOffload,  // offloaded work took far longer than usual
  kFaultPoint,   // product code took a rare path
  kCount,
};

// As printed: "net.partition".
std::string_view NameOf(FaultClass fault);

// How often each class took effect. A class that was on but never took effect found nothing.
class FaultCounters final {
 public:
  void Count(FaultClass fault) { Add(fault, 1); }
  void Add(FaultClass fault, uint64_t times) { counts_[static_cast<size_t>(fault)] += times; }
  uint64_t of(FaultClass fault) const { return counts_[static_cast<size_t>(fault)]; }

 private:
  std::array<uint64_t, static_cast<size_t>(FaultClass::kCount)> counts_{};
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_FAULT_CLASS_H_
