// KvCall: a checker's request as an etcd call, and the answer as a checker's response.
#ifndef LOCKSTEP_KV_TESTING_KV_CALL_H_
#define LOCKSTEP_KV_TESTING_KV_CALL_H_

#include <optional>
#include <string>

#include "checkers/kv_history.h"
#include "framework/edge/grpc_client.h"

namespace lockstep::kv {

// What a client knows after a call.
enum class CallOutcome {
  kAnswered,  // `response` says what happened
  kNothing,   // it surely had and will have no effect
  kUnknown,   // it may have taken effect, or may yet
};

struct CallResult final {
  CallOutcome outcome = CallOutcome::kUnknown;
  checkers::KvResponse response;  // kAnswered
  std::string error;              // otherwise
  // No answer, and nothing to tell a user of: etcd's client sends it again by itself, to this node
  // or to another one.
  bool is_sent_again = false;
};

// Makes the call; a read's answer may be so old, if that is not 0. Suspends until it is answered or
// the deadline has passed.
CallResult CallKv(Fiber& fiber, edge::GrpcChannel& channel, const checkers::KvRequest& request,
                  MonoTime deadline, Duration max_staleness = Duration(0));

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_TESTING_KV_CALL_H_
