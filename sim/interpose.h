// The interposer: what executables of the simulator put in front of libc, libstdc++ and librocksdb.
// Link `lockstep_sim_interpose` (objects, not an archive) and export symbols (-rdynamic).
#ifndef LOCKSTEP_SIM_INTERPOSE_H_
#define LOCKSTEP_SIM_INTERPOSE_H_

#include <cstdint>

namespace lockstep::sim {

// While a World runs on this thread, anything that reaches for the real world (a clock, entropy, a
// thread, a blocking wait, a file, a socket) prints a backtrace and aborts, except inside this
// scope. For failure output and measurements, never for product code.
class AllowReal final {
 public:
  AllowReal();
  AllowReal(const AllowReal&) = delete;
  AllowReal& operator=(const AllowReal&) = delete;
  ~AllowReal();
};

// How often the preempted functions were reached in this process.
struct InterposeCounts final {
  uint64_t store_random = 0;
  uint64_t store_sessions = 0;
  uint64_t store_periodic_tasks = 0;  // refused
  uint64_t store_clock_reads = 0;     // real clocks that RocksDB read; it got a constant
};
InterposeCounts GetInterposeCounts();

// Call after the first simulated database was opened and written to: aborts unless it came through
// here. A changed link would otherwise cost determinism without a sound.
void InterposeSelfCheck();

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_INTERPOSE_H_
