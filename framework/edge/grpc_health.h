// grpc.health.v1.Health, as load balancers and probes ask for it.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_GRPC_HEALTH_H_
#define LOCKSTEP_FRAMEWORK_EDGE_GRPC_HEALTH_H_

#include <functional>

#include "absl/strings/string_view.h"
#include "framework/base/time.h"
#include "framework/edge/grpc_service.h"

namespace lockstep::edge {

// The numbers are the protocol's.
enum class GrpcHealth : int {
  kUnknown = 0,
  kServing = 1,
  kNotServing = 2,
  kServiceUnknown = 3,  // no service of that name; Check then answers NotFound
};

// Does not suspend. "" asks for the server as a whole.
using HealthProbe = std::function<GrpcHealth(absl::string_view service)>;

// Adds Check, and Watch, which asks the probe every `watch_period` and sends changes.
void AddHealthService(GrpcRegistry& registry, HealthProbe probe,
                      Duration watch_period = Seconds(1));

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_GRPC_HEALTH_H_
