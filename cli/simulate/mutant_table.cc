#include "cli/simulate/mutant_table.h"

#include <cstdio>
#include <map>

#include "cli/simulate/seed_pool.h"

namespace lockstep::cli {

const std::vector<MutantInfo>& AllMutants() {
  using mutant::Id;
  static const std::vector<MutantInfo> all = {
      {Id::kM01CommitOldTermByCount, "M01", "a leader commits an old term's entry by counting"},
      {Id::kM02ReadBeforeOwnTermCommit, "M02", "reads before the own term's first commit"},
      {Id::kM04ReadWithoutQuorum, "M04", "ReadIndex answered without asking a quorum"},
      {Id::kM06CommitBeyondMatch, "M06", "heartbeats carry a commit index beyond the match"},
      {Id::kM07TruncateOnDuplicateAppend, "M07", "a duplicate append truncates the log"},
      {Id::kM10EmptyAppendUnchecked, "M10", "an empty append skips the log-matching check"},
      {Id::kM11PagingSkipsEntry, "M11", "paging of committed entries skips one"},
      {Id::kM13VoteCountedAcrossTerms, "M13", "vote replies of another term are counted"},
      {Id::kM14VoteIgnoresLastTerm, "M14", "votes compare the last index only"},
      {Id::kM16ApplyBeforeSync, "M16", "acknowledged before the data sync"},
      {Id::kM17HardStateNotPersisted, "M17", "a change of term or vote alone is not written"},
      {Id::kM19AppliedIndexNotAtomic, "M19", "applied index in a write batch of its own"},
      {Id::kM21SnapshotAndTruncateNotAtomic, "M21", "log truncated at the unflushed applied index"},
      {Id::kM23SyncFailureRetried, "M23", "a failed data sync is retried and believed"},
      {Id::kM24SegmentDirectoryNotSynced, "M24", "a new segment's directory is not synced"},
      {Id::kM25ReplayPastGap, "M25", "log recovery goes on past a bad record"},
      {Id::kM27TermBackwardAfterSnapshot, "M27", "the term is forgotten when the log rotates"},
      {Id::kM39SnapshotNotLoaded, "M39", "a snapshot reaches Raft, not the state machine"},
      {Id::kM45PreVoteResetsTimer, "M45", "a pre-vote request resets the election timer"},
      {Id::kM70RetryWithFreshNumber, "M70", "a retry goes out under a fresh request number"},
      {Id::kM71SessionResultForgotten, "M71", "a retried request applies again"},
      {Id::kM72RangeIgnoresRevision, "M72", "a read of the past sees the present"},
      {Id::kM73DeleteKeepsVersion, "M73", "a recreated key continues its old version"},
      {Id::kM74TxnReadsBeforeOwnWrites, "M74", "a transaction's read misses its own writes"},
      {Id::kM75StaleSerializableRead, "M75", "linearizable ranges are served without ReadIndex"},
      {Id::kM76OlderVersionsForgotten, "M76", "a full list of older versions is not stored"},
      {Id::kM77DeletedKeyRemembered, "M77", "a deleted key stays in the cache of recent ones"},
      {Id::kM78QuotaIgnoredByTxn, "M78", "transactions put although there is no space"},
  };
  return all;
}

const MutantInfo* FindMutant(const std::string& name) {
  for (const MutantInfo& info : AllMutants()) {
    if (name == info.name) return &info;
  }
  return nullptr;
}

namespace {

// Whether a seed fails without any bug planted, in which case it says nothing about one.
class Control final {
 public:
  explicit Control(const sim::RunOptions& options) : options_(options) {}

  bool Fails(uint64_t seed) {
    const auto known = fails_.find(seed);
    if (known != fails_.end()) return known->second;
    bool failed = false;
    RunRanges({SeedRange{seed, 1, seed + 1, mutant::Id::kNone}}, 1, options_,
              [&](const SeedRange&, const sim::RunResult& result) {
                failed = result.violation.has_value();
                return false;
              });
    return fails_[seed] = failed;
  }

 private:
  const sim::RunOptions& options_;
  std::map<uint64_t, bool> fails_;
};

}  // namespace

size_t PrintMutantTable(const std::vector<MutantInfo>& mutants, uint64_t first_seed,
                        uint64_t seeds_max, size_t jobs, const sim::RunOptions& options) {
  std::vector<SeedRange> ranges;
  for (const MutantInfo& info : mutants) {
    ranges.push_back({first_seed, 1, first_seed + seeds_max, info.id});
  }
  std::printf("%-5s %-52s %6s  %s\n", "bug", "what it breaks", "seeds", "oracle");
  std::map<mutant::Id, bool> found;
  Control control(options);
  RunRanges(ranges, jobs, options, [&](const SeedRange& range, const sim::RunResult& result) {
    const bool last = result.seed + 1 == first_seed + seeds_max;
    const bool is_found = result.violation && !control.Fails(result.seed);
    if (!is_found && !last) return true;
    for (const MutantInfo& info : mutants) {
      if (info.id != range.mutant) continue;
      const std::string oracle =
          is_found ? result.violation->oracle + ": " + result.violation->verdict.substr(0, 90)
                   : "NOT FOUND";
      std::printf("%-5s %-52s %6llu  %s\n", info.name, info.breaks,
                  static_cast<unsigned long long>(result.seed - first_seed + 1), oracle.c_str());
      std::fflush(stdout);
    }
    found[range.mutant] = is_found;
    return false;
  });
  size_t missed = 0;
  for (const auto& [id, was_found] : found) missed += was_found ? 0 : 1;
  std::printf("%zu of %zu planted bugs found within %llu seeds each\n", found.size() - missed,
              found.size(), static_cast<unsigned long long>(seeds_max));
  return missed;
}

}  // namespace lockstep::cli
