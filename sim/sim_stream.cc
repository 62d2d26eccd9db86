#include "sim/sim_stream.h"

#include <algorithm>
#include <cstring>

#include "framework/base/check.h"

namespace lockstep::sim {

void ReceiveBuffer::Take(char* into, size_t n) {
  CHECK_LE(n, size_);
  size_ -= n;
  while (n > 0) {
    std::string& chunk = chunks_.front();
    const size_t part = std::min(n, chunk.size() - first_);
    std::memcpy(into, chunk.data() + first_, part);
    into += part;
    n -= part;
    first_ += part;
    if (first_ == chunk.size()) {
      chunks_.pop_front();
      first_ = 0;
    }
  }
}

SimStream::SimStream(SimNetwork& network, Process& process, std::shared_ptr<Connection> connection,
                     int side)
    : network_(network), process_(process), connection_(std::move(connection)), side_(side) {
  CHECK(connection_ != nullptr);
}

SimStream::~SimStream() { network_.Release(*connection_, side_); }

bool SimStream::BreaksHere() {
  World& world = network_.world();
  if (loopback() || !mine().error.ok()) return false;
  const FaultRates& rates = world.rates();
  if (!world.draws().Chance("net.reset", draw_key(), rates.reset_ppm)) return false;
  const bool silent = world.draws().Chance("net.reset_silent", draw_key(),
                                           rates.silent_reset_percent * (kMillion / 100));
  world.CountFault(silent ? FaultClass::kSilentReset : FaultClass::kReset);
  network_.Reset(*connection_, side_, absl::UnavailableError("connection reset"), !silent);
  return true;
}

size_t SimStream::ReadSize(size_t there) {
  World& world = network_.world();
  if (there <= 1 || loopback()) return there;
  if (!world.draws().Chance("net.partial_read", draw_key(), world.rates().partial_read_ppm)) {
    return there;
  }
  const size_t part = world.draws().Range("net.read_size", draw_key(), 1, there, there);
  const size_t size = std::clamp<size_t>(part, 1, there);  // a replayed value may not fit
  if (size < there) world.CountFault(FaultClass::kPartialRead);
  return size;
}

absl::StatusOr<size_t> SimStream::Read(Fiber& fiber, absl::Span<char> into) {
  CHECK(!into.empty());
  process_.StopIfDead(fiber);
  Endpoint& end = mine();
  BreaksHere();
  while (true) {
    if (end.received.size() > 0) {
      const size_t size = ReadSize(std::min(into.size(), end.received.size()));
      end.received.Take(into.data(), size);
      end.credit += size;
      network_.ReturnCredit(*connection_, side_, /*writer_waits=*/false);
      return size;
    }
    if (!end.error.ok()) return end.error;
    if (end.end_received) return size_t{0};
    if (end.read_deadline <= fiber.now()) return absl::DeadlineExceededError("read");
    end.readers.Wait(fiber, end.read_deadline);
    process_.StopIfDead(fiber);
  }
}

void SimStream::SendPieces(absl::string_view data) {
  World& world = network_.world();
  while (!data.empty()) {
    size_t piece = data.size();
    if (piece > 1 && !loopback() &&
        world.draws().Chance("net.partial_write", draw_key(), world.rates().partial_write_ppm)) {
      const size_t part = world.draws().Range("net.write_size", draw_key(), 1, piece, piece);
      piece = std::clamp<size_t>(part, 1, piece);
      if (piece < data.size()) world.CountFault(FaultClass::kPartialWrite);
    }
    network_.Send(*connection_, side_, Segment::Kind::kData, std::string(data.substr(0, piece)));
    data.remove_prefix(piece);
  }
}

absl::Status SimStream::Write(Fiber& fiber, absl::string_view data) {
  process_.StopIfDead(fiber);
  Endpoint& end = mine();
  BreaksHere();
  const size_t window = network_.world().rates().window_bytes;
  while (true) {
    if (!end.error.ok()) return end.error;
    if (end.end_sent) return absl::UnavailableError("write after CloseWrite");
    if (data.empty()) return absl::OkStatus();
    const size_t room = window > end.outstanding ? window - end.outstanding : 0;
    const size_t size = std::min(room, data.size());
    if (size > 0) {
      SendPieces(data.substr(0, size));
      data.remove_prefix(size);
      continue;
    }
    if (end.write_deadline <= fiber.now()) return absl::DeadlineExceededError("write");
    // The reader may have made room without telling, because nobody waited.
    network_.ReturnCredit(*connection_, 1 - side_, /*writer_waits=*/true);
    end.writers.Wait(fiber, end.write_deadline);
    process_.StopIfDead(fiber);
  }
}

void SimStream::CloseWrite() {
  if (!process_.alive() || mine().end_sent || !mine().error.ok()) return;
  network_.Send(*connection_, side_, Segment::Kind::kEnd, "");
}

void SimStream::Abort() {
  if (!process_.alive() || !mine().open) return;
  network_.Reset(*connection_, side_, absl::CancelledError("aborted"), /*tell_peer=*/true);
}

void SimStream::SetReadDeadline(MonoTime deadline) {
  mine().read_deadline = deadline;
  mine().readers.WakeAll();
}

void SimStream::SetWriteDeadline(MonoTime deadline) {
  mine().write_deadline = deadline;
  mine().writers.WakeAll();
}

}  // namespace lockstep::sim
