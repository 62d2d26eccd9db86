// TlsStream: one TLS connection over any stream.
//
// OpenSSL sees memory only: this class moves the records between it and the stream below, so that
// nothing of OpenSSL is on the stack when a fiber waits. As with every stream, one fiber reads and
// one writes at a time; whichever comes first does the handshake, the other waits for it.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_TLS_STREAM_H_
#define LOCKSTEP_FRAMEWORK_EDGE_TLS_STREAM_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/edge/tls_context.h"
#include "framework/fiber/scheduler.h"
#include "framework/fiber/sync.h"
#include "framework/runtime/clock.h"
#include "framework/runtime/network.h"

struct ssl_st;

namespace lockstep::edge {

enum class TlsSide { kServer, kClient };

struct TlsStreamOptions final {
  TlsSide side = TlsSide::kServer;
  std::string server_name;  // clients: the host that was dialed
  MonoTime handshake_deadline = kNoDeadline;
};

class TlsStream final : public runtime::Stream {
 public:
  // The clock decides whether certificates are valid.
  TlsStream(std::unique_ptr<runtime::Stream> below, std::shared_ptr<const TlsContext> context,
            fiber::Scheduler& scheduler, runtime::Clock& clock, TlsStreamOptions options);
  ~TlsStream() override;

  // Suspends until both sides believe each other. UNAVAILABLE says why they do not. Reads and
  // writes do this by themselves.
  absl::Status Handshake(Fiber& fiber);

  absl::StatusOr<size_t> Read(Fiber& fiber, absl::Span<char> into) override;
  absl::Status Write(Fiber& fiber, absl::string_view data) override;
  void CloseWrite() override;
  void Abort() override;
  void SetReadDeadline(MonoTime deadline) override;
  void SetWriteDeadline(MonoTime deadline) override;
  const runtime::Address& peer() const override { return below_->peer(); }

  // After the handshake: what ALPN chose ("" if nothing), and the common name that the other side's
  // certificate proves ("" without a certificate).
  std::string protocol() const;
  std::string common_name() const;

 private:
  enum class State { kNew, kShakingHands, kOpen, kFailed };
  struct Free {
    void operator()(ssl_st* p) const;
  };

  absl::Status ShakeHands(Fiber& fiber);
  absl::Status CheckOtherSide() const;
  // Why the handshake failed, in words; takes OpenSSL's error.
  absl::Status HandshakeError() const;
  // Moves one piece from below to OpenSSL. OUT_OF_RANGE: the stream below has ended.
  absl::Status ReceiveSome(Fiber& fiber);
  // Moves all that OpenSSL has for the other side. If another fiber is at it, waits for that.
  absl::Status Flush(Fiber& fiber);
  absl::Status Fail(absl::Status status);

  std::unique_ptr<runtime::Stream> below_;
  std::shared_ptr<const TlsContext> context_;
  fiber::Scheduler& scheduler_;
  TlsStreamOptions options_;
  std::unique_ptr<ssl_st, Free> ssl_;

  State state_ = State::kNew;
  absl::Status failure_;
  fiber::WaitQueue handshake_over_;
  bool is_flushing_ = false;
  fiber::WaitQueue flushed_;
  MonoTime read_deadline_ = kNoDeadline;
  std::unique_ptr<char[]> received_;
  bool is_closing_ = false;
  std::unique_ptr<fiber::Scope> closing_;  // says goodbye; last, it uses the others
};

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_TLS_STREAM_H_
