// What the tests of the driver's parts share: running a body in a fiber over a memory disk and a
// memory store, and short ways to make entries.
#ifndef LOCKSTEP_TESTS_FRAMEWORK_REPLICA_SUPPORT_H_
#define LOCKSTEP_TESTS_FRAMEWORK_REPLICA_SUPPORT_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "framework/base/check.h"
#include "framework/fiber/scheduler.h"
#include "framework/raft/entry.h"
#include "framework/replica/envelope.h"
#include "tests/framework/fiber/run_in_fiber.h"

namespace lockstep::replica {

inline std::string CommandOf(uint64_t session, uint64_t number, std::string_view command,
                             uint64_t acked_below = 0) {
  return EncodeEnvelope({EnvelopeKind::kCommand, SessionId(session), RequestNumber(number),
                         RequestNumber(acked_below), NodeId(0), command});
}

inline std::string RegistrationOf(uint64_t session, uint64_t owner) {
  return EncodeEnvelope({EnvelopeKind::kRegister,
                         SessionId(session),
                         RequestNumber(0),
                         RequestNumber(0),
                         NodeId(owner),
                         {}});
}

inline raft::Entry EntryOf(uint64_t index, std::string payload) {
  raft::Entry entry;
  entry.index = raft::Index(index);
  entry.term = raft::Term(1);
  entry.kind = raft::EntryKind::kCommand;
  entry.timestamp_ns = static_cast<int64_t>(1000 * index);
  entry.payload = std::make_shared<const std::string>(std::move(payload));
  return entry;
}

}  // namespace lockstep::replica

#endif  // LOCKSTEP_TESTS_FRAMEWORK_REPLICA_SUPPORT_H_
