#include "framework/edge/http_message.h"

#include <algorithm>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::edge {
namespace {

namespace http = boost::beast::http;

HttpRefusal RefusalOf(const boost::system::error_code& error) {
  if (error == http::error::header_limit) return {431, "the header is too large"};
  if (error == http::error::body_limit) return {413, "the body is too large"};
  return {400, absl::StrCat("malformed HTTP: ", error.message())};
}

template <typename Message>
HttpHeaders HeadersOf(const Message& message) {
  HttpHeaders headers;
  for (const auto& field : message) {
    headers.Add({field.name_string().data(), field.name_string().size()},
                {field.value().data(), field.value().size()});
  }
  return headers;
}

bool IsClean(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) >= 0x20 && c != 0x7F; });
}

// (What would end the line early ends the program instead: names and values are ours.)
void AppendHeaders(const HttpHeaders& headers, std::optional<size_t> body_bytes, std::string& out) {
  for (const auto& [name, value] : headers.all()) {
    CHECK(IsClean(name) && IsClean(value)) << name;
    absl::StrAppend(&out, name, ": ", value, "\r\n");
  }
  if (body_bytes) absl::StrAppend(&out, "Content-Length: ", *body_bytes, "\r\n");
  out += "\r\n";
}

}  // namespace

class HttpReader::Core final {
 public:
  Core(Side side, const HttpLimits& limits) : side_(side), limits_(limits) { Begin(); }

  void Feed(std::string_view bytes) {
    if (refusal_) return;
    unread_.append(bytes);
    Parse();
  }
  void FeedEnd() {
    if (refusal_ || is_done()) return;
    boost::system::error_code error;
    if (side_ == Side::kClient && has_header()) response_->put_eof(error);
    if (!is_done()) refusal_ = HttpRefusal{400, "the message is cut off"};
  }

  bool has_begun() const { return begun_; }
  bool has_header() const {
    return side_ == Side::kServer ? request_->is_header_done() : response_->is_header_done();
  }
  bool is_done() const {
    return !refusal_ && (side_ == Side::kServer ? request_->is_done() : response_->is_done());
  }
  const std::optional<HttpRefusal>& refusal() const { return refusal_; }
  bool expects_continue() const {
    return side_ == Side::kServer && request_->get()[http::field::expect] == "100-continue";
  }
  size_t body_bytes_announced() const {
    const auto length =
        side_ == Side::kServer ? request_->content_length() : response_->content_length();
    if (length) return static_cast<size_t>(*length);
    const bool chunked = side_ == Side::kServer ? request_->chunked() : response_->chunked();
    return chunked ? limits_.body_bytes_max : 0;
  }

  HttpRequest TakeRequest(bool* keep_alive) {
    CHECK(side_ == Side::kServer && is_done());
    auto message = request_->release();
    *keep_alive = message.keep_alive();
    HttpRequest taken;
    taken.method = std::string(message.method_string());
    taken.target = std::string(message.target());
    taken.headers = HeadersOf(message);
    taken.body = std::move(message.body());
    Begin();
    Parse();
    return taken;
  }
  HttpResponse TakeResponse(bool* keep_alive) {
    CHECK(side_ == Side::kClient && is_done());
    auto message = response_->release();
    *keep_alive = message.keep_alive();
    HttpResponse taken;
    taken.status = static_cast<int>(message.result_int());
    taken.headers = HeadersOf(message);
    taken.body = std::move(message.body());
    Begin();
    Parse();
    return taken;
  }

 private:
  template <typename Parser>
  void Limit(Parser& parser) {
    parser.header_limit(static_cast<uint32_t>(limits_.header_bytes_max));
    parser.body_limit(limits_.body_bytes_max);
    parser.eager(true);
  }
  void Begin() {
    begun_ = false;
    if (side_ == Side::kServer) {
      Limit(request_.emplace());
    } else {
      Limit(response_.emplace());
    }
  }

  template <typename Parser>
  void ParseWith(Parser& parser) {
    while (!unread_.empty() && !parser.is_done()) {
      begun_ = true;
      boost::system::error_code error;
      const size_t taken =
          parser.put(boost::asio::const_buffer(unread_.data(), unread_.size()), error);
      unread_.erase(0, taken);
      if (error == http::error::need_more) {
        // (It asks for the whole header at once, whose limit it does not see until then.)
        if (!parser.is_header_done() && unread_.size() > limits_.header_bytes_max)
          error = http::error::header_limit;
        else
          return;
      }
      if (error) {
        refusal_ = RefusalOf(error);
        unread_.clear();
        return;
      }
    }
  }
  void Parse() {
    if (side_ == Side::kServer) {
      ParseWith(*request_);
    } else {
      ParseWith(*response_);
    }
  }

  const Side side_;
  const HttpLimits limits_;
  std::optional<http::request_parser<http::string_body>> request_;
  std::optional<http::response_parser<http::string_body>> response_;
  std::string unread_;
  bool begun_ = false;
  std::optional<HttpRefusal> refusal_;
};

HttpReader::HttpReader(Side side, const HttpLimits& limits)
    : core_(std::make_unique<Core>(side, limits)) {}
HttpReader::~HttpReader() = default;

void HttpReader::Feed(std::string_view bytes) { core_->Feed(bytes); }
void HttpReader::FeedEnd() { core_->FeedEnd(); }
bool HttpReader::has_begun() const { return core_->has_begun(); }
bool HttpReader::has_header() const { return core_->has_header(); }
bool HttpReader::is_done() const { return core_->is_done(); }
const std::optional<HttpRefusal>& HttpReader::refusal() const { return core_->refusal(); }
bool HttpReader::expects_continue() const { return core_->expects_continue(); }
size_t HttpReader::body_bytes_announced() const { return core_->body_bytes_announced(); }
HttpRequest HttpReader::TakeRequest(bool* keep_alive) { return core_->TakeRequest(keep_alive); }
HttpResponse HttpReader::TakeResponse(bool* keep_alive) { return core_->TakeResponse(keep_alive); }

std::string EncodeRequest(const HttpRequest& request, std::string_view host) {
  CHECK(IsClean(request.method) && IsClean(request.target) && IsClean(host));
  std::string out = absl::StrCat(request.method, " ", request.target,
                                 " HTTP/1.1\r\nHost: ", std::string(host), "\r\n");
  AppendHeaders(request.headers, request.body.size(), out);
  out += request.body;
  return out;
}

std::string EncodeResponse(const HttpResponse& response, bool keep_alive) {
  std::string out = absl::StrCat("HTTP/1.1 ", response.status, " ",
                                 std::string(HttpReason(response.status)), "\r\n");
  if (!keep_alive) out += "Connection: close\r\n";
  AppendHeaders(response.headers,
                response.more ? std::nullopt : std::optional<size_t>(response.body.size()), out);
  out += response.body;
  return out;
}

}  // namespace lockstep::edge
