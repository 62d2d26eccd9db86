#ifndef LOCKSTEP_NET_JSON_TRACE_H_
#define LOCKSTEP_NET_JSON_TRACE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "framework/base/ids.h"
#include "framework/base/time.h"
#include "framework/runtime/trace.h"

namespace lockstep::net {

// "2026-01-31T23:59:59.000001Z": UTC, in whole microseconds.
std::string FormatTimestamp(WallTime time);

// Appends `text` as a JSON string. What is not UTF-8 becomes U+FFFD.
void AppendJsonString(std::string& out, std::string_view text);

// One line of JSON per event: {"ts":...,"level":...,"event":...,"node":...,"shard":...,<fields>}.
// A line is one write, so shards (and processes) may share a descriptor. A reader that is gone or
// does not keep up costs lines, never the node: lost_lines counts them.
class JsonTrace final : public runtime::Trace {
 public:
  struct Options {
    int fd = 2;
    runtime::TraceLevel level_min = runtime::TraceLevel::kInfo;
  };

  // Does not own the descriptor.
  JsonTrace(const Options& options, NodeId node, ShardId shard)
      : options_(options), node_(node), shard_(shard) {}

  bool enabled(runtime::TraceLevel level) const override { return level >= options_.level_min; }
  using Trace::Emit;
  void Emit(runtime::TraceLevel level, std::string_view name,
            absl::Span<const runtime::TraceField> fields) override;

  uint64_t lost_lines() const { return lost_lines_; }

 private:
  void WriteLine();

  Options options_;
  NodeId node_;
  ShardId shard_;
  std::string line_;  // kept for its memory
  uint64_t lost_lines_ = 0;
};

}  // namespace lockstep::net

#endif  // LOCKSTEP_NET_JSON_TRACE_H_
