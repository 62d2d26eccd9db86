#include "framework/edge/grpc_client.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::edge {
namespace {

constexpr size_t kWriteBytesMax = 256 * 1024;

GrpcStatus DeadlineExceeded() {
  return GrpcStatus(GrpcCode::kDeadlineExceeded, "context deadline exceeded");
}

}  // namespace

// A live connection, on the stack of the fiber that runs it.
class GrpcChannel::Connection final {
 public:
  Connection(GrpcChannel& channel, std::unique_ptr<runtime::Stream> stream)
      : channel_(channel),
        options_(channel.options_),
        stream_(std::move(stream)),
        session_(channel.address_, channel.options_.limits),
        writer_(channel.scheduler_) {}

  GrpcClientSession& session() { return session_; }
  const GrpcChannelOptions& options() const { return options_; }
  bool takes_calls() const { return !broken_ && !session_.is_going_away(); }
  bool was_answered() const { return was_answered_; }
  void WakeWriter() { to_write_.Set(); }

  void Release(ClientCall& call) {
    session_.Release(call);
    WakeWriter();
    if (session_.calls_in_use() == 0) unused_.WakeAll();
  }

  // Returns when the connection is over.
  void Serve(Fiber& fiber);
  // Ends the calls that are open, and waits until their users have noticed.
  void Retire(Fiber& fiber);

 private:
  bool OnSilence(MonoTime now);
  void WriteLoop(Fiber& fiber);

  GrpcChannel& channel_;
  const GrpcChannelOptions& options_;
  std::unique_ptr<runtime::Stream> stream_;
  GrpcClientSession session_;
  fiber::Event to_write_;
  fiber::WaitQueue unused_;
  MonoTime last_heard_;
  std::string failure_ = "connection closed";
  bool was_answered_ = false;  // the server has said something
  bool pinged_ = false;
  bool broken_ = false;
  fiber::Scope writer_;
};

void GrpcChannel::Connection::Serve(Fiber& fiber) {
  writer_.Spawn("grpc.client.write", [this](Fiber& writer) { WriteLoop(writer); });
  WakeWriter();
  last_heard_ = fiber.now();
  stream_->SetReadDeadline(last_heard_ + options_.dial_timeout);
  const auto buffer = std::make_unique<char[]>(options_.read_buffer_bytes);
  while (!broken_ && !session_.finished()) {
    const absl::StatusOr<size_t> count =
        stream_->Read(fiber, absl::MakeSpan(buffer.get(), options_.read_buffer_bytes));
    if (count.ok() && *count > 0) {
      last_heard_ = fiber.now();
      pinged_ = false;
      const absl::Status fed = session_.Feed(absl::string_view(buffer.get(), *count));
      if (!fed.ok()) failure_ = std::string(fed.message());
      if (!fed.ok()) break;
      if (!std::exchange(was_answered_, true)) channel_.OnGreeted(*this);
      if (session_.WantsToSend()) WakeWriter();
    } else if (count.ok()) {
      break;
    } else if (!absl::IsDeadlineExceeded(count.status())) {
      if (!broken_) failure_ = std::string(count.status().message());
      break;
    } else if (!OnSilence(fiber.now())) {
      failure_ = "the server does not answer";
      break;
    }
  }
  broken_ = true;
}

bool GrpcChannel::Connection::OnSilence(MonoTime now) {
  if (!was_answered_) return false;
  MonoTime next = last_heard_ + options_.keepalive_interval;
  if (session_.calls_in_use() == 0) {
    next = std::max(next, now + options_.keepalive_interval);
  } else if (next <= now) {
    if (std::exchange(pinged_, true)) return false;
    session_.Ping();
    WakeWriter();
    next = now + options_.keepalive_timeout;
  }
  stream_->SetReadDeadline(next);
  return true;
}

void GrpcChannel::Connection::WriteLoop(Fiber& fiber) {
  std::string out;
  while (!broken_) {
    out.clear();
    to_write_.Reset();
    absl::Status status = session_.Pull(&out, kWriteBytesMax);
    if (status.ok() && !out.empty()) status = stream_->Write(fiber, out);
    if (!status.ok()) {
      failure_ = std::string(status.message());
      broken_ = true;
    } else if (session_.finished()) {
      broken_ = true;
    } else if (out.empty()) {
      if (out.capacity() > kRecycledBufferBytesMax) std::string().swap(out);
      to_write_.Wait(fiber);
    }
  }
  stream_->Abort();
}

void GrpcChannel::Connection::Retire(Fiber& fiber) {
  writer_.Cancel();
  stream_->Abort();
  session_.FailAll(failure_);
  while (session_.calls_in_use() > 0) unused_.Wait(fiber);
}

GrpcChannel::GrpcChannel(fiber::Scheduler& scheduler, runtime::Network& network,
                         runtime::Address address, const GrpcChannelOptions& options)
    : scheduler_(scheduler),
      network_(network),
      address_(std::move(address)),
      options_(options),
      connections_(scheduler) {}

GrpcChannel::~GrpcChannel() = default;

void GrpcChannel::Run(Fiber& fiber) {
  if (next_dial_ > fiber.now()) fiber.SleepUntil(next_dial_);
  absl::StatusOr<std::unique_ptr<runtime::Stream>> stream =
      network_.Dial(fiber, address_, fiber.now() + options_.dial_timeout);
  if (!stream.ok()) return FailDial(stream.status());
  Connection connection(*this, *std::move(stream));
  connection.Serve(fiber);
  if (current_ == &connection) current_ = nullptr;
  // Accepted only to be dropped: as good as refused, and no reason to dial in a loop.
  if (!connection.was_answered()) FailDial(absl::UnavailableError("connection closed"));
  connection.Retire(fiber);
}

// Not before: of a call that was sent to somebody who only dropped the connection, nobody would
// know whether it was executed.
void GrpcChannel::OnGreeted(Connection& connection) {
  is_dialling_ = false;
  current_ = &connection;
  dialled_.WakeAll();
}

void GrpcChannel::FailDial(const absl::Status& why) {
  is_dialling_ = false;
  ++failed_dials_;
  last_failure_ = why;
  next_dial_ = scheduler_.now() + options_.redial_delay;
  dialled_.WakeAll();
}

absl::StatusOr<GrpcChannel::Connection*> GrpcChannel::Connect(Fiber& fiber, MonoTime deadline) {
  const uint64_t failed_before = failed_dials_;
  for (;;) {
    if (current_ != nullptr && current_->takes_calls()) return current_;
    current_ = nullptr;
    if (failed_dials_ != failed_before) {
      return absl::UnavailableError(
          absl::StrCat("cannot reach ", address_, ": ", last_failure_.message()));
    }
    if (!std::exchange(is_dialling_, true)) {
      connections_.Spawn("grpc.client.read", [this](Fiber& reader) { Run(reader); });
    }
    if (!dialled_.Wait(fiber, deadline)) return absl::DeadlineExceededError("not connected");
  }
}

GrpcResult GrpcChannel::Call(Fiber& fiber, absl::string_view method, absl::string_view request,
                             const GrpcCallOptions& options) {
  GrpcResult result;
  const absl::StatusOr<Connection*> connection = Connect(fiber, options.deadline);
  if (!connection.ok()) {
    const GrpcStatus status = GrpcStatus::Of(connection.status());
    return {status.code, status.message, GrpcOutcome::kNeverSent, std::string()};
  }
  GrpcClientSession::Request headers{method, options.metadata};
  if (options.deadline != kNoDeadline) headers.timeout = options.deadline - fiber.now();
  ClientCall& call = (*connection)->session().OpenUnary(headers, request);
  (*connection)->WakeWriter();
  struct Guard {
    Connection& owner;
    ClientCall& call;
    ~Guard() { owner.Release(call); }
  } const guard{**connection, call};
  while (!call.done() && call.changed.Wait(fiber, options.deadline)) {
  }
  const GrpcStatus status = call.done() ? call.status() : DeadlineExceeded();
  result.code = status.code;
  result.message = status.message;
  result.outcome = call.outcome_if_abandoned();
  if (result.ok()) result.response = std::string(call.Front());
  return result;
}

// --- streams -------------------------------------------------------------------------------------

struct GrpcClientStream::State final {
  GrpcChannel::Connection& connection;
  ClientCall& call;
  MonoTime deadline;
};

absl::StatusOr<std::unique_ptr<GrpcClientStream>> GrpcChannel::OpenStream(
    Fiber& fiber, absl::string_view method, const GrpcCallOptions& options) {
  const absl::StatusOr<Connection*> connection = Connect(fiber, options.deadline);
  if (!connection.ok()) return connection.status();
  GrpcClientSession::Request headers{method, options.metadata};
  if (options.deadline != kNoDeadline) headers.timeout = options.deadline - fiber.now();
  ClientCall& call = (*connection)->session().OpenStream(headers);
  (*connection)->WakeWriter();
  auto state = std::make_unique<GrpcClientStream::State>(
      GrpcClientStream::State{**connection, call, options.deadline});
  return std::unique_ptr<GrpcClientStream>(new GrpcClientStream(std::move(state)));
}

GrpcClientStream::GrpcClientStream(std::unique_ptr<State> state) : state_(std::move(state)) {}

GrpcClientStream::~GrpcClientStream() { state_->connection.Release(state_->call); }

bool GrpcClientStream::Read(Fiber& fiber, std::string* message, MonoTime deadline) {
  ClientCall& call = state_->call;
  while (!call.HasMessage()) {
    if (call.done() || !call.changed.Wait(fiber, deadline)) return false;
  }
  const absl::string_view front = call.Front();
  message->assign(front.data(), front.size());
  state_->connection.session().PopMessage(call);
  state_->connection.WakeWriter();
  return true;
}

bool GrpcClientStream::Write(Fiber& fiber, absl::string_view message) {
  ClientCall& call = state_->call;
  const size_t queued_max = state_->connection.options().stream_queued_bytes_max;
  while (!call.done() && call.queued_bytes() > queued_max) call.changed.Wait(fiber);
  if (call.done()) return false;
  state_->connection.session().Write(call, message);
  state_->connection.WakeWriter();
  return true;
}

void GrpcClientStream::EndWrites() {
  state_->connection.session().EndWrites(state_->call);
  state_->connection.WakeWriter();
}

bool GrpcClientStream::is_done() const { return state_->call.done(); }

const GrpcStatus& GrpcClientStream::status() const {
  CHECK(is_done());
  return state_->call.status();
}

GrpcOutcome GrpcClientStream::outcome() const { return state_->call.outcome_if_abandoned(); }

}  // namespace lockstep::edge
