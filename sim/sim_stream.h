// SimStream: one end of a simulated connection, as product code holds it.
#ifndef LOCKSTEP_SIM_SIM_STREAM_H_
#define LOCKSTEP_SIM_SIM_STREAM_H_

#include <memory>

#include "framework/runtime/network.h"
#include "sim/connection.h"
#include "sim/process.h"
#include "sim/sim_network.h"

namespace lockstep::sim {

// Owned by product code; outlives neither the network nor the process. Read and Write suspend.
class SimStream final : public runtime::Stream {
 public:
  // Takes over side `side` of the connection.
  SimStream(SimNetwork& network, Process& process, std::shared_ptr<Connection> connection,
            int side);
  ~SimStream() override;

  absl::StatusOr<size_t> Read(Fiber& fiber, absl::Span<char> into) override;
  absl::Status Write(Fiber& fiber, absl::string_view data) override;
  void CloseWrite() override;
  void Abort() override;
  void SetReadDeadline(MonoTime deadline) override;
  void SetWriteDeadline(MonoTime deadline) override;
  const runtime::Address& peer() const override { return mine().peer; }

 private:
  Endpoint& mine() const { return connection_->ends[side_]; }
  bool loopback() const { return connection_->ends[0].host == connection_->ends[1].host; }
  uint64_t draw_key() const { return KeyOf(connection_->key, static_cast<uint64_t>(side_)); }
  // Whether the connection breaks right now.
  bool BreaksHere();
  // How many of the bytes that are there this read returns.
  size_t ReadSize(size_t there);
  void SendPieces(absl::string_view data);

  SimNetwork& network_;
  Process& process_;
  std::shared_ptr<Connection> connection_;
  int side_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_SIM_STREAM_H_
