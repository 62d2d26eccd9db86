#include "kv/testing/alarm_log.h"

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::kv {

uint64_t AlarmLog::Raising() {
  episodes_.push_back({.raising = Now()});
  return episodes_.size();
}

void AlarmLog::Raised(uint64_t episode) { episodes_.at(episode - 1).raised = Now(); }

void AlarmLog::TakingBack(uint64_t episode) { episodes_.at(episode - 1).taking_back = Now(); }

void AlarmLog::TookBack(uint64_t episode) {
  CHECK_NE(episodes_.at(episode - 1).taking_back, kNever);
  episodes_.at(episode - 1).took_back = Now();
}

std::vector<uint64_t> AlarmLog::Stray() const {
  std::vector<uint64_t> stray;
  for (size_t i = 0; i < episodes_.size(); ++i) {
    if (episodes_[i].raised == kNever && episodes_[i].took_back != kNever) stray.push_back(i + 1);
  }
  return stray;
}

void AlarmLog::PutAnswered(uint64_t began, const std::string& what) {
  const uint64_t ended = Now();
  for (const Episode& episode : episodes_) {
    if (episode.raised < began && ended < episode.taking_back) {
      return Report(absl::StrCat("answered, although there was no space all the while: ", what));
    }
  }
}

void AlarmLog::PutRefused(uint64_t began, const std::string& what) {
  const uint64_t ended = Now();
  for (const Episode& episode : episodes_) {
    const bool may_be_stray = episode.raised == kNever;
    if (episode.raising < ended && (may_be_stray || began < episode.took_back)) return;
  }
  Report(absl::StrCat("refused for want of space, although nobody had raised that: ", what));
}

void AlarmLog::Report(const std::string& text) {
  if (!violation_) violation_ = checkers::Violation{"quota", text, ""};
}

}  // namespace lockstep::kv
