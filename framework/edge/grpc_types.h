// The vocabulary of gRPC over HTTP/2: status codes, time-outs, metadata and how they are spelled.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_GRPC_TYPES_H_
#define LOCKSTEP_FRAMEWORK_EDGE_GRPC_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "framework/base/time.h"

namespace lockstep::edge {

// The numbers are the protocol's.
enum class GrpcCode : int {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "Unavailable", as clients print it.
absl::string_view GrpcCodeName(GrpcCode code);
// The digits that travel; a literal, so that headers can refer to it.
absl::string_view GrpcCodeDigits(GrpcCode code);
// kUnknown for what is not a code.
GrpcCode ParseGrpcCode(absl::string_view digits);
// What a client makes of a response that is HTTP but not gRPC.
GrpcCode GrpcCodeOfHttpStatus(int http_status);

// How a call ended. The message reaches the client byte for byte. A value.
struct GrpcStatus final {
  GrpcCode code = GrpcCode::kOk;
  std::string message;

  GrpcStatus() = default;
  GrpcStatus(GrpcCode c, std::string m) : code(c), message(std::move(m)) {}
  // The codes have the same numbers.
  static GrpcStatus Of(const absl::Status& status);

  bool ok() const { return code == GrpcCode::kOk; }
  bool operator==(const GrpcStatus&) const = default;
};

// grpc-message: everything but printable ASCII, and '%', becomes %XX.
std::string PercentEncode(absl::string_view text);
// Malformed escapes are kept as they are.
std::string PercentDecode(absl::string_view text);

// grpc-timeout: up to eight digits and a unit (H M S m u n). Nothing if it is malformed.
std::optional<Duration> ParseGrpcTimeout(absl::string_view text);
// Rounded up to a unit in which it fits; never less than a nanosecond.
std::string FormatGrpcTimeout(Duration timeout);

bool IsValidUtf8(absl::string_view text);

// Pairs of names (lower case) and values in the order of arrival, stored in one buffer so that a
// recycled object allocates nothing. A value.
class Metadata final {
 public:
  void Add(absl::string_view name, absl::string_view value);
  void Clear();
  // The first value of that name.
  std::optional<absl::string_view> Find(absl::string_view name) const;
  size_t size() const { return entries_.size(); }
  absl::string_view name(size_t at) const;
  absl::string_view value(size_t at) const;

 private:
  struct Entry {
    size_t begin = 0;
    size_t name_bytes = 0;
    size_t value_bytes = 0;
  };
  std::string bytes_;
  std::vector<Entry> entries_;
};

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_GRPC_TYPES_H_
