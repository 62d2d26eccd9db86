// Shrinker: from the tape of a failing run to the few entries that make it fail.
#ifndef LOCKSTEP_SIM_SHRINK_SHRINKER_H_
#define LOCKSTEP_SIM_SHRINK_SHRINKER_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/tape.h"

namespace lockstep::sim {

// Runs tapes. Whoever implements it knows the service, the signature and the budget.
class Trials {
 public:
  virtual ~Trials() = default;
  // How many tapes are worth asking about at a time.
  virtual size_t width() const = 0;
  // For each tape: if the run fails in the same way, the tape that this run used (what it did not
  // ask for is not on it); else nothing.
  virtual std::vector<std::optional<Tape>> Run(const std::vector<Tape>& tapes) = 0;
  // Whether the failure is that something does not happen in the end, so that each trial is long.
  virtual bool waits_for_recovery() const { return false; }
  // No more trials, please.
  virtual bool spent() const = 0;
};

struct ShrinkProgress final {
  std::string phase;
  size_t entries_first = 0;
  size_t entries = 0;
  uint64_t replays = 0;
};

// Takes away and keeps what still fails: the tail, then noise (delays, orders, pieces), whole
// streams of decisions, nodes, clients, then (by delta debugging) disasters, client operations and
// single decisions; then shortens waits and rounds values. Starts over until nothing can be taken
// away or the trials are spent. Where it takes many delays or operations to set a failure
// up, it looks for other disasters with which less of them will do.
//
// Invariant: the best tape has always been run and failed in the same way.
// Nothing here suspends.
class Shrinker final {
 public:
  using OnProgress = std::function<void(const ShrinkProgress&)>;

  // `trials` is borrowed.
  Shrinker(Trials& trials, OnProgress on_progress)
      : trials_(trials), on_progress_(std::move(on_progress)) {}

  // Nothing if the tape does not fail in the same way when it is replayed.
  std::optional<Tape> Shrink(const Tape& tape);
  const ShrinkProgress& progress() const { return progress_; }

 private:
  using Entries = std::vector<TapeEntry>;

  bool Confirm(const Tape& tape);
  void ShortenRecovery();
  void HastenFailure();
  void CutTail();
  bool DropNoise();
  void Trade();
  bool TradeFor(uint64_t kept, uint64_t of);
  Entries Traded(uint64_t kept, uint64_t of);
  // Everything that only takes away, until that changes nothing.
  void DropAll();
  void ShortenHorizon();
  void DropStreams();
  void DropSettings();
  void DropNodes();
  void DropClients();
  void DropManyTurns();
  // Delta debugging over the entries that `wanted` selects.
  template <typename Wanted>
  void DropEntries(const char* phase, const Wanted& wanted);
  void CloseGaps();
  void RoundValues();

  // Whether one of the candidates fails in the same way; if so, the first such is the new best.
  // Returns its position.
  std::optional<size_t> Try(const std::vector<Entries>& candidates);
  bool TryOne(Entries entries) { return Try({std::move(entries)}).has_value(); }
  // Takes groups of entries away, as many as possible.
  void MinimizeGroups(std::vector<std::vector<TapeEntry>> groups);
  void SetPhase(const char* phase);
  template <typename Wanted>
  Entries Only(const Wanted& wanted) const;
  template <typename Wanted>
  size_t Count(const Wanted& wanted) const;
  // The best entries with this one given that value, or with it added.
  Entries With(std::string_view stream, uint64_t value) const;
  std::string_view StreamOf(const TapeEntry& entry) const;

  Trials& trials_;
  OnProgress on_progress_;
  ShrinkProgress progress_;
  Tape best_;
  uint64_t trades_ = 0;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_SHRINK_SHRINKER_H_
