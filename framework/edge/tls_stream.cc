#include "framework/edge/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/edge/tls_handles.h"

namespace lockstep::edge {
namespace {

// One TLS record and its frame fit (RFC 8446 5.1).
constexpr size_t kReceiveBytes = size_t{17} * 1024;
// Of one Write at a time; bounds what waits in memory as ciphertext.
constexpr size_t kEncryptBytesMax = size_t{64} * 1024;
constexpr Duration kGoodbyeTimeout = Seconds(2);
constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

std::string CommonName(const X509* certificate) {
  char name[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof(name));
  return name;
}

bool IsAddress(const std::string& host) {
  const TlsHandle<ASN1_OCTET_STRING> address(a2i_IPADDRESS(host.c_str()));
  ERR_clear_error();
  return address != nullptr;
}

bool IsNamed(X509* certificate, const std::string& name) {
  if (CommonName(certificate) == name) return true;
  if (IsAddress(name)) return X509_check_ip_asc(certificate, name.c_str(), 0) == 1;
  return X509_check_host(certificate, name.data(), name.size(), 0, nullptr) == 1;
}

// The name that the server has to prove, and by which it may choose a certificate (SNI, names
// only).
void ExpectServer(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* const checks = SSL_get0_param(ssl);
  if (IsAddress(host)) {
    CHECK_EQ(X509_VERIFY_PARAM_set1_ip_asc(checks, host.c_str()), 1);
    return;
  }
  CHECK_EQ(SSL_set_tlsext_host_name(ssl, host.c_str()), 1);
  CHECK_EQ(X509_VERIFY_PARAM_set1_host(checks, host.data(), host.size()), 1);
}

ssl_st* NewConnection(const TlsContext& context, const TlsStreamOptions& options, WallTime now) {
  SSL* const ssl = SSL_new(context.handle());
  CHECK(ssl != nullptr) << TakeTlsError();
  BIO* const in = BIO_new(BIO_s_mem());
  BIO* const out = BIO_new(BIO_s_mem());
  CHECK(in != nullptr && out != nullptr);
  BIO_set_mem_eof_return(in, -1);  // empty means "not yet", not the end
  SSL_set_bio(ssl, in, out);
  const TlsPolicy& policy = context.policy();
  X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl), now.ns / kNanosecondsPerSecond);
  if (options.side == TlsSide::kServer) {
    SSL_set_accept_state(ssl);
    SSL_set_verify(ssl,
                   policy.requires_client_certificate
                       ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                       : SSL_VERIFY_NONE,
                   nullptr);
    return ssl;
  }
  SSL_set_connect_state(ssl);
  SSL_set_verify(ssl, policy.verifies_server ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (policy.verifies_server) ExpectServer(ssl, options.server_name);
  return ssl;
}

}  // namespace

void TlsStream::Free::operator()(ssl_st* p) const { SSL_free(p); }

TlsStream::TlsStream(std::unique_ptr<runtime::Stream> below,
                     std::shared_ptr<const TlsContext> context, fiber::Scheduler& scheduler,
                     runtime::Clock& clock, TlsStreamOptions options)
    : below_(std::move(below)),
      context_(std::move(context)),
      scheduler_(scheduler),
      options_(std::move(options)),
      ssl_(NewConnection(*context_, options_, clock.Wall())) {
  SetReadDeadline(kNoDeadline);
}

TlsStream::~TlsStream() = default;

absl::Status TlsStream::Handshake(Fiber& fiber) {
  while (state_ == State::kShakingHands) handshake_over_.Wait(fiber);
  if (state_ == State::kOpen) return absl::OkStatus();
  if (state_ == State::kFailed) return failure_;
  state_ = State::kShakingHands;
  // If this fiber is unwound, whoever comes next goes on with it.
  const absl::Cleanup over = [this] {
    if (state_ == State::kShakingHands) state_ = State::kNew;
    handshake_over_.WakeAll();
  };
  absl::Status status = ShakeHands(fiber);
  if (status.ok()) status = CheckOtherSide();
  if (!status.ok()) return Fail(std::move(status));
  state_ = State::kOpen;
  SetReadDeadline(read_deadline_);
  return absl::OkStatus();
}

absl::Status TlsStream::ShakeHands(Fiber& fiber) {
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    absl::Status failed;
    if (result != 1 && SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) {
      failed = HandshakeError();
    }
    // Also a failure has something to say: the alert that tells the other side why.
    const absl::Status flushed = Flush(fiber);
    if (!failed.ok()) return failed;
    RETURN_IF_ERROR(flushed);
    if (result == 1) return absl::OkStatus();
    const absl::Status received = ReceiveSome(fiber);
    if (absl::IsOutOfRange(received)) {
      return absl::UnavailableError("the connection ended during the TLS handshake");
    }
    RETURN_IF_ERROR(received);
  }
}

absl::Status TlsStream::HandshakeError() const {
  const long verdict = SSL_get_verify_result(ssl_.get());
  const std::string error = TakeTlsError();
  if (verdict != X509_V_OK) {
    return absl::UnavailableError(
        absl::StrCat("TLS handshake: the certificate of the other side is refused: ",
                     X509_verify_cert_error_string(verdict)));
  }
  return absl::UnavailableError(absl::StrCat("TLS handshake: ", error));
}

absl::Status TlsStream::CheckOtherSide() const {
  const std::vector<std::string>& allowed = context_->policy().allowed_names;
  if (allowed.empty()) return absl::OkStatus();
  const TlsHandle<X509> certificate(SSL_get1_peer_certificate(ssl_.get()));
  if (certificate == nullptr) {
    return absl::UnavailableError("TLS handshake: the other side showed no certificate");
  }
  for (const std::string& name : allowed) {
    if (IsNamed(certificate.get(), name)) return absl::OkStatus();
  }
  return absl::UnavailableError(
      absl::StrCat("TLS handshake: the certificate of ", CommonName(certificate.get()),
                   " has none of the allowed names ", absl::StrJoin(allowed, ",")));
}

absl::StatusOr<size_t> TlsStream::Read(Fiber& fiber, absl::Span<char> into) {
  RETURN_IF_ERROR(Handshake(fiber));
  for (;;) {
    if (state_ == State::kFailed) return failure_;
    ERR_clear_error();
    size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &count);
    const int error = SSL_get_error(ssl_.get(), result);
    if (result == 1) return count;
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    if (error != SSL_ERROR_WANT_READ) {
      return Fail(absl::UnavailableError(absl::StrCat("TLS: ", TakeTlsError())));
    }
    // A change of keys wants an answer; a writer that is at it takes it along.
    if (!is_flushing_) RETURN_IF_ERROR(Flush(fiber));
    const absl::Status received = ReceiveSome(fiber);
    if (absl::IsOutOfRange(received)) {
      return absl::UnavailableError("the connection ended without TLS's farewell: cut off");
    }
    RETURN_IF_ERROR(received);
  }
}

absl::Status TlsStream::Write(Fiber& fiber, absl::string_view data) {
  RETURN_IF_ERROR(Handshake(fiber));
  if (is_closing_) return absl::UnavailableError("write after CloseWrite");
  while (!data.empty()) {
    if (state_ == State::kFailed) return failure_;
    ERR_clear_error();
    size_t count = 0;
    const size_t some = std::min(data.size(), kEncryptBytesMax);
    const int result = SSL_write_ex(ssl_.get(), data.data(), some, &count);
    if (result != 1) {
      return Fail(absl::UnavailableError(absl::StrCat("TLS: ", TakeTlsError())));
    }
    data.remove_prefix(count);
    RETURN_IF_ERROR(Flush(fiber));
  }
  return absl::OkStatus();
}

absl::Status TlsStream::ReceiveSome(Fiber& fiber) {
  if (received_ == nullptr) received_ = std::make_unique<char[]>(kReceiveBytes);
  const auto count = below_->Read(fiber, absl::MakeSpan(received_.get(), kReceiveBytes));
  if (!count.ok()) return count.status();
  if (*count == 0) return absl::OutOfRangeError("end of stream");
  BIO* const in = SSL_get_rbio(ssl_.get());
  CHECK_EQ(BIO_write(in, received_.get(), static_cast<int>(*count)), static_cast<int>(*count));
  return absl::OkStatus();
}

absl::Status TlsStream::Flush(Fiber& fiber) {
  BIO* const out = SSL_get_wbio(ssl_.get());
  while (is_flushing_) flushed_.Wait(fiber);
  std::string records;
  while (const size_t size = BIO_ctrl_pending(out)) {
    records.resize(size);
    CHECK_EQ(BIO_read(out, records.data(), static_cast<int>(size)), static_cast<int>(size));
    is_flushing_ = true;
    const absl::Cleanup over = [this] {
      is_flushing_ = false;
      flushed_.WakeAll();
    };
    RETURN_IF_ERROR(below_->Write(fiber, records));
  }
  return absl::OkStatus();
}

absl::Status TlsStream::Fail(absl::Status status) {
  state_ = State::kFailed;
  failure_ = std::move(status);
  return failure_;
}

void TlsStream::CloseWrite() {
  if (is_closing_) return;
  is_closing_ = true;
  if (state_ != State::kOpen) return below_->CloseWrite();
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  closing_ = std::make_unique<fiber::Scope>(scheduler_);
  closing_->Spawn("tls.close", [this](Fiber& fiber) {
    below_->SetWriteDeadline(fiber.now() + kGoodbyeTimeout);
    Flush(fiber).IgnoreError();  // whoever is gone needs no farewell
    below_->CloseWrite();
  });
}

void TlsStream::Abort() {
  if (state_ != State::kFailed)
    Fail(absl::CancelledError("the connection was aborted")).IgnoreError();
  below_->Abort();
}

void TlsStream::SetReadDeadline(MonoTime deadline) {
  read_deadline_ = deadline;
  const bool open = state_ == State::kOpen;
  below_->SetReadDeadline(open ? deadline : std::min(deadline, options_.handshake_deadline));
}

void TlsStream::SetWriteDeadline(MonoTime deadline) { below_->SetWriteDeadline(deadline); }

std::string TlsStream::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string TlsStream::common_name() const {
  const TlsHandle<X509> certificate(SSL_get1_peer_certificate(ssl_.get()));
  return certificate == nullptr ? "" : CommonName(certificate.get());
}

}  // namespace lockstep::edge
