#ifndef LOCKSTEP_BENCH_LOAD_OPTIONS_H_
#define LOCKSTEP_BENCH_LOAD_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "framework/base/time.h"

namespace lockstep::bench {

enum class WorkloadKind {
  kPut,
  kRange,  // reads of one key
  kMixed,  // reads and puts
  kTxn,    // compare one key, then put and read it
};

// What is asked of a run. A value; every field has a sensible default.
struct LoadOptions final {
  std::vector<std::string> endpoints = {"127.0.0.1:2379"};
  WorkloadKind workload = WorkloadKind::kPut;
  bool serializable = false;   // reads from the asked node's own state
  uint32_t read_percent = 80;  // of kMixed
  size_t key_bytes = 16;
  size_t value_bytes = 256;
  uint64_t keys = 100'000;
  bool sequential_keys = false;
  bool preload = false;  // puts every key once, before the warm-up
  size_t connections = 8;
  size_t clients = 128;  // calls under way at a time
  uint64_t rate = 0;     // operations per second; 0: each client as fast as it is answered
  uint64_t count = 0;    // ends after so many operations, if not 0
  Duration duration = Seconds(10);
  Duration warm_up = Seconds(1);
  Duration timeout = Seconds(5);
  uint64_t seed = 1;
};

}  // namespace lockstep::bench

#endif  // LOCKSTEP_BENCH_LOAD_OPTIONS_H_
