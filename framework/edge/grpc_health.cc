#include "framework/edge/grpc_health.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "framework/base/check.h"

namespace lockstep::edge {
namespace {

using absl::string_view;

constexpr uint32_t kServiceTag = 1 << 3 | 2;  // field 1 of the request, a string
constexpr uint32_t kStatusTag = 1 << 3 | 0;   // field 1 of the response, an enum

// Two messages of one field each, by hand: the edge does without protobuf.
std::optional<uint64_t> TakeVarint(string_view* bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes->front());
    bytes->remove_prefix(1);
    value |= uint64_t{byte & 0x7Fu} << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

bool SkipBytes(string_view* bytes, uint64_t count) {
  if (count > bytes->size()) return false;
  bytes->remove_prefix(static_cast<size_t>(count));
  return true;
}

bool SkipField(string_view* bytes, uint64_t wire_type) {
  std::optional<uint64_t> length;
  switch (wire_type) {
    case 0:
      return TakeVarint(bytes).has_value();
    case 1:
      return SkipBytes(bytes, 8);
    case 2:
      length = TakeVarint(bytes);
      return length.has_value() && SkipBytes(bytes, *length);
    case 5:
      return SkipBytes(bytes, 4);
    default:
      return false;
  }
}

std::optional<std::string> ParseService(string_view bytes) {
  std::string service;
  while (!bytes.empty()) {
    const std::optional<uint64_t> tag = TakeVarint(&bytes);
    if (!tag.has_value()) return std::nullopt;
    const string_view before = bytes;
    if (!SkipField(&bytes, *tag & 7)) return std::nullopt;
    if (*tag != kServiceTag) continue;
    string_view field = before.substr(0, before.size() - bytes.size());
    if (!TakeVarint(&field).has_value() || !IsValidUtf8(field)) return std::nullopt;
    service.assign(field.data(), field.size());
  }
  return service;
}

std::string EncodeStatus(GrpcHealth health) {
  if (health == GrpcHealth::kUnknown) return std::string();
  return {static_cast<char>(kStatusTag), static_cast<char>(health)};
}

GrpcStatus Malformed() {
  return GrpcStatus(GrpcCode::kInternal, "grpc: malformed HealthCheckRequest");
}

GrpcStatus Watch(Fiber& fiber, GrpcServerStream& stream, const HealthProbe& probe,
                 Duration period) {
  std::string message;
  if (!stream.Read(fiber, &message)) return Malformed();
  const std::optional<std::string> service = ParseService(message);
  if (!service.has_value()) return Malformed();
  for (std::optional<GrpcHealth> last;;) {
    const GrpcHealth health = probe(*service);
    if (health != last) stream.Write(fiber, EncodeStatus(health));
    last = health;
    fiber.SleepFor(period);  // ended by the client's reset
  }
}

}  // namespace

void AddHealthService(GrpcRegistry& registry, HealthProbe probe, Duration watch_period) {
  CHECK_GT(watch_period.count(), 0);
  registry.AddUnary("/grpc.health.v1.Health/Check",
                    [probe](Fiber&, const GrpcRequest& request, std::string* response) {
                      const std::optional<std::string> service = ParseService(request.message);
                      if (!service.has_value()) return Malformed();
                      const GrpcHealth health = probe(*service);
                      if (health == GrpcHealth::kServiceUnknown) {
                        return GrpcStatus(GrpcCode::kNotFound, "unknown service");
                      }
                      *response = EncodeStatus(health);
                      return GrpcStatus();
                    });
  registry.AddStreaming(
      "/grpc.health.v1.Health/Watch",
      [probe, watch_period](Fiber& fiber, const GrpcRequest&, GrpcServerStream& stream) {
        return Watch(fiber, stream, probe, watch_period);
      });
}

}  // namespace lockstep::edge
