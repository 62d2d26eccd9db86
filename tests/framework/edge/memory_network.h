// A network in memory for tests: listeners by name, streams with small buffers, and a driver that
// runs fibers until a condition holds, moving the clock when all of them wait.
#ifndef LOCKSTEP_TESTS_FRAMEWORK_EDGE_MEMORY_NETWORK_H_
#define LOCKSTEP_TESTS_FRAMEWORK_EDGE_MEMORY_NETWORK_H_

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "framework/base/check.h"
#include "framework/fiber/scheduler.h"
#include "framework/fiber/sync.h"
#include "framework/runtime/network.h"
#include "framework/runtime/trace.h"

namespace lockstep::edge {

class NoTrace final : public runtime::Trace {
 public:
  bool enabled(runtime::TraceLevel) const override { return false; }
  void Emit(runtime::TraceLevel, std::string_view, absl::Span<const runtime::TraceField>) override {
  }
};

// One direction.
struct Pipe final {
  size_t capacity = 64 * 1024;
  std::string bytes;
  bool ended = false;
  bool aborted = false;
  fiber::WaitQueue changed;
};

class MemoryStream final : public runtime::Stream {
 public:
  MemoryStream(std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out, runtime::Address peer)
      : in_(std::move(in)), out_(std::move(out)), peer_(std::move(peer)) {}
  ~MemoryStream() override {
    out_->ended = true;
    out_->changed.WakeAll();
    in_->aborted = true;
    in_->changed.WakeAll();
  }

  absl::StatusOr<size_t> Read(Fiber& fiber, absl::Span<char> into) override {
    while (in_->bytes.empty() && !in_->ended && !in_->aborted) {
      if (!in_->changed.Wait(fiber, read_deadline_)) return absl::DeadlineExceededError("read");
    }
    if (in_->aborted) return absl::CancelledError("stream aborted");
    const size_t count = std::min({into.size(), in_->bytes.size(), chunk_bytes_max});
    std::copy_n(in_->bytes.data(), count, into.data());
    in_->bytes.erase(0, count);
    in_->changed.WakeAll();
    return count;
  }
  absl::Status Write(Fiber& fiber, absl::string_view data) override {
    ++writes;
    while (!data.empty()) {
      if (out_->aborted || out_->ended) return absl::UnavailableError("stream closed");
      const size_t room = out_->capacity - std::min(out_->capacity, out_->bytes.size());
      const size_t count = std::min(room, data.size());
      out_->bytes.append(data.data(), count);
      data.remove_prefix(count);
      if (count > 0) {
        out_->changed.WakeAll();
      } else if (!out_->changed.Wait(fiber, write_deadline_)) {
        return absl::DeadlineExceededError("write");
      }
    }
    return absl::OkStatus();
  }
  void CloseWrite() override {
    out_->ended = true;
    out_->changed.WakeAll();
  }
  void Abort() override {
    for (Pipe* pipe : {in_.get(), out_.get()}) {
      pipe->aborted = true;
      pipe->changed.WakeAll();
    }
  }
  void SetReadDeadline(MonoTime deadline) override { read_deadline_ = deadline; }
  void SetWriteDeadline(MonoTime deadline) override { write_deadline_ = deadline; }
  const runtime::Address& peer() const override { return peer_; }

  size_t chunk_bytes_max = static_cast<size_t>(-1);
  int writes = 0;

 private:
  std::shared_ptr<Pipe> in_;
  std::shared_ptr<Pipe> out_;
  runtime::Address peer_;
  MonoTime read_deadline_ = kNoDeadline;
  MonoTime write_deadline_ = kNoDeadline;
};

class MemoryNetwork final : public runtime::Network {
 public:
  absl::StatusOr<std::unique_ptr<runtime::Stream>> Dial(Fiber& fiber,
                                                        const runtime::Address& address,
                                                        MonoTime) override {
    ++dials;
    fiber.Yield();
    const auto found = listeners_.find(address);
    if (found == listeners_.end()) return absl::UnavailableError("connection refused");
    auto [client, server] = Pair();
    found->second->waiting.push_back(std::move(server));
    found->second->changed.WakeAll();
    return std::unique_ptr<runtime::Stream>(std::move(client));
  }
  absl::StatusOr<std::unique_ptr<runtime::Listener>> Listen(
      const runtime::Address& address) override {
    auto listener = std::make_unique<MemoryListener>(*this, address);
    listeners_[address] = listener.get();
    return std::unique_ptr<runtime::Listener>(std::move(listener));
  }
  std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>> Pair() {
    auto up = std::make_shared<Pipe>();
    auto down = std::make_shared<Pipe>();
    up->capacity = down->capacity = pipe_bytes;
    auto client = std::make_unique<MemoryStream>(down, up, "server");
    auto server = std::make_unique<MemoryStream>(up, down, "client");
    client->chunk_bytes_max = server->chunk_bytes_max = chunk_bytes_max;
    return {std::move(client), std::move(server)};
  }

  size_t pipe_bytes = 64 * 1024;
  size_t chunk_bytes_max = static_cast<size_t>(-1);
  int dials = 0;

 private:
  struct MemoryListener final : runtime::Listener {
    MemoryListener(MemoryNetwork& owner, runtime::Address at)
        : network(owner), bound(std::move(at)) {}
    ~MemoryListener() override { network.listeners_.erase(bound); }
    absl::StatusOr<std::unique_ptr<runtime::Stream>> Accept(Fiber& fiber) override {
      while (waiting.empty()) changed.Wait(fiber);
      std::unique_ptr<runtime::Stream> stream = std::move(waiting.front());
      waiting.pop_front();
      return stream;
    }
    const runtime::Address& address() const override { return bound; }
    MemoryNetwork& network;
    runtime::Address bound;
    std::deque<std::unique_ptr<MemoryStream>> waiting;
    fiber::WaitQueue changed;
  };
  std::map<runtime::Address, MemoryListener*> listeners_;
};

// Runs until `done`; false if that takes more than `limit` of the scheduler's time, or if nothing
// is left to happen.
inline bool RunUntil(fiber::Scheduler& scheduler, const std::function<bool()>& done,
                     Duration limit = Seconds(600)) {
  const MonoTime end = scheduler.now() + limit;
  for (;;) {
    while (scheduler.ready_count() > 0) {
      if (done()) return true;
      scheduler.RunOne();
    }
    if (done()) return true;
    const MonoTime next = scheduler.next_deadline();
    if (next > end) return false;
    scheduler.AdvanceTo(std::max(next, scheduler.now()));
  }
}

}  // namespace lockstep::edge

#endif  // LOCKSTEP_TESTS_FRAMEWORK_EDGE_MEMORY_NETWORK_H_
