// Syncer: brings a store and the hub together.
#ifndef LOCKSTEP_DOCS_MEMORY_SYNC_SYNCER_H_
#define LOCKSTEP_DOCS_MEMORY_SYNC_SYNCER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "docs-memory/store/store.h"
#include "docs-memory/store/sync_state.h"
#include "docs-memory/sync/hub_client.h"
#include "framework/fiber/sync.h"
#include "framework/runtime/environment.h"

namespace lockstep::docs {

struct SyncOptions final {
  HubOptions hub;
  SyncScope scope;
  size_t push_count = 500;
  size_t push_bytes = size_t{768} << 10;
  int64_t pull_count = kPullCountDefault;
  Duration timeout = Seconds(15);    // of a request that does not wait
  Duration live_wait = Seconds(20);  // how long the hub may keep a pull until there is news
  Duration retry_min = Milliseconds(100);
  Duration retry_max = Seconds(30);
  Duration report_interval = Seconds(600);  // how often the hub hears how far this store is
};

struct SyncStatus final {
  uint64_t requests = 0;
  uint64_t pushed = 0;        // changes with a verdict
  uint64_t pulled = 0;        // states of documents
  uint64_t rejected = 0;      // changes that went to the dead letters
  uint64_t failures = 0;      // requests without an answer, or refused
  uint64_t reconciled = 0;    // times that everything was pulled once more
  uint64_t conflicts = 0;     // of the states that were pulled, those with losers
  absl::Status last_failure;  // a HubFailure, or the store's
  bool is_caught_up = false;  // with the hub, as of the last pull
  MonoTime caught_up_at;      // the last time that it was
};

// Pushes the store's queue in its order, and pulls what is new in the hub's order.
//
// Invariants:
//   1. What is pushed is durable here: no power loss takes back what the hub has seen.
//   2. The checkpoint is written with the documents that it covers, in one batch.
//   3. A queued change is dropped only with a state of its document that the hub made at or after
//      it applied the change, or when the hub has refused it: then it is a dead letter.
//   4. Nothing that was asked before the store began anew, or numbered its queue anew, is believed
//      afterwards: not a verdict, not a page, not a refusal.
// Borrows the store and the environment. Whatever takes a Fiber& suspends; either Once or Run is
// under way, not both.
class Syncer final {
 public:
  // `network`: the environment's, or one with TLS; where the hub is.
  Syncer(Store& store, runtime::Environment& environment, runtime::Network& network,
         SyncOptions options);
  Syncer(const Syncer&) = delete;
  Syncer& operator=(const Syncer&) = delete;

  // Makes the store a synced one, if it is not, pushes all that is queued and pulls all there is.
  // A HubFailure: no node of the hub answered, or (DATA_LOSS) none but damaged ones did. E_SYNCED:
  // the store is synced in another scope. Others: what the hub refused; what ails the store.
  absl::Status Once(Fiber& fiber);
  // Goes on for ever: pushes what is queued as it comes, waits for news, tries again after failures
  // with growing pauses.
  void Run(Fiber& fiber);

  const SyncStatus& status() const { return status_; }

 private:
  enum class PullWait { kNo, kForNews, kLinear };

  absl::Status Prepare(Fiber& fiber);
  absl::Status OnceThrough(Fiber& fiber);
  absl::Status PushAll(Fiber& fiber);
  // Whether there may be more to push.
  absl::StatusOr<bool> PushSome(Fiber& fiber);
  absl::Status OnPushRefused(Fiber& fiber, const WireError& refusal);
  // Whether the store has begun anew since then: numbers and sequences of before mean nothing.
  bool IsPast(uint64_t life) const { return life != life_; }
  // Of the hub, as far as anything was heard of it; 0: nothing was.
  uint64_t KnownEpoch() const { return heard_epoch_ != 0 ? heard_epoch_ : state().epoch; }
  // Whether the hub that says this is the one that was heard of so far.
  bool IsKnown(uint64_t epoch) const { return KnownEpoch() == 0 || KnownEpoch() == epoch; }
  absl::Status MendClock(Fiber& fiber, int64_t server_ms);
  absl::Status Rejoin(Fiber& fiber);
  // Tells a hub that was restored that there are no changes any more from that number on, up to
  // the next that is queued.
  absl::Status Skip(Fiber& fiber, uint64_t from);
  // Whether there is more.
  absl::StatusOr<bool> PullPage(Fiber& fiber, PullWait wait);
  absl::Status StartReconciling(Fiber& fiber);
  // False: it has to be asked for again.
  absl::StatusOr<bool> ApplyPage(Fiber& fiber, uint64_t life, const PullAnswer& answer);
  void Advance(const PullAnswer& answer, bool is_reconciling);
  // Documents that the hub does not have, at the end of reconciling.
  absl::Status FindAbsent(Fiber& fiber, const ReadState& state, uint64_t checkpoint,
                          SyncInput& input);
  // Tells the hub how far this store has pulled: what is deleted is purged behind it only.
  absl::Status Report(Fiber& fiber);
  // When it is time to.
  MonoTime ReportDue() const;
  // Refused changes become dead letters; others go if what the hub says of the document has them.
  absl::Status Settle(Fiber& fiber, uint64_t life, std::vector<ChangeVerdict> fresh);
  // The number of the first queued change; of the first that no verdict is known of.
  absl::StatusOr<uint64_t> FirstNumber(Fiber& fiber, const ReadState& read);
  uint64_t FirstWithoutVerdict(uint64_t first) const;
  void TakeVerdicts(uint64_t epoch, const std::vector<ChangeVerdict>& verdicts);
  absl::Status Apply(Fiber& fiber, SyncInput input);
  absl::Status Write(Fiber& fiber, Operation::Kind kind, int64_t hub_ms = 0);
  absl::Status FollowClock(Fiber& fiber, int64_t server_ms);
  absl::Status Refused(const WireError& refusal, const runtime::Address& by);
  void BackOff(Fiber& fiber, const absl::Status& failure, int* failures);
  const SyncState& state() const { return store_.state()->state.sync; }

  Store& store_;
  runtime::Environment& environment_;
  const SyncOptions options_;
  HubClient push_client_;
  HubClient pull_client_;
  // Of changes that are still queued: by number.
  std::map<uint64_t, ChangeVerdict> verdicts_;
  uint64_t first_ = 1;  // no queued change of node `numbered_` has a smaller number
  uint64_t numbered_ = 0;
  // Held while verdicts are turned into changes of the store.
  fiber::Semaphore applying_{1};
  uint64_t life_ = 0;         // rises when everything is pulled once more or numbered anew
  uint64_t heard_epoch_ = 0;  // of the hub, in this life; 0: nothing was heard
  // While everything is pulled once more: how far, and what was met (collection, key of the id).
  struct Reconciled final {
    uint64_t epoch = 0;
    uint64_t since = 0;
    std::set<std::pair<std::string, std::string>> met;
  };
  Reconciled reconciled_;
  int64_t retry_after_ms_ = 0;
  uint64_t reported_ = 0;  // checkpoint, to the hub
  uint64_t floor_ = 0;     // of the hub, when everything was begun to be pulled
  MonoTime reported_at_;
  absl::Status hub_damage_;  // that a node told of, since Once began
  SyncStatus status_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_SYNC_SYNCER_H_
