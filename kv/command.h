// Command and Outcome: the bytes that go into the replicated key-value machine and come out.
//
// A command or query is one byte of CommandKind and a serialized etcdserverpb request. An outcome
// is one byte 0 and the serialized response, or one byte of gRPC code and the text of a refusal.
#ifndef LOCKSTEP_KV_COMMAND_H_
#define LOCKSTEP_KV_COMMAND_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "kv/verdict.h"

namespace google::protobuf {
class MessageLite;
}

namespace lockstep::kv {

enum class CommandKind : uint8_t {
  // Commands, for Apply.
  kPut = 1,          // PutRequest
  kDeleteRange = 2,  // DeleteRangeRequest
  kTxn = 3,          // TxnRequest; also a query, if it only reads
  kCompact = 4,      // CompactionRequest
  kSweep = 5,        // nothing; answers one byte if there is more to sweep, nothing if not
  // (6 and 19 were for members, which the framework keeps now.)
  kAlarm = 7,  // AlarmRequest that raises or takes back; answers an AlarmResponse
  // Queries.
  kRange = 16,   // RangeRequest
  kHashKv = 17,  // HashKVRequest
  kState = 18,   // nothing; answers a response that is a header alone
  kAlarms = 20,  // AlarmRequest that gets; answers an AlarmResponse
};

std::string EncodeCommand(CommandKind kind, const google::protobuf::MessageLite& request);
std::string EncodeCommand(CommandKind kind, std::string_view serialized_request);

std::string EncodeResponse(const google::protobuf::MessageLite& response);
std::string EncodeResponse(std::string_view serialized_response);
std::string EncodeRefusal(const Refusal& refusal);

// An outcome taken apart; borrows its bytes.
struct Outcome final {
  GrpcCode code = GrpcCode::kOk;
  // The serialized response, or the text of the refusal.
  std::string_view body;

  bool ok() const { return code == GrpcCode::kOk; }
};
absl::StatusOr<Outcome> DecodeOutcome(std::string_view bytes);

// The machine knows the revision; the rest of a response's header is the answering node's.
struct HeaderFields final {
  uint64_t cluster_id = 0;
  uint64_t member_id = 0;
  uint64_t raft_term = 0;
};
// The serialized response with a complete header, as one field: not every client merges two.
std::string AppendHeader(std::string_view response, const HeaderFields& fields);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_COMMAND_H_
