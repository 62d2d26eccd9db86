#include "sim/fault_class.h"

#include "framework/base/check.h"

namespace lockstep::sim {

std::string_view NameOf(FaultClass fault) {
  switch (fault) {
    case FaultClass::kLatencyTail:
      return "net.latency_tail";
    case FaultClass::kPartialWrite:
      return "net.partial_write";
    case FaultClass::kPartialRead:
      return "net.partial_read";
    case FaultClass::kReset:
      return "net.reset";
    case FaultClass::kSilentReset:
      return "net.silent_reset";
    case FaultClass::kPartition:
      return "net.partition";
    case FaultClass::kClog:
      return "net.clog";
    case FaultClass::kConnectRefused:
      return "net.connect_refused";
    case FaultClass::kConnectBlackHole:
      return "net.connect_black_hole";
    case FaultClass::kAcceptError:
      return "net.accept_error";
    case FaultClass::kReadError:
      return "disk.read_error";
    case FaultClass::kWriteError:
      return "disk.write_error";
    case FaultClass::kSyncErrorKeepDirty:
      return "disk.sync_error_keep_dirty";
    case FaultClass::kSyncErrorMarkClean:
      return "disk.sync_error_mark_clean";
    case FaultClass::kSyncErrorDropPage:
      return "disk.sync_error_drop_page";
    case FaultClass::kNoSpace:
      return "disk.no_space";
    case FaultClass::kSlowDisk:
      return "disk.slow";
    case FaultClass::kHungDisk:
      return "disk.hung";
    case FaultClass::kUnsyncedLost:
      return "disk.unsynced_lost";
    case FaultClass::kTornPage:
      return "disk.torn_page";
    case FaultClass::kSizeReverted:
      return "disk.size_reverted";
    case FaultClass::kNameReverted:
      return "disk.name_reverted";
    case FaultClass::kPowerLossInOperation:
      return "disk.power_loss_in_operation";
    case FaultClass::kBitRot:
      return "disk.bit_rot";
    case FaultClass::kLatentSector:
      return "disk.latent_sector";
    case FaultClass::kMisdirectedWrite:
      return "disk.misdirected_write";
    case FaultClass::kMisdirectedRead:
      return "disk.misdirected_read";
    case FaultClass::kClockOffset:
      return "clock.offset";
    case FaultClass::kClockDrift:
      return "clock.drift";
    case FaultClass::kClockStep:
      return "clock.step";
    case FaultClass::kClockFreeze:
      return "clock.freeze";
    case FaultClass::kMonotonicFreeze:
      return "clock.monotonic_freeze";
    case FaultClass::kDiskSwapped:
      return "node.disk_swapped";
    case FaultClass::kNodeLost:
      return "node.lost";
    case FaultClass::kCoreHealed:
      return "node.only_core_healed";
    case FaultClass::kKill:
      return "node.kill";
    case FaultClass::kPowerLoss:
      return "node.power_loss";
    case FaultClass::kPause:
      return "node.pause";
    case FaultClass::kMemberAdded:
      return "member.added";
    case FaultClass::kMemberRemoved:
      return "member.removed";
    case FaultClass::kMemberPromoted:
      return "member.promoted";
    case FaultClass::kMemberDemoted:
      return "member.demoted";
    case FaultClass::kMemberReplaced:
      return "member.replaced";
    case FaultClass::kDiskWiped:
      return "member.disk_wiped";
    case FaultClass::kLeaderStruck:
      return "node.leader_struck";
    case FaultClass::kTransferCut:
      return "ambush.transfer_cut";
    case FaultClass::kLeaderBesieged:
      return "ambush.leader_besieged";
    case FaultClass::kAnswersHeld:
      return "ambush.answers_held";
    case FaultClass::kVoterRestarted:
      return "ambush.voter_restarted";
    case FaultClass::kPromiseRaced:
      return "ambush.promise_raced";
    case FaultClass::kSnapshotBroken:
      return "ambush.snapshot_broken";
    case FaultClass::kSnapshotAnswerLost:
      return "ambush.snapshot_answer_lost";
    case FaultClass::kFiberOrder:
      return "sched.fiber_order";
    case FaultClass::kFiberDelay:
      return "sched.fiber_delay";
    case FaultClass::kSlowOffload:
      return "sched.slow_offload";
    case FaultClass::kFaultPoint:
      return "product.fault_point";
    case FaultClass::kCount:
      break;
  }
  CHECK(false) << "no such fault class " << static_cast<int>(fault);
  return "";
}

}  // namespace lockstep::sim
