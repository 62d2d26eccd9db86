#include "sim/stream_class.h"

#include <algorithm>
#include <initializer_list>

namespace lockstep::sim {
namespace {

bool StartsWithOneOf(std::string_view stream, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view name) { return stream.starts_with(name); });
}

}  // namespace

StreamClass ClassOf(std::string_view stream) {
  if (stream == "client.turn") return StreamClass::kTurn;
  if (stream.starts_with("shape.")) return StreamClass::kShape;
  if (stream.starts_with("profile.")) return StreamClass::kSetting;
  if (StartsWithOneOf(stream, {"nemesis.", "churn.", "ambush.", "atlas.", "core."})) {
    return StreamClass::kDisaster;
  }
  if (stream.ends_with("_ns") ||
      StartsWithOneOf(stream,
                      {"net.jitter", "net.tail", "net.link_delay", "net.partial_", "net.read_size",
                       "net.write_size", "sched.", "offload.", "mailbox.", "store.job"})) {
    return StreamClass::kNoise;
  }
  return StreamClass::kFault;
}

}  // namespace lockstep::sim
