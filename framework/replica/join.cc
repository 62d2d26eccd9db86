#include "framework/replica/join.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"
#include "framework/replica/peer_transport.h"

namespace lockstep::replica {
namespace {

constexpr Duration kAskTimeout = Seconds(2);
constexpr Duration kRoundPause = Milliseconds(200);

absl::StatusOr<JoinInfo> AskOne(Fiber& fiber, runtime::Network& network,
                                const runtime::Address& address, MonoTime deadline) {
  ASSIGN_OR_RETURN(const auto stream, network.Dial(fiber, address, deadline));
  wire::Hello hello;
  hello.purpose = wire::Purpose::kJoin;
  // What is said here is the same in all versions.
  hello.protocol_version = wire::kProtocolVersionMin;
  hello.version_max = wire::kProtocolVersion;
  std::string bytes;
  wire::EncodeFrame(hello, &bytes);
  stream->SetWriteDeadline(deadline);
  RETURN_IF_ERROR(stream->Write(fiber, bytes));
  stream->SetReadDeadline(deadline);
  wire::FrameDecoder decoder;
  ASSIGN_OR_RETURN(const wire::Frame frame, ReadFrame(fiber, *stream, decoder));
  const auto* answer = std::get_if<wire::HelloAnswer>(&frame);
  if (answer == nullptr) return absl::InvalidArgumentError("the answer is none");
  if (answer->refusal != wire::HelloRefusal::kNone) {
    return absl::FailedPreconditionError(answer->error);
  }
  return DecodeJoinInfo(answer->info);
}

}  // namespace

absl::StatusOr<JoinInfo> AskToJoin(Fiber& fiber, runtime::Network& network,
                                   const std::vector<runtime::Address>& addresses,
                                   const std::function<absl::Status(const JoinInfo&)>& is_good,
                                   MonoTime deadline) {
  absl::Status unreachable = absl::UnavailableError("no member to ask");
  absl::Status refused;
  for (;;) {
    for (const runtime::Address& address : addresses) {
      auto info = AskOne(fiber, network, address, std::min(deadline, fiber.now() + kAskTimeout));
      if (!info.ok()) {
        unreachable = absl::UnavailableError(absl::StrCat(address, ": ", info.status().message()));
        continue;
      }
      refused = is_good(*info);
      if (refused.ok()) return info;
    }
    // Whoever refused may not have heard yet what the others decided.
    if (fiber.now() + kRoundPause >= deadline) return refused.ok() ? unreachable : refused;
    fiber.SleepFor(kRoundPause);
  }
}

}  // namespace lockstep::replica
