#include "framework/edge/http_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"

namespace lockstep::edge {
namespace {

constexpr size_t kReadBytes = 16 * 1024;

}  // namespace

void HttpClient::Disconnect() {
  stream_.reset();
  reader_.reset();
}

absl::Status HttpClient::Connect(Fiber& fiber, MonoTime deadline) {
  const MonoTime dialed_by = std::min(deadline, fiber.now() + options_.dial_timeout);
  ASSIGN_OR_RETURN(stream_, network_.Dial(fiber, address_, dialed_by));
  reader_ = std::make_unique<HttpReader>(HttpReader::Side::kClient, options_.limits);
  return absl::OkStatus();
}

absl::StatusOr<HttpResponse> HttpClient::Exchange(Fiber& fiber, const std::string& bytes,
                                                  MonoTime deadline) {
  stream_->SetWriteDeadline(deadline);
  stream_->SetReadDeadline(deadline);
  // (An error may mean that the server has refused already; then its answer is there.)
  const absl::Status written = stream_->Write(fiber, bytes);
  while (!reader_->is_done()) {
    char buffer[kReadBytes];
    ASSIGN_OR_RETURN(const size_t count,
                     stream_->Read(fiber, absl::MakeSpan(buffer, sizeof(buffer))));
    if (count > 0) {
      reader_->Feed({buffer, count});
    } else {
      if (!reader_->has_begun()) return absl::UnavailableError("the server closed the connection");
      reader_->FeedEnd();
    }
    if (!reader_->refusal()) continue;
    return absl::UnavailableError(
        absl::StrCat(address_, ": a bad answer: ", reader_->refusal()->reason));
  }
  bool keep_alive = false;
  HttpResponse response = reader_->TakeResponse(&keep_alive);
  if (!keep_alive || !written.ok()) Disconnect();
  return response;
}

absl::StatusOr<HttpResponse> HttpClient::Send(Fiber& fiber, const HttpRequest& request,
                                              MonoTime deadline) {
  const std::string bytes = EncodeRequest(request, address_);
  // Whoever is unwound in the middle leaves a connection behind that nobody can use.
  struct InHand {
    HttpClient& client;
    bool good = false;
    ~InHand() {
      if (!good) client.Disconnect();
    }
  } in_hand{*this};
  for (bool is_new = stream_ == nullptr;; is_new = true) {
    if (stream_ == nullptr) RETURN_IF_ERROR(Connect(fiber, deadline));
    absl::StatusOr<HttpResponse> response = Exchange(fiber, bytes, deadline);
    in_hand.good = response.ok();
    if (response.ok()) return response;
    const bool again = !is_new && !reader_->has_begun() && fiber.now() < deadline;
    Disconnect();
    if (!again) return response;
  }
}

}  // namespace lockstep::edge
