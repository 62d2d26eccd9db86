#include "framework/edge/grpc_connection.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "framework/base/check.h"

namespace lockstep::edge {
namespace {

// What one Write takes at most, so that a large queue is not copied at once.
constexpr size_t kWriteBytesMax = 256 * 1024;
// For the last words of a connection.
constexpr Duration kLinger = Seconds(1);

}  // namespace

// The fiber's side of a call. Recycled with it.
class GrpcConnection::CallRun final : public ServerCallAttachment {
 public:
  fiber::WaitQueue readable;
  fiber::WaitQueue writable;
  std::string response;
  std::optional<fiber::Scope> scope;
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
    connection_.WakeWriter();
  }

  size_t queued_bytes() const override { return connection_.session_.queued_bytes(call_); }

 private:
  // A stream with nothing queued may always write, so that the others' queues cannot starve it.
  bool IsFull() const {
    const size_t queued = queued_bytes();
    return queued > connection_.options_.stream_queued_bytes_max ||
           (queued > 0 && connection_.IsQueueFull());
  }

  GrpcConnection& connection_;
  ServerCall& call_;
  CallRun& run_;
};

GrpcConnection::GrpcConnection(fiber::Scheduler& scheduler, const GrpcRegistry& registry,
                               const GrpcServerOptions& options,
                               std::unique_ptr<runtime::Stream> stream)
    : scheduler_(scheduler),
      options_(options),
      stream_(std::move(stream)),
      session_(registry, options.limits),
      last_heard_(scheduler.now()),
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
  while (is_alive && !broken_ && !session_.finished()) {
    const absl::StatusOr<size_t> count =
        stream_->Read(fiber, absl::MakeSpan(buffer.get(), options_.read_buffer_bytes));
    if (count.ok()) {
      is_alive = *count > 0 && Feed(fiber, absl::string_view(buffer.get(), *count));
    } else {
      is_alive = absl::IsDeadlineExceeded(count.status()) && OnSilence(fiber.now());
    }
  }
  FlushLast(fiber);
}

bool GrpcConnection::Feed(Fiber& fiber, absl::string_view bytes) {
  const bool was_greeted = session_.greeted();
  last_heard_ = fiber.now();
  pinged_ = false;
  const bool is_sane = session_.Feed(fiber.now(), bytes).ok();
  HandleEvents();
  if (session_.WantsToSend()) WakeWriter();
  if (!was_greeted && session_.greeted()) {
    stream_->SetReadDeadline(last_heard_ + options_.keepalive_interval);
  }
  // Who makes us queue frames faster than they can be written is not listened to meanwhile.
  while (is_sane && !broken_ && session_.outbound_frames() > kOutboundFramesMax) {
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
    if (std::exchange(pinged_, true)) return false;
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
          RunOf(*event.call).scope.reset();
          break;
        case GrpcServerSession::EventKind::kClosed:
          Close(*event.call);
          break;
      }
    }
  }
}

GrpcConnection::CallRun& GrpcConnection::RunOf(ServerCall& call) {
  if (call.attachment == nullptr) call.attachment = std::make_unique<CallRun>();
  return static_cast<CallRun&>(*call.attachment);
}

void GrpcConnection::Start(ServerCall& call) {
  CallRun& run = RunOf(call);
  if (!call.open()) return;  // reset or aborted within the same bytes
  CHECK(!run.scope.has_value());
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
  while (IsQueueFull()) has_room_.Wait(fiber);
  const bool is_unary = call.method().unary != nullptr;
  const GrpcRequest request{call.path(), is_unary ? call.message() : absl::string_view(),
                            call.metadata(), call.deadline(), stream_->peer()};
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
  WakeWriter();
}

void GrpcConnection::Close(ServerCall& call) {
  CallRun& run = RunOf(call);
  run.scope.reset();
  run.response.clear();
  if (run.response.capacity() > kRecycledBufferBytesMax) std::string().swap(run.response);
  session_.Recycle(call);
}

void GrpcConnection::WriteLoop(Fiber& fiber) {
  std::string out;
  MonoTime moved = fiber.now();  // when bytes last moved, or the queue was last below its limit
  while (!broken_ && !session_.finished()) {
    out.clear();
    to_write_.Reset();
    broken_ = !session_.Pull(&out, kWriteBytesMax).ok();
    HandleEvents();
    if (!IsQueueFull()) has_room_.WakeAll();
    if (!out.empty()) {
      moved = fiber.now();
      stream_->SetWriteDeadline(moved + options_.stall_timeout);
      writing_ = true;
      if (!stream_->Write(fiber, out).ok()) broken_ = true;
      writing_ = false;
    } else if (IsQueueFull()) {
      // The client's windows hold everything back.
      if (!to_write_.Wait(fiber, moved + options_.stall_timeout)) broken_ = true;
    } else {
      if (out.capacity() > kRecycledBufferBytesMax) std::string().swap(out);
      to_write_.Wait(fiber);
      moved = fiber.now();
    }
    written_.WakeAll();
  }
  if (!broken_) {
    // All is said. Give the client time to read it before the connection goes.
    stream_->CloseWrite();
    fiber.SleepFor(kLinger);
  }
  stream_->Abort();
}

void GrpcConnection::FlushLast(Fiber& fiber) {
  const MonoTime until = fiber.now() + kLinger;
  while (!broken_ && (writing_ || session_.WantsToSend())) {
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
