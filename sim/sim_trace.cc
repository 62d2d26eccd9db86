#include "sim/sim_trace.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "framework/base/checksum.h"
#include "sim/recorder.h"

namespace lockstep::sim {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

uint64_t HashOf(const TraceEvent& event) {
  uint64_t hash = base::Checksum64(event.name, event.shard.value());
  for (const runtime::TraceField& field : event.fields) {
    hash = base::Checksum64(field.key, hash);
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      hash = base::Checksum64(*text, hash);
    } else if (const auto* number = std::get_if<uint64_t>(&field.value)) {
      hash = base::Mix64(hash ^ *number);
    } else {
      hash = base::Mix64(hash ^ static_cast<uint64_t>(std::get<int64_t>(field.value)));
    }
  }
  return hash;
}

}  // namespace

void TraceRing::Add(VirtualTime at, const TraceEvent& event) {
  if (lines_max_ > 0) {
    if (lines_.size() < lines_max_) lines_.emplace_back();
    std::string& line = lines_[next_];
    next_ = (next_ + 1) % lines_max_;
    line.clear();
    absl::StrAppend(&line, at.ns / 1'000'000'000, ".",
                    absl::Dec(at.ns % 1'000'000'000, absl::kZeroPad9), "s n", event.node.value(),
                    "/", event.shard.value(), " ", View(event.name));
    for (const runtime::TraceField& field : event.fields) {
      absl::StrAppend(&line, " ", View(field.key), "=");
      if (const auto* text = std::get_if<std::string_view>(&field.value)) {
        absl::StrAppend(&line, View(*text));
      } else if (const auto* number = std::get_if<uint64_t>(&field.value)) {
        absl::StrAppend(&line, *number);
      } else {
        absl::StrAppend(&line, std::get<int64_t>(field.value));
      }
    }
  }
  if (on_emit_) on_emit_(event);
}

std::vector<std::string> TraceRing::Lines() const {
  std::vector<std::string> ordered;
  const size_t start = lines_.size() < lines_max_ ? 0 : next_;
  for (size_t i = 0; i < lines_.size(); ++i) {
    ordered.push_back(lines_[(start + i) % lines_.size()]);
  }
  return ordered;
}

void SimTrace::Emit(runtime::TraceLevel level, std::string_view name,
                    absl::Span<const runtime::TraceField> fields) {
  if (!process_.alive()) return;
  const TraceEvent event{process_.node(), shard_, level, name, fields};
  World& world = process_.world();
  world.Note({process_.node(), EventKind::kTrace, StreamId(name)}, HashOf(event));
  if (Recorder* recorder = world.recorder()) recorder->OnTrace(world.now(), event);
  ring_.Add(world.now(), event);
}

}  // namespace lockstep::sim
