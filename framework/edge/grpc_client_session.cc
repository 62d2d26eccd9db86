#include "framework/edge/grpc_client_session.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/edge/http2_session.h"

namespace lockstep::edge {
namespace {

using absl::string_view;

GrpcCode CodeOfHttp2Error(uint32_t error_code) {
  switch (error_code) {
    case NGHTTP2_CANCEL:
      return GrpcCode::kCancelled;
    case NGHTTP2_REFUSED_STREAM:
      return GrpcCode::kUnavailable;
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return GrpcCode::kResourceExhausted;
    case NGHTTP2_INADEQUATE_SECURITY:
      return GrpcCode::kPermissionDenied;
    default:
      return GrpcCode::kInternal;
  }
}

}  // namespace

// nghttp2 calls these from within Feed and Pull.
struct ClientCallbacks final {
  static GrpcClientSession& Of(void* user) { return *static_cast<GrpcClientSession*>(user); }
  static ClientCall* CallOf(nghttp2_session* session, int32_t id) {
    return Http2CallOf<ClientCall>(session, id);
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_bytes, const uint8_t* value, size_t value_bytes, uint8_t,
                      void* user) {
    if (ClientCall* call = CallOf(session, frame->hd.stream_id)) {
      Of(user).OnHeader(*call, Http2Text(name, name_bytes), Http2Text(value, value_bytes));
    }
    return 0;
  }

  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY) Of(user).is_going_away_ = true;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    if (ClientCall* call = CallOf(session, frame->hd.stream_id)) Of(user).OnRemoteEnd(*call);
    return 0;
  }

  static int OnData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size,
                    void* user) {
    nghttp2_session_consume_connection(session, size);
    if (ClientCall* call = CallOf(session, id)) {
      Of(user).OnData(*call, Http2Text(data, size));
    } else {
      nghttp2_session_consume_stream(session, id, size);
    }
    return 0;
  }

  static int OnClose(nghttp2_session* session, int32_t id, uint32_t error_code, void* user) {
    if (ClientCall* call = CallOf(session, id)) Of(user).OnClose(*call, error_code);
    return 0;
  }

  static int BeforeSend(nghttp2_session* session, const nghttp2_frame* frame, void*) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    if (ClientCall* call = CallOf(session, frame->hd.stream_id)) call->flags_.sent = true;
    return 0;
  }

  static int OnNotSent(nghttp2_session* session, const nghttp2_frame* frame, int, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    if (ClientCall* call = CallOf(session, frame->hd.stream_id)) {
      Of(user).OnClose(*call, NGHTTP2_REFUSED_STREAM);
    }
    return 0;
  }

  static ssize_t SendData(nghttp2_session* session, int32_t id, uint8_t* out, size_t bytes_max,
                          uint32_t* data_flags, nghttp2_data_source*, void* user) {
    return Http2SendData<ClientCall>(session, id, data_flags, [&](ClientCall& call) {
      return Of(user).OnSendData(call, out, bytes_max, data_flags);
    });
  }

  static void Configure(nghttp2_session_callbacks* callbacks, nghttp2_option*) {
    nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnClose);
    nghttp2_session_callbacks_set_before_frame_send_callback(callbacks, BeforeSend);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, OnNotSent);
  }

  static Http2SessionPtr NewSession(GrpcClientSession* self, const GrpcClientLimits& limits) {
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<uint32_t>(limits.stream_window_bytes)},
    };
    return NewHttp2Client(self, Configure, settings);
  }
};

GrpcClientSession::GrpcClientSession(std::string authority, const GrpcClientLimits& limits)
    : authority_(std::move(authority)),
      limits_(limits),
      session_(ClientCallbacks::NewSession(this, limits)) {}

GrpcClientSession::~GrpcClientSession() = default;

absl::Status GrpcClientSession::Feed(string_view bytes) { return Http2Feed(session_.get(), bytes); }

absl::Status GrpcClientSession::Pull(std::string* out, size_t bytes_max) {
  return Http2Pull(session_.get(), out, bytes_max);
}

bool GrpcClientSession::WantsToSend() const {
  return nghttp2_session_want_write(session_.get()) != 0;
}

bool GrpcClientSession::finished() const {
  return !WantsToSend() && nghttp2_session_want_read(session_.get()) == 0;
}

bool GrpcClientSession::is_going_away() const {
  return is_going_away_ || nghttp2_session_check_request_allowed(session_.get()) == 0;
}

void GrpcClientSession::Ping() { nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr); }

// --- calls ---------------------------------------------------------------------------------------

ClientCall& GrpcClientSession::OpenUnary(const Request& request, string_view message) {
  ClientCall& call = Open(request, /*is_streaming=*/false);
  call.out_.Push(message);
  call.flags_.out_ended = true;
  Submit(call, request);
  return call;
}

ClientCall& GrpcClientSession::OpenStream(const Request& request) {
  ClientCall& call = Open(request, /*is_streaming=*/true);
  Submit(call, request);
  return call;
}

ClientCall& GrpcClientSession::Open(const Request& request, bool is_streaming) {
  CHECK(!request.method.empty() && request.method[0] == '/');
  if (free_.empty()) free_.push_back(std::make_unique<ClientCall>(limits_.message_bytes_max));
  calls_.push_back(std::move(free_.back()));
  free_.pop_back();
  ClientCall& call = *calls_.back();
  call.flags_ = ClientCall::Flags();
  call.flags_.streaming = is_streaming;
  call.http_status_ = 0;
  call.status_ = GrpcStatus();
  call.outcome_ = GrpcOutcome::kUnknown;
  call.place_ = calls_.size() - 1;
  return call;
}

void GrpcClientSession::Submit(ClientCall& call, const Request& request) {
  const std::string timeout =
      request.timeout.count() > 0 ? FormatGrpcTimeout(request.timeout) : std::string();
  std::vector<nghttp2_nv> headers;
  headers.reserve(8 + (request.metadata == nullptr ? 0 : request.metadata->size()));
  headers.push_back(Http2Header(":method", "POST"));
  headers.push_back(Http2Header(":scheme", "http"));
  headers.push_back(Http2Header(":path", request.method, kHttp2NameBorrowed));
  headers.push_back(Http2Header(":authority", authority_));
  headers.push_back(Http2Header("te", "trailers"));
  headers.push_back(Http2Header("content-type", "application/grpc"));
  headers.push_back(Http2Header("user-agent", "lockstep"));
  if (!timeout.empty()) {
    // Never twice the same: not worth a place in the compressor's table.
    headers.push_back(
        Http2Header("grpc-timeout", timeout, kHttp2NameBorrowed | NGHTTP2_NV_FLAG_NO_INDEX));
  }
  for (size_t i = 0; request.metadata != nullptr && i < request.metadata->size(); ++i) {
    headers.push_back(
        Http2Header(request.metadata->name(i), request.metadata->value(i), kHttp2Copied));
  }
  nghttp2_data_provider provider = {};
  provider.read_callback = &ClientCallbacks::SendData;
  call.id_ = nghttp2_submit_request(session_.get(), nullptr, headers.data(), headers.size(),
                                    &provider, &call);
  if (call.id_ > 0) {
    call.flags_.on_wire = true;
  } else {
    End(call, GrpcStatus(GrpcCode::kUnavailable, nghttp2_strerror(call.id_)),
        GrpcOutcome::kNeverSent);
  }
}

void GrpcClientSession::Write(ClientCall& call, string_view message) {
  if (call.flags_.done) return;
  CHECK(call.flags_.streaming && !call.flags_.out_ended);
  call.out_.Push(message);
  Resume(call);
}

void GrpcClientSession::EndWrites(ClientCall& call) {
  if (call.flags_.done || call.flags_.out_ended) return;
  call.flags_.out_ended = true;
  Resume(call);
}

void GrpcClientSession::Resume(ClientCall& call) {
  if (!std::exchange(call.flags_.deferred, false) || !call.flags_.on_wire) return;
  nghttp2_session_resume_data(session_.get(), call.id_);
}

void GrpcClientSession::PopMessage(ClientCall& call) {
  call.reader_.Pop();
  if (!call.reader_.HasMessage()) Consume(call);
  GrpcStatus fault = call.reader_.Check();
  if (fault.ok() || call.flags_.done) return;
  Reset(call);
  End(call, std::move(fault), GrpcOutcome::kUnknown);
}

void GrpcClientSession::Release(ClientCall& call) {
  CHECK(!std::exchange(call.flags_.released, true));
  CHECK(call.changed.empty());
  CHECK_EQ(calls_[call.place_].get(), &call);
  Consume(call);
  Reset(call);
  call.out_.Clear();
  call.reader_.Clear();
  std::unique_ptr<ClientCall> owned = std::move(calls_[call.place_]);
  if (call.place_ + 1 < calls_.size()) {
    calls_[call.place_] = std::move(calls_.back());
    calls_[call.place_]->place_ = call.place_;
  }
  calls_.pop_back();
  if (free_.size() < kFreeCallsMax) free_.push_back(std::move(owned));
}

// Forgets the call on the wire, and makes the server forget it.
void GrpcClientSession::Reset(ClientCall& call) {
  if (!std::exchange(call.flags_.on_wire, false)) return;
  nghttp2_session_set_stream_user_data(session_.get(), call.id_, nullptr);
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, call.id_, NGHTTP2_CANCEL);
}

void GrpcClientSession::FailAll(string_view why) {
  for (const auto& call : calls_) {
    if (call->flags_.done) continue;
    End(*call, GrpcStatus(GrpcCode::kUnavailable, std::string(why)), call->outcome_if_abandoned());
  }
}

// --- what happens on the wire --------------------------------------------------------------------

void GrpcClientSession::OnHeader(ClientCall& call, string_view name, string_view value) {
  if (call.flags_.done) return;
  if (name == ":status") {
    if (!absl::SimpleAtoi(value, &call.http_status_)) call.http_status_ = 0;
  } else if (name == "grpc-status") {
    call.flags_.has_grpc_status = true;
    call.status_.code = ParseGrpcCode(value);
  } else if (name == "grpc-message") {
    call.status_.message = PercentDecode(value.substr(0, kHeaderBytesMax));
  }
}

void GrpcClientSession::OnData(ClientCall& call, string_view bytes) {
  call.unconsumed_bytes_ += bytes.size();
  if (call.flags_.done) return Consume(call);
  const bool had_message = call.reader_.HasMessage();
  call.reader_.Append(bytes);
  GrpcStatus fault = had_message ? GrpcStatus() : call.reader_.Check();
  if (!fault.ok()) {
    Reset(call);
    return End(call, std::move(fault), GrpcOutcome::kUnknown);
  }
  if (!call.flags_.streaming || !call.reader_.HasMessage()) Consume(call);
  if (call.flags_.streaming && !had_message && call.reader_.HasMessage()) call.changed.WakeAll();
}

void GrpcClientSession::OnRemoteEnd(ClientCall& call) {
  if (call.flags_.done) return;
  if (!call.flags_.has_grpc_status) {
    GrpcStatus status(GrpcCodeOfHttpStatus(call.http_status_),
                      absl::StrCat("no gRPC status; HTTP status ", call.http_status_));
    return End(call, std::move(status), GrpcOutcome::kUnknown);
  }
  const bool is_complete = call.flags_.streaming || call.reader_.HasMessage();
  if (call.status_.ok() && !is_complete) {
    return End(call, GrpcStatus(GrpcCode::kInternal, "the response has no message"),
               GrpcOutcome::kUnknown);
  }
  End(call, std::move(call.status_), GrpcOutcome::kAnswered);
}

void GrpcClientSession::OnClose(ClientCall& call, uint32_t error_code) {
  call.flags_.on_wire = false;
  if (call.flags_.done) return;
  const bool is_untouched = error_code == NGHTTP2_REFUSED_STREAM;
  End(call,
      GrpcStatus(CodeOfHttp2Error(error_code),
                 absl::StrCat("call reset: ", nghttp2_http2_strerror(error_code))),
      is_untouched ? GrpcOutcome::kNeverSent : GrpcOutcome::kUnknown);
}

void GrpcClientSession::End(ClientCall& call, GrpcStatus status, GrpcOutcome outcome) {
  CHECK(!call.flags_.done);
  call.flags_.done = true;
  call.status_ = std::move(status);
  call.outcome_ = outcome;
  call.changed.WakeAll();
}

void GrpcClientSession::Consume(ClientCall& call) {
  const size_t bytes = std::exchange(call.unconsumed_bytes_, 0);
  if (bytes == 0 || !call.flags_.on_wire) return;
  nghttp2_session_consume_stream(session_.get(), call.id_, bytes);
}

size_t GrpcClientSession::OnSendData(ClientCall& call, uint8_t* out, size_t bytes_max,
                                     uint32_t* data_flags) {
  const size_t taken = call.out_.Take(out, bytes_max);
  if (taken > 0 && call.flags_.streaming) call.changed.WakeAll();
  if (!call.out_.empty()) return taken;
  if (call.flags_.out_ended) {
    *data_flags = NGHTTP2_DATA_FLAG_EOF;
  } else if (taken == 0) {
    call.flags_.deferred = true;
  }
  return taken;
}

}  // namespace lockstep::edge
