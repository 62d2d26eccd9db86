#include "framework/edge/grpc_connection.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "framework/base/check.h"

namespace lockstep::edge {
namespace {

// What one Write takes at most, so that a large queue is not copied at once.
constexpr size_t kWriteBytesMax = 256 * 1024;
// What a unary call takes besides its bytes while its handler waits or runs: a stack, mostly.
constexpr size_t kRunningCallBytes = 8 * 1024;
// How often a client that has stalled for long is looked at, as its queue may be full by then.
constexpr Duration kStallPause = Seconds(1);
// For the last words of a connection.
constexpr Duration kLinger = Seconds(1);

}  // namespace

// The fiber's side of a call. Recycled with it.
class GrpcConnection::CallRun final : public ServerCallAttachment {
 public:
  fiber::WaitQueue readable;
  fiber::WaitQueue writable;
  std::string response;
  bool is_counted = false;  // in running_calls_
  std::optional<fiber::Scope> scope;
};

// On the stack of the call's fiber.
class GrpcConnection::Room final : public ResponseRoom {
 public:
  Room(GrpcConnection& connection, const ServerCall& call)
      : connection_(connection), deadline_(call.deadline()) {}
  ~Room() {
    if (reserved_bytes_ > 0) connection_.budget_.Unreserve(reserved_bytes_);
  }

  bool Reserve(Fiber& fiber, size_t bytes) override {
    CHECK_EQ(reserved_bytes_, 0u);
    const GrpcServerOptions& options = connection_.options_;
    const MonoTime deadline = std::min(deadline_, fiber.now() + options.room_timeout);
    const size_t wanted = std::min(bytes, options.queued_bytes_max);
    if (!connection_.budget_.Reserve(fiber, wanted, deadline)) return false;
    reserved_bytes_ = wanted;
    return true;
  }
  GrpcStatus Busy() const override {
    return {GrpcCode::kResourceExhausted, connection_.options_.limits.busy_text};
  }

 private:
  GrpcConnection& connection_;
  MonoTime deadline_;
  size_t reserved_bytes_ = 0;
};

class GrpcConnection::ServerStream final : public GrpcServerStream {
 public:
  ServerStream(GrpcConnection& connection, ServerCall& call, CallRun& run)
      : connection_(connection), call_(call), run_(run) {}

  bool Read(Fiber& fiber, std::string* message) override {
    for (;;) {
      const auto outcome = connection_.session_.Read(call_, message);
      // Reading opens the client's window again, or has found the call to be malformed.
      if (connection_.session_.WantsToSend()) connection_.WakeWriter();
      connection_.Settle();
      if (outcome != GrpcServerSession::ReadOutcome::kNothingYet) {
        return outcome == GrpcServerSession::ReadOutcome::kMessage;
      }
      run_.readable.Wait(fiber);
    }
  }

  void Write(Fiber& fiber, absl::string_view message) override {
    while (IsFull()) {
      connection_.session_.NotifyWhenWritable(call_);
      run_.writable.Wait(fiber);
    }
    connection_.session_.Write(call_, message);
    connection_.Settle();
    connection_.WakeWriter();
  }

  size_t queued_bytes() const override { return connection_.session_.queued_bytes(call_); }

 private:
  // A stream with nothing queued may always write, so that the others' queues cannot starve it.
  bool IsFull() const {
    const size_t queued = queued_bytes();
    return queued > connection_.options_.stream_queued_bytes_max ||
           (queued > 0 &&
            (connection_.budget_.is_queue_full() || connection_.budget_.server_is_full()));
  }

  GrpcConnection& connection_;
  ServerCall& call_;
  CallRun& run_;
};

GrpcConnection::GrpcConnection(fiber::Scheduler& scheduler, const GrpcRegistry& registry,
                               const GrpcServerOptions& options, GrpcBudget& budget,
                               std::unique_ptr<runtime::Stream> stream)
    : scheduler_(scheduler),
      options_(options),
      stream_(std::move(stream)),
      session_(registry, options.limits),
      last_heard_(scheduler.now()),
      last_taken_(scheduler.now()),
      budget_(budget, options.queued_bytes_max),
      helpers_(scheduler) {}

GrpcConnection::~GrpcConnection() {
  helpers_.Cancel();
  for (const auto& call : session_.calls()) {
    if (call->attachment != nullptr) RunOf(*call).scope.reset();
  }
}

void GrpcConnection::Serve(Fiber& fiber, absl::string_view already_read) {
  helpers_.Spawn("grpc.write", [this](Fiber& writer) { WriteLoop(writer); });
  WakeWriter();
  stream_->SetReadDeadline(fiber.now() + options_.preface_timeout);
  const auto buffer = std::make_unique<char[]>(options_.read_buffer_bytes);
  bool is_alive = already_read.empty() || Feed(fiber, already_read);
  while (is_alive && !state_.broken) {
    const absl::StatusOr<size_t> count =
        stream_->Read(fiber, absl::MakeSpan(buffer.get(), options_.read_buffer_bytes));
    if (count.ok() && *count > 0 && session_.finished()) {
      // All is said, and the writer lingers until the client has read it: a connection with bytes
      // that nobody reads would be reset, and the last words be lost.
      WakeWriter();
    } else if (count.ok()) {
      is_alive = *count > 0 && Feed(fiber, absl::string_view(buffer.get(), *count));
      if (session_.finished()) WakeWriter();
    } else {
      is_alive = absl::IsDeadlineExceeded(count.status()) && OnSilence(fiber.now());
    }
  }
  FlushLast(fiber);
}

bool GrpcConnection::Feed(Fiber& fiber, absl::string_view bytes) {
  const bool was_greeted = session_.greeted();
  last_heard_ = fiber.now();
  const size_t own = session_.request_bytes();
  const size_t own_max = options_.limits.request_bytes_max;
  session_.SetRequestBytesMax(std::min(own_max, own + budget_.request_bytes_free()),
                              std::min(own_max / 4 * 3, own + budget_.begun_bytes_free()));
  state_.pinged = false;
  const bool is_sane = session_.Feed(fiber.now(), bytes).ok();
  HandleEvents();
  if (session_.WantsToSend()) WakeWriter();
  if (!was_greeted && session_.greeted()) {
    stream_->SetReadDeadline(last_heard_ + options_.keepalive_interval);
  }
  // Who makes us queue frames faster than they can be written is not listened to meanwhile.
  while (is_sane && !state_.broken && session_.outbound_frames() > kOutboundFramesMax) {
    written_.Wait(fiber);
  }
  return is_sane;
}

// The read deadline has passed. It is not moved with every read: that it is too early is found
// here.
bool GrpcConnection::OnSilence(MonoTime now) {
  if (!session_.greeted()) return false;
  MonoTime next = last_heard_ + options_.keepalive_interval;
  if (next <= now) {
    if (std::exchange(state_.pinged, true)) return false;
    session_.Ping();
    WakeWriter();
    next = now + options_.keepalive_timeout;
  }
  stream_->SetReadDeadline(next);
  return true;
}

void GrpcConnection::HandleEvents() {
  const fiber::NoSuspend guard(scheduler_);
  for (session_.TakeEvents(&events_); !events_.empty(); session_.TakeEvents(&events_)) {
    for (const GrpcServerSession::Event& event : events_) {
      switch (event.kind) {
        case GrpcServerSession::EventKind::kStarted:
          Start(*event.call);
          break;
        case GrpcServerSession::EventKind::kReadable:
          RunOf(*event.call).readable.WakeAll();
          break;
        case GrpcServerSession::EventKind::kWritable:
          RunOf(*event.call).writable.WakeAll();
          break;
        case GrpcServerSession::EventKind::kAborted:
          EndRun(RunOf(*event.call));
          break;
        case GrpcServerSession::EventKind::kClosed:
          Close(*event.call);
          break;
      }
    }
  }
  Settle();
}

// Tells the budget. The queue's history is seen here, as it was empty before whatever begins it.
void GrpcConnection::Settle() {
  if (budget_.queued_bytes() == 0) last_taken_ = scheduler_.now();
  budget_.Settle(session_.request_bytes() + running_calls_ * kRunningCallBytes,
                 session_.queued_bytes());
}

GrpcConnection::CallRun& GrpcConnection::RunOf(ServerCall& call) {
  if (call.attachment == nullptr) call.attachment = std::make_unique<CallRun>();
  return static_cast<CallRun&>(*call.attachment);
}

void GrpcConnection::Start(ServerCall& call) {
  CallRun& run = RunOf(call);
  if (!call.open()) return;  // reset or aborted within the same bytes
  CHECK(!run.scope.has_value());
  if (call.method().unary != nullptr) {
    if (budget_.request_bytes_free() < kRunningCallBytes) {
      return session_.Finish(call, {GrpcCode::kResourceExhausted, options_.limits.busy_text});
    }
    run.is_counted = true;
    ++running_calls_;
    Settle();
  }
  run.scope.emplace(scheduler_);
  run.scope->Spawn("grpc.call", [this, &call](Fiber& fiber) { RunCall(fiber, call); });
  if (call.deadline() >= next_deadline_) return;
  if (next_deadline_ == kNoDeadline && deadline_moved_.empty()) {
    helpers_.Spawn("grpc.deadlines", [this](Fiber& fiber) { WatchDeadlines(fiber); });
  }
  next_deadline_ = call.deadline();
  deadline_moved_.WakeAll();
}

void GrpcConnection::RunCall(Fiber& fiber, ServerCall& call) {
  CallRun& run = RunOf(call);
  // A client that does not take its answers gets no more of them made.
  budget_.AwaitQueue(fiber, kNoDeadline);
  Room room(*this, call);
  const bool is_unary = call.method().unary != nullptr;
  const GrpcRequest request{call.path(),     is_unary ? call.message() : absl::string_view(),
                            call.metadata(), call.deadline(),
                            stream_->peer(), room};
  if (is_unary) {
    GrpcStatus status = call.method().unary(fiber, request, &run.response);
    if (status.ok()) {
      session_.Respond(call, run.response);
    } else {
      session_.Finish(call, std::move(status));
    }
  } else {
    ServerStream stream(*this, call, run);
    session_.Finish(call, call.method().streaming(fiber, request, stream));
  }
  // What was queued is a copy.
  run.response.clear();
  if (run.response.capacity() > kRecycledBufferBytesMax) std::string().swap(run.response);
  if (std::exchange(run.is_counted, false)) --running_calls_;
  Settle();
  WakeWriter();
}

void GrpcConnection::EndRun(CallRun& run) {
  run.scope.reset();
  if (std::exchange(run.is_counted, false)) --running_calls_;
}

void GrpcConnection::Close(ServerCall& call) {
  CallRun& run = RunOf(call);
  EndRun(run);
  run.response.clear();
  session_.Recycle(call);
}

void GrpcConnection::WriteLoop(Fiber& fiber) {
  std::string out;
  while (!state_.broken && !session_.finished()) {
    out.clear();
    to_write_.Reset();
    const size_t queued = session_.queued_bytes();
    if (!session_.Pull(&out, kWriteBytesMax).ok()) state_.broken = true;
    const bool has_data = session_.queued_bytes() < queued;
    HandleEvents();
    if (!out.empty()) {
      WriteOut(fiber, out);
      if (has_data) last_taken_ = fiber.now();
    } else if (session_.queued_bytes() > 0) {
      AwaitClient(fiber);
    } else {
      if (out.capacity() > kRecycledBufferBytesMax) std::string().swap(out);
      to_write_.Wait(fiber);
    }
    written_.WakeAll();
  }
  if (!state_.broken) {
    // All is said. Give the client time to read it before the connection goes.
    stream_->CloseWrite();
    fiber.SleepFor(kLinger);
  }
  stream_->Abort();
}

void GrpcConnection::WriteOut(Fiber& fiber, absl::string_view bytes) {
  stream_->SetWriteDeadline(fiber.now() + options_.stall_timeout);
  state_.writing = true;
  if (!stream_->Write(fiber, bytes).ok()) state_.broken = true;
  state_.writing = false;
}

// The client's windows hold everything back.
void GrpcConnection::AwaitClient(Fiber& fiber) {
  const Duration stalled = StalledFor(fiber.now());
  if (stalled >= options_.stall_timeout && budget_.is_queue_full()) {
    state_.broken = true;
    return;
  }
  to_write_.Wait(fiber, fiber.now() + std::max(options_.stall_timeout - stalled, kStallPause));
}

Duration GrpcConnection::StalledFor(MonoTime now) const {
  if (session_.queued_bytes() > 0) return now - last_taken_;
  const bool is_only_arriving = session_.request_bytes() > 0 && running_calls_ == 0;
  return is_only_arriving ? now - last_heard_ : Duration(0);
}

void GrpcConnection::CutOff() {
  state_.broken = true;
  stream_->Abort();
  WakeWriter();
}

void GrpcConnection::FlushLast(Fiber& fiber) {
  const MonoTime until = fiber.now() + kLinger;
  while (!state_.broken && (state_.writing || session_.WantsToSend())) {
    WakeWriter();
    if (!written_.Wait(fiber, until)) return;
  }
}

void GrpcConnection::WatchDeadlines(Fiber& fiber) {
  for (;;) {
    while (next_deadline_ > fiber.now()) deadline_moved_.Wait(fiber, next_deadline_);
    next_deadline_ = kNoDeadline;
    for (const auto& call : session_.calls()) {
      if (!call->open()) continue;
      if (call->deadline() <= fiber.now()) {
        session_.Abort(*call, GrpcStatus(GrpcCode::kDeadlineExceeded, "context deadline exceeded"));
      } else {
        next_deadline_ = std::min(next_deadline_, call->deadline());
      }
    }
    HandleEvents();
    WakeWriter();
  }
}

void GrpcConnection::Drain() {
  session_.GoAway();
  WakeWriter();
}

}  // namespace lockstep::edge
