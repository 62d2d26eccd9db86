#include "framework/edge/grpc_types.h"

#include <array>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::edge {
namespace {

struct CodeText {
  absl::string_view digits;
  absl::string_view name;
};

constexpr std::array<CodeText, 17> kCodes = {{
    {"0", "OK"},
    {"1", "Canceled"},
    {"2", "Unknown"},
    {"3", "InvalidArgument"},
    {"4", "DeadlineExceeded"},
    {"5", "NotFound"},
    {"6", "AlreadyExists"},
    {"7", "PermissionDenied"},
    {"8", "ResourceExhausted"},
    {"9", "FailedPrecondition"},
    {"10", "Aborted"},
    {"11", "OutOfRange"},
    {"12", "Unimplemented"},
    {"13", "Internal"},
    {"14", "Unavailable"},
    {"15", "DataLoss"},
    {"16", "Unauthenticated"},
}};

struct TimeoutUnit {
  char letter;
  int64_t ns;
};

constexpr std::array<TimeoutUnit, 6> kTimeoutUnits = {{
    {'n', 1},
    {'u', 1'000},
    {'m', 1'000'000},
    {'S', 1'000'000'000},
    {'M', 60'000'000'000},
    {'H', 3'600'000'000'000},
}};
constexpr int64_t kTimeoutDigitsMax = 99'999'999;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Bytes of the UTF-8 sequence that starts at `at`, 0 if it is malformed.
size_t Utf8SequenceBytes(absl::string_view text, size_t at) {
  const auto byte = [&](size_t i) -> unsigned { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(at);
  size_t bytes = 0;
  unsigned code_point = 0;
  unsigned smallest = 0;
  if (first < 0x80) return 1;
  if ((first & 0xE0) == 0xC0) {
    bytes = 2, code_point = first & 0x1F, smallest = 0x80;
  } else if ((first & 0xF0) == 0xE0) {
    bytes = 3, code_point = first & 0x0F, smallest = 0x800;
  } else if ((first & 0xF8) == 0xF0) {
    bytes = 4, code_point = first & 0x07, smallest = 0x10000;
  } else {
    return 0;
  }
  if (at + bytes > text.size()) return 0;
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
    code_point = (code_point << 6) | (byte(at + i) & 0x3F);
  }
  const bool is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  return code_point < smallest || code_point > 0x10FFFF || is_surrogate ? 0 : bytes;
}

}  // namespace

absl::string_view GrpcCodeName(GrpcCode code) { return kCodes.at(static_cast<size_t>(code)).name; }

absl::string_view GrpcCodeDigits(GrpcCode code) {
  return kCodes.at(static_cast<size_t>(code)).digits;
}

GrpcCode ParseGrpcCode(absl::string_view digits) {
  for (size_t i = 0; i < kCodes.size(); ++i) {
    if (kCodes[i].digits == digits) return static_cast<GrpcCode>(i);
  }
  return GrpcCode::kUnknown;
}

GrpcCode GrpcCodeOfHttpStatus(int http_status) {
  switch (http_status) {
    case 400:
      return GrpcCode::kInternal;
    case 401:
      return GrpcCode::kUnauthenticated;
    case 403:
      return GrpcCode::kPermissionDenied;
    case 404:
      return GrpcCode::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return GrpcCode::kUnavailable;
    default:
      return GrpcCode::kUnknown;
  }
}

GrpcStatus GrpcStatus::Of(const absl::Status& status) {
  const int code = static_cast<int>(status.code());
  CHECK_LT(code, static_cast<int>(kCodes.size()));
  return GrpcStatus(static_cast<GrpcCode>(code), std::string(status.message()));
}

std::string PercentEncode(absl::string_view text) {
  constexpr absl::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7E && c != '%') {
      encoded.push_back(c);
    } else {
      encoded.push_back('%');
      encoded.push_back(kHex[byte >> 4]);
      encoded.push_back(kHex[byte & 15]);
    }
  }
  return encoded;
}

std::string PercentDecode(absl::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const bool has_digits = text[i] == '%' && i + 2 < text.size();
    const int high = has_digits ? HexValue(text[i + 1]) : -1;
    const int low = has_digits ? HexValue(text[i + 2]) : -1;
    if (high >= 0 && low >= 0) {
      decoded.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return decoded;
}

std::optional<Duration> ParseGrpcTimeout(absl::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  int64_t count = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return std::nullopt;
    count = count * 10 + (c - '0');
  }
  for (const TimeoutUnit& unit : kTimeoutUnits) {
    if (unit.letter != text.back()) continue;
    // The longest that can be spelled, 10^8 hours, is longer than 2^63 ns: three centuries will do.
    constexpr int64_t kLongest = int64_t{1} << 62;
    return Duration(count > kLongest / unit.ns ? kLongest : count * unit.ns);
  }
  return std::nullopt;
}

std::string FormatGrpcTimeout(Duration timeout) {
  const int64_t ns = timeout.count() < 1 ? 1 : timeout.count();
  for (const TimeoutUnit& unit : kTimeoutUnits) {
    const int64_t count = ns / unit.ns + (ns % unit.ns != 0 ? 1 : 0);
    if (count <= kTimeoutDigitsMax) return absl::StrCat(count, absl::string_view(&unit.letter, 1));
  }
  return absl::StrCat(kTimeoutDigitsMax, "H");
}

bool IsValidUtf8(absl::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t bytes = Utf8SequenceBytes(text, at);
    if (bytes == 0) return false;
    at += bytes;
  }
  return true;
}

void Metadata::Add(absl::string_view name, absl::string_view value) {
  entries_.push_back({bytes_.size(), name.size(), value.size()});
  bytes_.append(name.data(), name.size());
  bytes_.append(value.data(), value.size());
}

void Metadata::Clear() {
  bytes_.clear();
  entries_.clear();
}

std::optional<absl::string_view> Metadata::Find(absl::string_view wanted) const {
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (name(i) == wanted) return value(i);
  }
  return std::nullopt;
}

absl::string_view Metadata::name(size_t at) const {
  const Entry& entry = entries_.at(at);
  return absl::string_view(bytes_).substr(entry.begin, entry.name_bytes);
}

absl::string_view Metadata::value(size_t at) const {
  const Entry& entry = entries_.at(at);
  return absl::string_view(bytes_).substr(entry.begin + entry.name_bytes, entry.value_bytes);
}

}  // namespace lockstep::edge
