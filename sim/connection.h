// Connection: one simulated TCP connection, seen from above. Internal to the simulated network.
#ifndef LOCKSTEP_SIM_CONNECTION_H_
#define LOCKSTEP_SIM_CONNECTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "framework/base/strong_int.h"
#include "framework/fiber/sync.h"
#include "framework/runtime/network.h"
#include "sim/virtual_time.h"

namespace lockstep::sim {

// A machine on the network; dense from 0.
using HostId = base::StrongInt<struct HostIdTag, uint32_t>;

// What travels one way. A reset ends everything behind what was sent before it.
struct Segment final {
  enum class Kind { kData, kEnd, kReset };
  Kind kind = Kind::kData;
  VirtualTime due;
  std::string bytes;
};

// The receiving end of bytes that are already there.
class ReceiveBuffer final {
 public:
  void Append(std::string bytes) {
    size_ += bytes.size();
    chunks_.push_back(std::move(bytes));
  }
  size_t size() const { return size_; }
  // REQUIRES: n <= size().
  void Take(char* into, size_t n);
  void Clear() {
    chunks_.clear();
    size_ = first_ = 0;
  }

 private:
  std::deque<std::string> chunks_;
  size_t first_ = 0;  // bytes of the first chunk that are taken
  size_t size_ = 0;
};

// One side's half of a connection.
struct Endpoint final {
  HostId host;
  runtime::Address peer;
  bool open = true;    // the process holds it (or will, by Accept)
  absl::Status error;  // why it ended early; data that came before is still read

  // Sending. Invariant: outstanding <= window.
  std::deque<Segment> in_flight;  // in order of `due`
  size_t outstanding = 0;         // bytes sent that the peer has not read, as far as we know
  bool end_sent = false;
  bool pumping = false;  // an event for the first segment is scheduled
  bool held = false;     // the link is cut; restoring it starts the pump again

  // Receiving.
  ReceiveBuffer received;
  bool end_received = false;
  size_t credit = 0;            // bytes read that the peer does not know of yet
  bool credit_travels = false;  // an event that tells it is scheduled

  MonoTime read_deadline = kNoDeadline;
  MonoTime write_deadline = kNoDeadline;
  fiber::WaitQueue readers;
  fiber::WaitQueue writers;

  void Fail(absl::Status why) {
    if (error.ok()) error = std::move(why);
    readers.WakeAll();
    writers.WakeAll();
  }
};

// Owned by the network while either side is open, and by the streams.
struct Connection final {
  uint64_t id = 0;
  uint64_t key = 0;  // of its draws: depends on who dialled whom for the how-many-th time, only
  std::array<Endpoint, 2> ends;  // the dialling side, the accepting side
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CONNECTION_H_
