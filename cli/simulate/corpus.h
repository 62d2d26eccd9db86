// Corpus: what a hunt has done and found, as a directory.
#ifndef LOCKSTEP_CLI_SIMULATE_CORPUS_H_
#define LOCKSTEP_CLI_SIMULATE_CORPUS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "sim/cluster/run.h"

namespace lockstep::cli {

// Of many seeds. Sums: those of two corpora add up.
struct HuntTotals final {
  uint64_t seeds = 0;
  uint64_t doubles = 0;  // of them, run twice
  uint64_t failed = 0;
  uint64_t events = 0;
  uint64_t virtual_ms = 0;
  uint64_t wall_ms = 0;  // of all sessions; the longest of machines that hunt together
  std::map<std::string, uint64_t> faults;  // that took effect, by class
  std::map<std::string, uint64_t> marks;   // that were reached
};

// All failures with one signature.
struct HuntFailure final {
  uint64_t count = 0;
  uint64_t seed = 0;  // the first
  std::string verdict;
  std::string command;  // that runs that seed
  std::string tape;     // file names in the directory; empty: not shrunk
  std::string page;
  std::string text;  // what a person reads
};

// Invariants: the seeds of the hunt's share are numbered; all below `next` are done, and those in
// `ahead`.
struct Corpus final {
  std::string universe;  // the options of its universes, which every session must have
  uint64_t shard = 0;
  uint64_t shards = 1;
  uint64_t first_seed = 1;
  uint64_t next = 0;
  std::set<uint64_t> ahead;
  HuntTotals totals;
  std::map<std::string, HuntFailure> failures;  // by signature

  uint64_t SeedAt(uint64_t number) const { return first_seed + shard + number * shards; }
  uint64_t NumberOf(uint64_t seed) const { return (seed - first_seed - shard) / shards; }
  // Counts the seed; false if it was known.
  bool Add(const sim::RunResult& result);

  // NOT_FOUND if there is none; INVALID_ARGUMENT says what is wrong with its file.
  static absl::StatusOr<Corpus> Load(const std::string& directory);
  // Also writes junit.xml. What was there is replaced at once or not at all.
  absl::Status Save(const std::string& directory) const;
};

// Adds what `other` has done and found. Failures keep the files of whoever came first.
void Merge(const Corpus& other, Corpus& into);

// For CI: a test case per kind of failure, and one for all that passed.
std::string JunitXml(const Corpus& corpus);
// Seeds, rates, coverage, failures: a few lines.
std::string Summary(const Corpus& corpus);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_CORPUS_H_
