#include "framework/edge/grpc_server_session.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/edge/http2_session.h"

namespace lockstep::edge {
namespace {

using absl::string_view;

constexpr string_view kContentType = "application/grpc";

bool IsReserved(string_view name) {
  return name[0] == ':' || name == "te" || name == "user-agent" || absl::StartsWith(name, "grpc-");
}

}  // namespace

// nghttp2 calls these from within Feed and Pull; they only record.
struct ServerCallbacks final {
  static GrpcServerSession& Of(void* user) { return *static_cast<GrpcServerSession*>(user); }
  static ServerCall* CallOf(nghttp2_session* session, int32_t id) {
    return Http2CallOf<ServerCall>(session, id);
  }

  static int OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    ServerCall& call = Of(user).Acquire(frame->hd.stream_id);
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, &call);
    return 0;
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_bytes, const uint8_t* value, size_t value_bytes, uint8_t,
                      void* user) {
    ServerCall* call = CallOf(session, frame->hd.stream_id);
    if (call == nullptr) return 0;
    call->header_bytes_ += name_bytes + value_bytes + 32;
    if (name_bytes == 0 || call->header_bytes_ > kHeaderBytesMax) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    const bool is_wanted = nghttp2_check_header_value(value, value_bytes) != 0 &&
                           (name[0] == ':' || nghttp2_check_header_name(name, name_bytes) != 0);
    if (!is_wanted) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      Of(user).OnHeader(*call, Http2Text(name, name_bytes), Http2Text(value, value_bytes));
    }
    return 0;
  }

  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    GrpcServerSession& self = Of(user);
    const uint8_t type = frame->hd.type;
    if (type == NGHTTP2_SETTINGS) self.greeted_ = true;
    if (type == NGHTTP2_RST_STREAM) self.OnReset();
    if (type != NGHTTP2_HEADERS && type != NGHTTP2_DATA) return 0;
    ServerCall* call = CallOf(session, frame->hd.stream_id);
    if (call == nullptr) return 0;
    if (type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      self.OnHeadersEnd(*call);
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) self.OnRemoteEnd(*call);
    return 0;
  }

  static int OnData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size,
                    void* user) {
    // The connection's window opens again at once: one slow call must not stop the others. The
    // call's own window is what holds its sender back.
    nghttp2_session_consume_connection(session, size);
    if (ServerCall* call = CallOf(session, id)) Of(user).OnData(*call, Http2Text(data, size));
    return 0;
  }

  static int OnClose(nghttp2_session* session, int32_t id, uint32_t, void* user) {
    if (ServerCall* call = CallOf(session, id)) Of(user).OnClose(*call);
    return 0;
  }

  static int OnSent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    ServerCall* call = CallOf(session, frame->hd.stream_id);
    if (call != nullptr && !call->flags_.remote_ended) Of(user).OnEarlyEnd(*call);
    return 0;
  }

  static ssize_t SendData(nghttp2_session* session, int32_t id, uint8_t* out, size_t bytes_max,
                          uint32_t* data_flags, nghttp2_data_source*, void* user) {
    return Http2SendData<ServerCall>(session, id, data_flags, [&](ServerCall& call) {
      return Of(user).OnSendData(call, out, bytes_max, data_flags);
    });
  }

  static void Configure(nghttp2_session_callbacks* callbacks, nghttp2_option* option) {
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, OnBeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnClose);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, OnSent);
    // Its rules for headers refuse the authority that etcd's Go client sends, "#initially=[...]".
    // What matters of them is in OnHeader and OnHeadersEnd.
    nghttp2_option_set_no_http_messaging(option, 1);
    // Its own limit reads the machine's clock; ours is in OnReset.
    nghttp2_option_set_stream_reset_rate_limit(option, std::numeric_limits<uint64_t>::max(), 0);
  }

  static Http2SessionPtr NewSession(GrpcServerSession* self, const GrpcServerLimits& limits) {
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.concurrent_calls_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<uint32_t>(limits.stream_window_bytes)},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kHeaderBytesMax},
    };
    return NewHttp2Server(self, Configure, settings);
  }
};

GrpcServerSession::GrpcServerSession(const GrpcRegistry& registry, const GrpcServerLimits& limits)
    : registry_(registry),
      limits_(limits),
      request_bytes_max_(limits.request_bytes_max),
      begun_bytes_max_(limits.request_bytes_max / 4 * 3),
      session_(ServerCallbacks::NewSession(this, limits)) {}

GrpcServerSession::~GrpcServerSession() = default;

absl::Status GrpcServerSession::Feed(MonoTime now, string_view bytes) {
  now_ = now;
  return Http2Feed(session_.get(), bytes);
}

absl::Status GrpcServerSession::Pull(std::string* out, size_t bytes_max) {
  return Http2Pull(session_.get(), out, bytes_max);
}

bool GrpcServerSession::WantsToSend() const {
  return nghttp2_session_want_write(session_.get()) != 0;
}

bool GrpcServerSession::finished() const {
  return !WantsToSend() && nghttp2_session_want_read(session_.get()) == 0;
}

size_t GrpcServerSession::outbound_frames() const {
  return nghttp2_session_get_outbound_queue_size(session_.get());
}

void GrpcServerSession::TakeEvents(std::vector<Event>* into) {
  into->clear();
  into->swap(events_);
}

void GrpcServerSession::GoAway() {
  const int32_t last = nghttp2_session_get_last_proc_stream_id(session_.get());
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
}

void GrpcServerSession::Ping() { nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr); }

ServerCall& GrpcServerSession::Acquire(int32_t id) {
  if (free_.empty()) free_.push_back(std::make_unique<ServerCall>(limits_.message_bytes_max));
  calls_.push_back(std::move(free_.back()));
  free_.pop_back();
  ServerCall& call = *calls_.back();
  call.id_ = id;
  call.phase_ = ServerCall::Phase::kArriving;
  call.place_ = calls_.size() - 1;
  return call;
}

void GrpcServerSession::Recycle(ServerCall& call) {
  CHECK_EQ(call.phase_, ServerCall::Phase::kClosed);
  CHECK_EQ(calls_[call.place_].get(), &call);
  DropRequest(call);
  std::unique_ptr<ServerCall> owned = std::move(calls_[call.place_]);
  if (call.place_ + 1 < calls_.size()) {
    calls_[call.place_] = std::move(calls_.back());
    calls_[call.place_]->place_ = call.place_;
  }
  calls_.pop_back();
  call.flags_ = ServerCall::Flags();
  call.method_ = nullptr;
  call.path_.clear();
  call.metadata_.Clear();
  call.header_bytes_ = 0;
  call.deadline_ = kNoDeadline;
  call.status_ = GrpcStatus();
  if (free_.size() < kFreeCallsMax) free_.push_back(std::move(owned));
}

// --- what arrives --------------------------------------------------------------------------------

void GrpcServerSession::OnHeader(ServerCall& call, string_view name, string_view value) {
  if (name == ":path") {
    call.path_.assign(value.data(), value.size());
  } else if (name == ":method") {
    call.flags_.is_post = value == "POST";
  } else if (name == "content-type") {
    // "application/grpc", then nothing, "+codec" or ";parameters".
    call.flags_.is_grpc = absl::StartsWith(value, kContentType) &&
                          (value.size() == kContentType.size() ||
                           value[kContentType.size()] == '+' || value[kContentType.size()] == ';');
  } else if (name == "grpc-timeout") {
    const std::optional<Duration> timeout = ParseGrpcTimeout(value);
    call.flags_.has_bad_timeout = !timeout.has_value();
    if (timeout.has_value() && timeout->count() < kNoDeadline.ns - now_.ns) {
      call.deadline_ = now_ + *timeout;
    }
  } else if (!IsReserved(name)) {
    if (!absl::EndsWith(name, "-bin") && !IsValidUtf8(value)) call.flags_.has_bad_metadata = true;
    call.metadata_.Add(name, value);
  }
}

void GrpcServerSession::OnHeadersEnd(ServerCall& call) {
  if (!call.flags_.is_post) return RefuseHttp(call, "405");
  if (!call.flags_.is_grpc) return RefuseHttp(call, "415");
  if (call.flags_.has_bad_timeout) {
    return Finish(call, GrpcStatus(GrpcCode::kInternal, "malformed grpc-timeout"));
  }
  if (call.flags_.has_bad_metadata) {
    return Finish(call, GrpcStatus(GrpcCode::kInvalidArgument, "metadata is not valid UTF-8"));
  }
  call.method_ = registry_.Find(call.path_);
  if (call.method_ == nullptr) return Finish(call, registry_.DescribeMissing(call.path_));
  if (call.method_->unary != nullptr) return;
  call.phase_ = ServerCall::Phase::kStarted;
  events_.push_back({EventKind::kStarted, &call});
}

void GrpcServerSession::OnData(ServerCall& call, string_view bytes) {
  call.unconsumed_bytes_ += bytes.size();
  const bool is_taken_in =
      call.phase_ == ServerCall::Phase::kArriving || call.phase_ == ServerCall::Phase::kStarted;
  if (!is_taken_in) return Consume(call);
  const bool had_message = call.reader_.HasMessage();
  call.reader_.Append(bytes);
  GrpcStatus fault = had_message ? GrpcStatus() : call.reader_.Check();
  if (fault.ok() && !Hold(call)) {
    fault = GrpcStatus(GrpcCode::kResourceExhausted, limits_.busy_text);
  }
  if (!fault.ok()) return Abort(call, std::move(fault));
  if (call.method_->unary != nullptr) return Consume(call);
  // Of a streaming call only the message that is being read on is taken without being asked for.
  if (!call.reader_.HasMessage()) return Consume(call);
  if (!had_message) events_.push_back({EventKind::kReadable, &call});
}

void GrpcServerSession::OnRemoteEnd(ServerCall& call) {
  call.flags_.remote_ended = true;
  if (call.phase_ == ServerCall::Phase::kStarted) {
    events_.push_back({EventKind::kReadable, &call});
  }
  if (call.phase_ != ServerCall::Phase::kArriving) return;
  const size_t message_bytes = call.reader_.HasMessage() ? call.reader_.Front().size() : 0;
  const bool is_one_message = call.reader_.HasMessage() &&
                              call.reader_.buffered_bytes() == message_bytes + kGrpcPrefixBytes;
  if (!is_one_message) {
    return Finish(
        call, GrpcStatus(GrpcCode::kInternal, "grpc: a unary request must be exactly one message"));
  }
  call.phase_ = ServerCall::Phase::kStarted;
  events_.push_back({EventKind::kStarted, &call});
}

void GrpcServerSession::OnReset() {
  const Duration cost(1'000'000'000 / limits_.resets_per_second);
  reset_debt_ = std::max(Duration(0), reset_debt_ - (now_ - reset_time_)) + cost;
  reset_time_ = now_;
  if (reset_debt_ <= cost * limits_.resets_burst) return;
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
}

void GrpcServerSession::OnClose(ServerCall& call) {
  CHECK_NE(call.phase_, ServerCall::Phase::kClosed);
  call.phase_ = ServerCall::Phase::kClosed;
  queued_bytes_ -= call.out_.bytes();
  call.out_.Clear();
  events_.push_back({EventKind::kClosed, &call});
}

void GrpcServerSession::OnEarlyEnd(ServerCall& call) {
  // What the client still sends for this call is of no use: tell it to stop, without an error.
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, call.id_, NGHTTP2_NO_ERROR);
}

void GrpcServerSession::Consume(ServerCall& call) {
  if (call.unconsumed_bytes_ == 0) return;
  nghttp2_session_consume_stream(session_.get(), call.id_, call.unconsumed_bytes_);
  call.unconsumed_bytes_ = 0;
}

// Many large requests that all arrive at once, a frame of each in turn, would be in each other's
// way: none of them would be complete before its deadline. So only as many begin as there is room
// for when they are.
bool GrpcServerSession::Hold(ServerCall& call) {
  const size_t arrived = call.reader_.buffered_bytes();
  const size_t to_come = call.method_->unary != nullptr ? call.reader_.missing_bytes() : 0;
  const size_t held = arrived + to_come;
  CHECK_GE(held, call.held_bytes_);
  const bool begins = to_come > 0 && held > call.held_bytes_;
  request_bytes_ += held - call.held_bytes_;
  call.held_bytes_ = held;
  return request_bytes_ <= (begins ? begun_bytes_max_ : request_bytes_max_);
}

void GrpcServerSession::DropRequest(ServerCall& call) {
  CHECK_GE(request_bytes_, call.held_bytes_);
  request_bytes_ -= std::exchange(call.held_bytes_, 0);
  call.reader_.Clear();
  if (call.phase_ != ServerCall::Phase::kClosed) Consume(call);
  call.unconsumed_bytes_ = 0;
}

GrpcServerSession::ReadOutcome GrpcServerSession::Read(ServerCall& call, std::string* message) {
  if (!call.open()) return ReadOutcome::kNothingYet;
  if (!call.reader_.HasMessage()) {
    if (!call.flags_.remote_ended) return ReadOutcome::kNothingYet;
    if (call.reader_.buffered_bytes() == 0) return ReadOutcome::kEnd;
    Abort(call, GrpcStatus(GrpcCode::kInternal, "grpc: the request ends within a message"));
    return ReadOutcome::kNothingYet;
  }
  const string_view front = call.reader_.Front();
  message->assign(front.data(), front.size());
  const size_t taken = front.size() + kGrpcPrefixBytes;
  request_bytes_ -= taken;
  call.held_bytes_ -= taken;
  call.reader_.Pop();
  if (!call.reader_.HasMessage()) Consume(call);
  GrpcStatus fault = call.reader_.Check();
  if (!fault.ok()) Abort(call, std::move(fault));
  return ReadOutcome::kMessage;
}

// --- what is sent --------------------------------------------------------------------------------

void GrpcServerSession::RefuseHttp(ServerCall& call, string_view http_status) {
  call.phase_ = ServerCall::Phase::kFinished;
  const nghttp2_nv header = Http2Header(":status", http_status);
  CHECK_EQ(nghttp2_submit_response(session_.get(), call.id_, &header, 1, nullptr), 0);
}

void GrpcServerSession::Respond(ServerCall& call, string_view response) {
  if (!call.open()) return;
  CHECK(call.method_->unary != nullptr);
  call.phase_ = ServerCall::Phase::kFinished;
  DropRequest(call);
  call.out_.Push(response);
  queued_bytes_ += response.size() + kGrpcPrefixBytes;
  SubmitHeaders(call);
}

void GrpcServerSession::Finish(ServerCall& call, GrpcStatus status) {
  if (call.phase_ == ServerCall::Phase::kFinished) return;
  if (call.phase_ == ServerCall::Phase::kClosed) return;
  call.phase_ = ServerCall::Phase::kFinished;
  DropRequest(call);
  call.status_ = std::move(status);
  if (call.flags_.headers_sent) return ResumeSending(call);
  const std::string message = PercentEncode(call.status_.message);
  const std::array<nghttp2_nv, 4> headers = {
      Http2Header(":status", "200"), Http2Header("content-type", kContentType),
      Http2Header("grpc-status", GrpcCodeDigits(call.status_.code)),
      Http2Header("grpc-message", message, kHttp2NameBorrowed)};
  const size_t count = message.empty() ? 3 : 4;
  CHECK_EQ(nghttp2_submit_response(session_.get(), call.id_, headers.data(), count, nullptr), 0);
}

void GrpcServerSession::Abort(ServerCall& call, GrpcStatus status) {
  const bool has_handler = call.open();
  Finish(call, std::move(status));
  if (has_handler) events_.push_back({EventKind::kAborted, &call});
}

void GrpcServerSession::Write(ServerCall& call, string_view message) {
  if (!call.open()) return;
  CHECK(call.method_->streaming != nullptr);
  call.out_.Push(message);
  queued_bytes_ += message.size() + kGrpcPrefixBytes;
  if (!call.flags_.headers_sent) {
    SubmitHeaders(call);
  } else {
    ResumeSending(call);
  }
}

void GrpcServerSession::SubmitHeaders(ServerCall& call) {
  call.flags_.headers_sent = true;
  const std::array<nghttp2_nv, 2> headers = {Http2Header(":status", "200"),
                                             Http2Header("content-type", kContentType)};
  nghttp2_data_provider provider = {};
  provider.read_callback = &ServerCallbacks::SendData;
  CHECK_EQ(
      nghttp2_submit_response(session_.get(), call.id_, headers.data(), headers.size(), &provider),
      0);
}

void GrpcServerSession::ResumeSending(ServerCall& call) {
  if (!std::exchange(call.flags_.send_is_deferred, false)) return;
  nghttp2_session_resume_data(session_.get(), call.id_);
}

size_t GrpcServerSession::OnSendData(ServerCall& call, uint8_t* out, size_t bytes_max,
                                     uint32_t* data_flags) {
  const size_t taken = call.out_.Take(out, bytes_max);
  queued_bytes_ -= taken;
  if (taken > 0 && std::exchange(call.flags_.write_is_blocked, false)) {
    events_.push_back({EventKind::kWritable, &call});
  }
  if (!call.out_.empty()) return taken;
  if (call.phase_ == ServerCall::Phase::kFinished) {
    *data_flags = NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    SubmitTrailers(call);
  } else if (taken == 0) {
    call.flags_.send_is_deferred = true;
  }
  return taken;
}

void GrpcServerSession::SubmitTrailers(ServerCall& call) {
  const std::string message = PercentEncode(call.status_.message);
  const std::array<nghttp2_nv, 2> trailers = {
      Http2Header("grpc-status", GrpcCodeDigits(call.status_.code)),
      Http2Header("grpc-message", message, kHttp2NameBorrowed)};
  const size_t count = message.empty() ? 1 : 2;
  CHECK_EQ(nghttp2_submit_trailer(session_.get(), call.id_, trailers.data(), count), 0);
}

}  // namespace lockstep::edge
