// Investigation: what is done about a failing universe. It is shrunk, shown and kept.
#ifndef LOCKSTEP_CLI_SIMULATE_INVESTIGATION_H_
#define LOCKSTEP_CLI_SIMULATE_INVESTIGATION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "cli/simulate/universe.h"
#include "framework/base/time.h"
#include "sim/cluster/run.h"
#include "sim/report/page.h"
#include "sim/tape.h"

namespace lockstep::cli {

struct InvestigationOptions final {
  UniverseOptions universe;
  std::string mutant;  // "" for none
  size_t jobs = 1;
  Duration shrink_cpu = Seconds(60);  // processor time of all replays; zero: do not shrink
  bool report = true;                 // also the timeline and the page
  bool curve = true;                  // and when it was decided
  std::string directory = "failures";
  bool progress = false;  // on stderr
};

struct Finding final {
  std::string signature;
  sim::RunResult first;   // of the seed, with its whole tape
  sim::RunResult shrunk;  // of the shrunk tape, which is in it
  size_t entries_first = 0;
  uint64_t replays = 0;
  size_t restated = 0;  // disasters of the tape that follow an event, not a clock
  Duration cpu{0};      // of the replays
  sim::Curve curve;
  std::string tape_file;  // where it was written; empty if nothing was
  std::string page_file;
  std::string text;  // what a person reads in a terminal
};

// Runs the seed (or the tape, if there is one) again and follows its failure up. Nothing if it does
// not fail. Blocks.
std::optional<Finding> Investigate(uint64_t seed, const sim::Tape* tape,
                                   const InvestigationOptions& options, const sim::RunOptions& run);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_INVESTIGATION_H_
