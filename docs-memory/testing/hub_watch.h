// HubWatch: everything that the hubs of a universe have applied, as their replicas apply it; and
// hubs that an operator restores from a backup.
#ifndef LOCKSTEP_DOCS_MEMORY_TESTING_HUB_WATCH_H_
#define LOCKSTEP_DOCS_MEMORY_TESTING_HUB_WATCH_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "docs-memory/hub/hub_service.h"
#include "docs-memory/testing/sync_oracle.h"
#include "framework/machine/state_machine.h"
#include "framework/replica/node.h"

namespace lockstep::docs {

// What has been applied, by whichever replica was the first to. All of the hub's versions, whatever
// it has forgotten since.
class HubWatch final {
 public:
  explicit HubWatch(std::string space) : space_(std::move(space)) {}

  // As ConfigureHub; and the paths "/test/backup" and "/test/restore", with which everything is put
  // aside and comes back, under a new epoch.
  void Configure(replica::NodeOptions& options, const HubServiceOptions& service);

  // By tenant. Heads are not filled in.
  const std::map<std::string, HubTruth>& ever() const { return ever_; }
  // What was applied after the backup that came back.
  const std::map<Revision, Head>& undone() const { return undone_; }
  // An old change brought back what had been deleted and purged. [reference: I17] Empty: none did.
  const std::string& failure() const { return failure_; }
  uint64_t expired() const { return expired_; }
  uint64_t purged() const { return purged_; }
  uint64_t restored() const { return restored_; }
  // After which restore that epoch began; 0: the first one, or none that is known.
  size_t RestoresBefore(uint64_t epoch) const;
  // A store still had that change queued when it began anew with the restored hub: what was undone
  // of it is not lost.
  void Keeps(const Revision& rev) { undone_.erase(rev); }
  // Stores are copied or go back: of these it is not known which of them told the hub what.
  void ExpectCopies() { has_copies_ = true; }
  // A store has just been opened: it is at least where the hub was told that it is. "": it is.
  std::string CheckTold(const ReadState& state) const;

 private:
  class Machine;
  class Door;

  // Whether nobody has applied this entry before.
  bool IsFirst(uint64_t index);
  void Fail(const std::string& text) {
    if (failure_.empty()) failure_ = text;
  }
  void CheckGrave(const std::string& tenant, const std::string& id, const Edit& edit);
  void NotePush(std::string_view request, std::string_view reply, int64_t now_ms);
  absl::Status NoteRetention(Fiber& fiber, const machine::StoreView& view,
                             const std::map<std::string, uint64_t>& before);
  absl::Status NoteRestore(Fiber& fiber, const machine::StoreView& view, uint64_t epoch);

  const std::string space_;
  bool has_copies_ = false;
  uint64_t index_ = 0;
  std::map<std::string, HubTruth> ever_;
  std::map<Revision, Head> undone_;
  std::vector<uint64_t> epochs_;                            // of restores
  std::map<uint64_t, std::pair<uint64_t, uint64_t>> told_;  // by node: epoch, checkpoint
  // What was purged, by tenant and id: the greatest revision, and when it was deleted the last
  // time.
  struct Grave final {
    Revision rev;
    uint64_t sequence = 0;
  };
  std::map<std::pair<std::string, std::string>, Grave> graves_;
  std::string failure_;
  uint64_t expired_ = 0;
  uint64_t purged_ = 0;
  uint64_t restored_ = 0;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_TESTING_HUB_WATCH_H_
