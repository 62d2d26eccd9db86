#include "framework/replica/scrubber.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "framework/base/status_macros.h"
#include "framework/replica/log_scrub.h"
#include "framework/replica/marks.h"

namespace lockstep::replica {

Scrubber::Scrubber(runtime::Environment& environment, Log& log, std::string log_directory,
                   const LogIdentity& identity, machine::OrderedStore& store,
                   const ScrubOptions& options)
    : environment_(environment),
      log_(log),
      log_directory_(std::move(log_directory)),
      identity_(identity),
      store_(store),
      options_(options),
      pace_(options.bytes_per_second) {}

absl::Status Scrubber::Run(Fiber& fiber) {
  fiber::Event never;
  if (options_.bytes_per_second == 0) never.Wait(fiber);
  for (;;) {
    const MonoTime begun = fiber.now();
    CheckLog(fiber);
    RETURN_IF_ERROR(CheckStore(fiber));
    ++stats_.passes;
    environment_.trace.Emit(
        runtime::TraceLevel::kDebug, "scrub.pass",
        {{"passes", stats_.passes}, {"bytes", stats_.bytes}, {"log_damages", stats_.log_damages}});
    // (A pass has to end some time, also when nothing is there to be read.)
    fiber.SleepUntil(std::max(begun + options_.interval, fiber.now() + Milliseconds(1)));
  }
}

void Scrubber::CheckLog(Fiber& fiber) {
  for (const SegmentExtent& segment : log_.segments()) {
    if (segment.used_bytes == 0) continue;
    const absl::Status status = CheckSegment(fiber, environment_.disk, log_directory_, identity_,
                                             segment.sequence, segment.used_bytes, pace_);
    stats_.bytes += segment.used_bytes;
    // Of a file that was dropped, and perhaps used again, nothing is to be said.
    if (status.ok() || !IsKept(segment.sequence)) continue;
    Tell("scrub.log_damaged", status);
    // (A device that did not answer is asked again in the next pass.)
    if (!absl::IsDataLoss(status)) continue;
    marks::Reach(kMarkScrubFoundLog);
    ++stats_.log_damages;
    log_.WriteAnew();
    return;
  }
}

bool Scrubber::IsKept(uint64_t sequence) const {
  const std::vector<SegmentExtent> kept = log_.segments();
  return std::any_of(kept.begin(), kept.end(),
                     [&](const SegmentExtent& one) { return one.sequence == sequence; });
}

absl::Status Scrubber::CheckStore(Fiber& fiber) {
  std::string name;
  do {
    const absl::StatusOr<uint64_t> bytes = store_.VerifyNextFile(fiber, &name);
    if (!bytes.ok()) {
      marks::Reach(kMarkScrubFoundStore);
      ++stats_.store_damages;
      Tell("scrub.store_damaged", bytes.status());
      return bytes.status();
    }
    stats_.bytes += *bytes;
    pace_.Spend(fiber, *bytes);
  } while (!name.empty());
  return absl::OkStatus();
}

void Scrubber::Tell(std::string_view what, const absl::Status& status) const {
  environment_.trace.Emit(runtime::TraceLevel::kError, what, {{"cause", status.ToString()}});
}

}  // namespace lockstep::replica
