// AlarmLog: when clients raised NOSPACE and took it back, and what they were told about puts
// meanwhile.
#ifndef LOCKSTEP_KV_TESTING_ALARM_LOG_H_
#define LOCKSTEP_KV_TESTING_ALARM_LOG_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "checkers/violation.h"

namespace lockstep::kv {

// The clients of one universe share a log: what is noted later happened later. Each episode has an
// alarm of its own, raised once and taken back until that is acknowledged.
class AlarmLog final {
 public:
  // An instant, for what began earlier.
  uint64_t Now() { return ++now_; }

  // About to raise; returns the number of the episode, which is the alarm's member.
  uint64_t Raising();
  void Raised(uint64_t episode);
  void TakingBack(uint64_t episode);
  void TookBack(uint64_t episode);
  // Alarms that may be, or come, into force although they were taken back, because nobody knows
  // what became of raising them.
  std::vector<uint64_t> Stray() const;

  // A request that might put something was called at `began` and answered now: with its result, or
  // with a refusal for want of space.
  void PutAnswered(uint64_t began, const std::string& what);
  void PutRefused(uint64_t began, const std::string& what);

  // What was put although it must have been refused, or refused without a reason.
  const std::optional<checkers::Violation>& violation() const { return violation_; }

 private:
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
  struct Episode final {
    uint64_t raising = 0;
    uint64_t raised = kNever;
    uint64_t taking_back = kNever;
    uint64_t took_back = kNever;
  };

  void Report(const std::string& text);

  uint64_t now_ = 0;
  std::vector<Episode> episodes_;
  std::optional<checkers::Violation> violation_;
};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_TESTING_ALARM_LOG_H_
