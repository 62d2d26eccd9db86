#include "kv/command.h"

#include "framework/base/check.h"
#include "kv/proto/rpc.pb.h"

namespace lockstep::kv {
namespace {

constexpr char kHeaderTag = 0x0A;  // field 1, length-delimited, in every response

void AppendSerialized(const google::protobuf::MessageLite& message, std::string& out) {
  CHECK(message.AppendPartialToString(&out));
}

// Takes the header field off the front of a serialized response, where our own writer puts it.
std::string_view ConsumeHeader(std::string_view& response) {
  if (response.size() < 2 || response[0] != kHeaderTag) return {};
  const auto size = static_cast<uint8_t>(response[1]);
  CHECK_LT(size, 0x80);  // a revision alone is short
  CHECK_LE(size + 2u, response.size());
  const std::string_view header = response.substr(2, size);
  response.remove_prefix(2u + size);
  return header;
}

}  // namespace

std::string EncodeCommand(CommandKind kind, const google::protobuf::MessageLite& request) {
  std::string out(1, static_cast<char>(kind));
  AppendSerialized(request, out);
  return out;
}

std::string EncodeCommand(CommandKind kind, std::string_view serialized_request) {
  std::string out;
  out.reserve(1 + serialized_request.size());
  out.push_back(static_cast<char>(kind));
  out.append(serialized_request);
  return out;
}

std::string EncodeResponse(const google::protobuf::MessageLite& response) {
  std::string out(1, '\0');
  AppendSerialized(response, out);
  return out;
}

std::string EncodeResponse(std::string_view serialized_response) {
  std::string out(1, '\0');
  out.append(serialized_response);
  return out;
}

std::string EncodeRefusal(const Refusal& refusal) {
  CHECK(refusal.code != GrpcCode::kOk);
  std::string out(1, static_cast<char>(refusal.code));
  out.append(refusal.text);
  return out;
}

absl::StatusOr<Outcome> DecodeOutcome(std::string_view bytes) {
  if (bytes.empty() || static_cast<uint8_t>(bytes.front()) > 16) {
    return absl::InternalError("malformed outcome of a command");
  }
  return Outcome{static_cast<GrpcCode>(bytes.front()), bytes.substr(1)};
}

std::string AppendHeader(std::string_view response, const HeaderFields& fields) {
  etcdserverpb::ResponseHeader header;
  const std::string_view known = ConsumeHeader(response);
  CHECK(header.ParseFromArray(known.data(), static_cast<int>(known.size())));
  header.set_cluster_id(fields.cluster_id);
  header.set_member_id(fields.member_id);
  header.set_raft_term(fields.raft_term);
  const size_t size = header.ByteSizeLong();
  CHECK_LT(size, 0x80u);  // four numbers
  std::string out;
  out.reserve(2 + size + response.size());
  out.push_back(kHeaderTag);
  out.push_back(static_cast<char>(size));
  AppendSerialized(header, out);
  out.append(response);
  return out;
}

}  // namespace lockstep::kv
