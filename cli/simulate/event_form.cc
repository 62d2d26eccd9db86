#include "cli/simulate/event_form.h"

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/simulate/trial.h"
#include "sim/draws.h"
#include "sim/report/timeline.h"

namespace lockstep::cli {
namespace {

// See sim/cluster/nemesis.cc:Nemesis::Provoke: what the dice of a provoked disaster mean.
constexpr uint64_t kDicePower = 0;
constexpr uint64_t kDiceKill = 40;
constexpr uint64_t kDicePause = 90;
constexpr uint64_t kTargetsMax = 9;
constexpr uint64_t kStrikesMax = 256;

constexpr sim::Stream kKill = "nemesis.kill";
constexpr sim::Stream kPause = "nemesis.pause";
constexpr sim::Stream kPower = "nemesis.power";
constexpr sim::Stream kPauseLasts = "nemesis.pause_lasts";
constexpr sim::Stream kTrigger = "nemesis.trigger";
constexpr sim::Stream kTriggerWait = "nemesis.trigger_wait";
constexpr sim::Stream kProvoked = "nemesis.provoked";
constexpr sim::Stream kProvokedPause = "nemesis.provoked_pause";

// A trace event as a trigger sees it.
struct Emitted final {
  int64_t at_ns = 0;
  uint64_t target = 0;
  uint64_t name = 0;     // its StreamId
  uint64_t ordinal = 0;  // of this name on this node
};

// In the child: one line per event.
std::string ListEvents(const sim::Timeline& timeline) {
  std::string text;
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> counts;
  for (const sim::Timeline::Line& line : timeline.lines()) {
    if (line.node == 0 || line.node > kTargetsMax) continue;
    const uint64_t name = sim::StreamId(line.text.substr(0, line.text.find(' ')));
    absl::StrAppend(&text, line.at, " ", line.node - 1, " ", name, " ", counts[{line.node, name}]++,
                    "\n");
  }
  return text;
}

std::vector<Emitted> EventsOf(const sim::Tape& tape, mutant::Id mutant,
                              const sim::RunOptions& run) {
  sim::Timeline timeline({.messages_max = 1, .lines_max = 1'000'000, .faults_max = 1});
  TrialJob job{tape.seed, mutant, &tape, {}, {}};
  job.prepare = [&](sim::RunOptions& options) { options.recorder = &timeline; };
  job.report = [&] { return ListEvents(timeline); };
  std::istringstream text(RunTrials({job}, 1, run, Seconds(60))[0].report);
  std::vector<Emitted> events;
  Emitted one;
  while (text >> one.at_ns >> one.target >> one.name >> one.ordinal) events.push_back(one);
  return events;
}

// Which strike of which node the key of a chain names.
std::optional<std::pair<uint64_t, uint64_t>> StrikeOf(uint64_t key) {
  for (uint64_t target = 0; target < kTargetsMax; ++target) {
    for (uint64_t count = 0; count < kStrikesMax; ++count) {
      if (sim::KeyOf(target, count) == key) return std::pair(target, count);
    }
  }
  return std::nullopt;
}

class Restater final {
 public:
  Restater(const sim::Tape& tape, const sim::TapeEntry& strike, uint64_t target)
      : fresh_(tape), strike_(strike), target_(target) {}

  sim::Tape After(const Emitted& event) {
    const bool is_kill = strike_.stream == kKill.id();
    const std::optional<uint64_t> detail = Take(is_kill ? kPower : kPauseLasts, strike_.key);
    std::erase(fresh_.entries, strike_);
    const uint64_t key = sim::KeyOf(target_, event.name);
    Put(kTrigger, key, event.ordinal, 1);
    const auto wait = static_cast<uint64_t>(static_cast<int64_t>(strike_.value) - event.at_ns);
    Put(kTriggerWait, key, Next(kTriggerWait, key), std::max<uint64_t>(wait, 1));
    const uint64_t provoked = sim::KeyOf(target_, uint64_t{0});
    const uint64_t dice = !is_kill ? kDicePause : detail.value_or(0) != 0 ? kDicePower : kDiceKill;
    Put(kProvoked, provoked, Next(kProvoked, provoked), dice);
    if (!is_kill) Put(kProvokedPause, target_, Next(kProvokedPause, target_), detail.value_or(0));
    return std::move(fresh_);
  }

 private:
  std::optional<uint64_t> Take(sim::Stream stream, uint64_t key) {
    for (size_t i = 0; i < fresh_.entries.size(); ++i) {
      const sim::TapeEntry entry = fresh_.entries[i];
      if (entry.stream != stream.id() || entry.key != key) continue;
      fresh_.entries.erase(fresh_.entries.begin() + static_cast<ptrdiff_t>(i));
      return entry.value;
    }
    return std::nullopt;
  }
  // How many there are already. (Strikes are restated in the order of time.)
  uint64_t Next(sim::Stream stream, uint64_t key) const {
    return static_cast<uint64_t>(std::count_if(
        fresh_.entries.begin(), fresh_.entries.end(), [&](const sim::TapeEntry& entry) {
          return entry.stream == stream.id() && entry.key == key;
        }));
  }
  void Put(sim::Stream stream, uint64_t key, uint64_t ordinal, uint64_t value) {
    fresh_.stream_names.emplace(stream.id(), stream.name());
    if (value != 0) fresh_.entries.push_back({stream.id(), key, ordinal, value});
  }

  sim::Tape fresh_;
  sim::TapeEntry strike_;
  uint64_t target_;
};

}  // namespace

size_t RestateByEvents(sim::Tape& tape, mutant::Id mutant, const sim::RunOptions& run,
                       sim::Trials& trials) {
  std::vector<sim::TapeEntry> strikes;
  for (const sim::TapeEntry& entry : tape.entries) {
    if (entry.stream == kKill.id() || entry.stream == kPause.id()) strikes.push_back(entry);
  }
  std::sort(strikes.begin(), strikes.end(),
            [](const auto& a, const auto& b) { return a.value < b.value; });
  size_t restated = 0;
  for (const sim::TapeEntry& strike : strikes) {
    const auto which = StrikeOf(strike.key);
    if (!which || trials.spent()) continue;
    std::optional<Emitted> before;
    for (const Emitted& event : EventsOf(tape, mutant, run)) {
      const bool fits =
          event.target == which->first && event.at_ns < static_cast<int64_t>(strike.value);
      if (fits) before = event;
    }
    if (!before) continue;
    auto result = trials.Run({Restater(tape, strike, which->first).After(*before)});
    if (!result[0]) continue;
    tape.entries = std::move(result[0]->entries);
    tape.stream_names.insert(result[0]->stream_names.begin(), result[0]->stream_names.end());
    ++restated;
  }
  return restated;
}

}  // namespace lockstep::cli
