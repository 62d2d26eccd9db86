// Refusals: what the key-value API answers instead of a response. The texts are etcd's, to the
// letter, because clients compare them.
#ifndef LOCKSTEP_KV_VERDICT_H_
#define LOCKSTEP_KV_VERDICT_H_

#include <string_view>

namespace lockstep::kv {

// gRPC status codes, as on the wire.
enum class GrpcCode : unsigned char {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
};

struct Refusal final {
  GrpcCode code;
  std::string_view text;
};

// Null: nothing speaks against it. Otherwise one of the constants below.
using Verdict = const Refusal*;

inline constexpr Refusal kEmptyKey{GrpcCode::kInvalidArgument, "etcdserver: key is not provided"};
inline constexpr Refusal kKeyNotFound{GrpcCode::kInvalidArgument, "etcdserver: key not found"};
inline constexpr Refusal kValueProvided{GrpcCode::kInvalidArgument,
                                        "etcdserver: value is provided"};
inline constexpr Refusal kLeaseProvided{GrpcCode::kInvalidArgument,
                                        "etcdserver: lease is provided"};
inline constexpr Refusal kTooManyOps{GrpcCode::kInvalidArgument,
                                     "etcdserver: too many operations in txn request"};
inline constexpr Refusal kDuplicateKey{GrpcCode::kInvalidArgument,
                                       "etcdserver: duplicate key given in txn request"};
inline constexpr Refusal kInvalidSortOption{GrpcCode::kInvalidArgument,
                                            "etcdserver: invalid sort option"};
inline constexpr Refusal kRequestTooLarge{GrpcCode::kInvalidArgument,
                                          "etcdserver: request is too large"};
inline constexpr Refusal kTooManyRequests{GrpcCode::kResourceExhausted,
                                          "etcdserver: too many requests"};
inline constexpr Refusal kCompacted{GrpcCode::kOutOfRange,
                                    "etcdserver: mvcc: required revision has been compacted"};
inline constexpr Refusal kFutureRevision{
    GrpcCode::kOutOfRange, "etcdserver: mvcc: required revision is a future revision"};
inline constexpr Refusal kLeaseNotFound{GrpcCode::kNotFound,
                                        "etcdserver: requested lease not found"};
inline constexpr Refusal kNoSpace{GrpcCode::kResourceExhausted,
                                  "etcdserver: mvcc: database space exceeded"};
inline constexpr Refusal kCorrupt{GrpcCode::kDataLoss, "etcdserver: corrupt cluster"};
// Ours: an entry of a kind that this version does not know, or whose content does not parse.
inline constexpr Refusal kUnknownCommand{GrpcCode::kInternal, "etcdserver: unknown command"};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_VERDICT_H_
