#include "sim/shrink/shrinker.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "framework/base/check.h"
#include "framework/base/random.h"
#include "sim/draws.h"
#include "sim/stream_class.h"

namespace lockstep::sim {
namespace {

constexpr std::string_view kTurns = "client.turn";
constexpr std::string_view kHorizon = "shape.horizon";
constexpr std::string_view kRecovery = "shape.recovery";
constexpr std::string_view kNodes = "shape.nodes";
constexpr std::string_view kImagePeriod = "shape.image_period";
constexpr std::string_view kSegment = "shape.segment";
constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kRecoveryNs = 10'000 * kMs;
constexpr uint64_t kSegmentPagesMin = 4;
// A pause between two things that happen, when nothing needs it.
constexpr uint64_t kShortGapNs = 50 * kMs;
// Values below are counts and choices, not durations: rounding would change what they mean.
constexpr uint64_t kRoundedMin = 10'000;

// How often one kind of trade is tried in vain before it is given up.
constexpr uint64_t kTradesInVain = 24;
// So many operations, and so much noise, are left to the delta debugger.
constexpr size_t kFewLeft = 8;
constexpr size_t kTurnGroups = 16;

bool IsShape(std::string_view stream) { return ClassOf(stream) == StreamClass::kShape; }
bool IsTurn(std::string_view stream) { return ClassOf(stream) == StreamClass::kTurn; }
bool IsDisaster(std::string_view stream) { return ClassOf(stream) == StreamClass::kDisaster; }
bool IsNoise(std::string_view stream) { return ClassOf(stream) == StreamClass::kNoise; }
// What is drawn anew where disasters are fresh.
bool IsChance(std::string_view stream) {
  return IsDisaster(stream) || ClassOf(stream) == StreamClass::kFault;
}

// Streams whose value is an instant of the run: the chains of the nemesis, and clients' turns.
bool IsInstant(std::string_view stream) {
  static constexpr std::string_view kNot[] = {"_lasts",   "_wait",   "power", "storm", "side",
                                              "one_way",  "room",    "from",  "_to",   "step",
                                              "provoked", "trigger", "down"};
  if (IsTurn(stream)) return true;
  if (!stream.starts_with("nemesis.")) return false;
  return std::none_of(std::begin(kNot), std::end(kNot), [&](std::string_view part) {
    return stream.find(part) != std::string_view::npos;
  });
}

// Two significant digits.
uint64_t Rounded(uint64_t value) {
  uint64_t unit = 1;
  while (value / unit >= 100) unit *= 10;
  return value / unit * unit;
}

using EntrySet = std::set<std::array<uint64_t, 3>>;

std::array<uint64_t, 3> NameOf(const TapeEntry& entry) {
  return {entry.stream, entry.key, entry.ordinal};
}

}  // namespace

std::string_view Shrinker::StreamOf(const TapeEntry& entry) const {
  const auto name = best_.stream_names.find(entry.stream);
  CHECK(name != best_.stream_names.end());
  return name->second;
}

void Shrinker::SetPhase(const char* phase) {
  progress_.phase = phase;
  progress_.entries = best_.entries.size();
  if (on_progress_) on_progress_(progress_);
}

std::optional<size_t> Shrinker::Try(const std::vector<Entries>& candidates) {
  const size_t width = std::max<size_t>(1, trials_.width());
  for (size_t begin = 0; begin < candidates.size() && !trials_.spent(); begin += width) {
    const size_t end = std::min(begin + width, candidates.size());
    std::vector<Tape> tapes;
    for (size_t i = begin; i < end; ++i) {
      Tape tape = best_;
      tape.entries = candidates[i];
      tapes.push_back(std::move(tape));
    }
    std::vector<std::optional<Tape>> results = trials_.Run(tapes);
    CHECK_EQ(results.size(), tapes.size());
    progress_.replays += tapes.size();
    for (size_t i = 0; i < results.size(); ++i) {
      if (!results[i]) continue;
      // (The names of streams that only a mutated tape has come from it.)
      best_.entries = std::move(results[i]->entries);
      best_.stream_names.insert(results[i]->stream_names.begin(), results[i]->stream_names.end());
      progress_.entries = best_.entries.size();
      if (on_progress_) on_progress_(progress_);
      return begin + i;
    }
    if (on_progress_) on_progress_(progress_);
  }
  return std::nullopt;
}

bool Shrinker::Confirm(const Tape& tape) {
  best_ = tape;
  // What the shrinker itself may put on a tape.
  for (const std::string_view name :
       {kHorizon, kRecovery, kNodes, kImagePeriod, kSegment, Draws::kFreshDisasters.name()}) {
    best_.stream_names.emplace(StreamId(name), name);
  }
  progress_.entries_first = tape.entries.size();
  SetPhase("confirming");
  return TryOne(tape.entries);
}

Shrinker::Entries Shrinker::With(std::string_view stream, uint64_t value) const {
  Entries entries = best_.entries;
  const uint64_t id = StreamId(stream);
  const auto at = std::find_if(entries.begin(), entries.end(),
                               [&](const TapeEntry& entry) { return entry.stream == id; });
  if (at != entries.end()) {
    at->value = value;
  } else {
    entries.push_back({id, 0, 0, value});
  }
  return entries;
}

// A cluster that is not whole again after this long is not likely to be after a minute, and to wait
// for it is what most of the time goes into.
void Shrinker::ShortenRecovery() {
  SetPhase("shortening the wait for recovery");
  TryOne(With(kRecovery, kRecoveryNs));
}

// What is looked at more often is found earlier; what is small is full sooner.
void Shrinker::HastenFailure() {
  SetPhase("making it fail sooner");
  TryOne(With(kImagePeriod, 1));
  TryOne(With(kSegment, kSegmentPagesMin));
}

// Decisions are on the tape in the order in which they were taken.
void Shrinker::CutTail() {
  SetPhase("cutting the tail");
  size_t keep_min = 0;  // known not to be enough
  while (keep_min + 1 < best_.entries.size() && !trials_.spent()) {
    const size_t size = best_.entries.size();
    const size_t keep = keep_min + (size - keep_min) / 2;
    if (!TryOne({best_.entries.begin(), best_.entries.begin() + static_cast<ptrdiff_t>(keep)})) {
      keep_min = keep;
    }
    // Close enough; the rest is for the delta debugger.
    if (best_.entries.size() - keep_min < 32) break;
  }
}

void Shrinker::ShortenHorizon() {
  SetPhase("shortening the run");
  uint64_t last = 0;
  for (const TapeEntry& entry : best_.entries) {
    if (IsInstant(StreamOf(entry))) last = std::max(last, entry.value);
  }
  // Two thirds of the horizon are for disasters and the usual load.
  uint64_t now = 60'000 * kMs;
  for (const TapeEntry& entry : best_.entries) {
    if (StreamOf(entry) == kHorizon) now = entry.value;
  }
  const uint64_t least = Rounded(last) * 3 / 2 + 100 * kMs;
  for (const uint64_t horizon : {least, least * 6 / 5, least * 2, least * 4}) {
    if (horizon >= now || TryOne(With(kHorizon, horizon))) break;
  }
}

void Shrinker::MinimizeGroups(std::vector<std::vector<TapeEntry>> groups) {
  // Delta debugging on complements: blocks of ever smaller size are taken away.
  const auto without = [this](const std::vector<std::vector<TapeEntry>>& some, size_t begin,
                              size_t end) {
    EntrySet gone;
    for (size_t i = begin; i < end; ++i) {
      for (const TapeEntry& entry : some[i]) gone.insert(NameOf(entry));
    }
    Entries entries = best_.entries;
    std::erase_if(entries, [&](const TapeEntry& entry) { return gone.contains(NameOf(entry)); });
    return entries;
  };
  size_t block = groups.size();
  while (block > 0 && !groups.empty() && !trials_.spent()) {
    bool removed = false;
    for (size_t at = 0; at < groups.size() && !trials_.spent();) {
      // The next few blocks at once, as wide as trials are.
      std::vector<Entries> candidates;
      for (size_t i = 0; i < trials_.width() && at + i * block < groups.size(); ++i) {
        const size_t begin = at + i * block;
        candidates.push_back(without(groups, begin, std::min(begin + block, groups.size())));
      }
      if (const auto which = Try(candidates)) {
        const size_t begin = at + *which * block;
        groups.erase(
            groups.begin() + static_cast<ptrdiff_t>(begin),
            groups.begin() + static_cast<ptrdiff_t>(std::min(begin + block, groups.size())));
        at = begin;
        removed = true;
      } else {
        at += candidates.size() * block;
      }
    }
    if (block == 1 && !removed) break;
    block = std::min(block / 2 + (removed && block == 1 ? 1 : 0), groups.size());
  }
}

template <typename Wanted>
size_t Shrinker::Count(const Wanted& wanted) const {
  return Only(wanted).size();
}

template <typename Wanted>
Shrinker::Entries Shrinker::Only(const Wanted& wanted) const {
  Entries entries;
  for (const TapeEntry& entry : best_.entries) {
    if (wanted(StreamOf(entry))) entries.push_back(entry);
  }
  return entries;
}

// Most failures need no more than clients and disasters.
bool Shrinker::DropNoise() {
  SetPhase("dropping noise");
  const auto is_planned = [](std::string_view stream) {
    return IsTurn(stream) || IsShape(stream) || IsDisaster(stream);
  };
  const auto is_set = [&](std::string_view stream) {
    return is_planned(stream) || ClassOf(stream) == StreamClass::kSetting;
  };
  return Try({Only([](std::string_view s) { return IsTurn(s) || IsShape(s); }), Only(is_planned),
              Only(is_set), Only([](std::string_view stream) { return !IsNoise(stream); })})
      .has_value();
}

// A race that thousands of delays have set up is met again without them, when disasters strike at
// other moments: they are drawn anew, as often as it takes. The same goes for a state that hundreds
// of operations have set up. What such a trial has drawn is the tape that goes on.
void Shrinker::Trade() {
  SetPhase("trading noise and operations for other disasters");
  if (Count(IsNoise) > kFewLeft && !TradeFor(1, 1)) return;
  for (const uint64_t of : {8, 2}) {
    while (Count(IsTurn) > kFewLeft && TradeFor(1, of)) {
    }
  }
}

// Without noise, with that share of the operations.
bool Shrinker::TradeFor(uint64_t kept, uint64_t of) {
  const size_t width = std::max<size_t>(1, trials_.width());
  for (uint64_t i = 0; i < kTradesInVain && !trials_.spent(); i += width) {
    std::vector<Entries> candidates;
    for (size_t j = 0; j < width; ++j) candidates.push_back(Traded(kept, of));
    const Tape before = best_;
    // (What a tape with fresh disasters has drawn must fail by itself, and be less.)
    if (Try(candidates) && best_.entries.size() < before.entries.size() && TryOne(best_.entries)) {
      return true;
    }
    best_ = before;
  }
  return false;
}

Shrinker::Entries Shrinker::Traded(uint64_t kept, uint64_t of) {
  const uint64_t number = ++trades_;
  const auto draw = [&](uint64_t key, uint64_t ordinal) {
    return base::KeyedDraw(best_.seed, "shrink.trade", key, ordinal);
  };
  Entries entries;
  for (size_t i = 0; i < best_.entries.size(); ++i) {
    const TapeEntry& entry = best_.entries[i];
    const std::string_view stream = StreamOf(entry);
    if (IsNoise(stream) || IsChance(stream)) continue;
    if (IsTurn(stream) && draw(number, i) % of >= kept) continue;
    entries.push_back(entry);
  }
  entries.push_back({Draws::kFreshDisasters.id(), 0, 0, draw(0, number) | 1});
  return entries;
}

void Shrinker::DropStreams() {
  SetPhase("dropping classes of decisions");
  const auto is_essential = [&](const TapeEntry& entry) {
    return IsTurn(StreamOf(entry)) || IsShape(StreamOf(entry));
  };
  std::map<uint64_t, std::vector<TapeEntry>> streams;
  for (const TapeEntry& entry : best_.entries) {
    if (!is_essential(entry)) streams[entry.stream].push_back(entry);
  }
  std::vector<std::vector<TapeEntry>> groups;
  for (auto& [id, entries] : streams) groups.push_back(std::move(entries));
  MinimizeGroups(std::move(groups));
}

// Each setting is two entries: that it differs, and how.
void Shrinker::DropSettings() {
  SetPhase("dropping settings");
  std::map<uint64_t, std::vector<TapeEntry>> settings;
  for (const TapeEntry& entry : best_.entries) {
    if (ClassOf(StreamOf(entry)) == StreamClass::kSetting) settings[entry.key].push_back(entry);
  }
  std::vector<std::vector<TapeEntry>> groups;
  for (auto& [key, entries] : settings) groups.push_back(std::move(entries));
  MinimizeGroups(std::move(groups));
}

void Shrinker::DropNodes() {
  SetPhase("dropping nodes");
  for (const uint64_t nodes : {1, 2}) {
    const bool already = std::any_of(
        best_.entries.begin(), best_.entries.end(),
        [&](const TapeEntry& entry) { return StreamOf(entry) == kNodes && entry.value <= nodes; });
    if (already || TryOne(With(kNodes, nodes))) break;
  }
}

void Shrinker::DropClients() {
  SetPhase("dropping clients");
  std::map<uint64_t, std::vector<TapeEntry>> clients;
  for (const TapeEntry& entry : best_.entries) {
    if (StreamOf(entry) == kTurns) clients[entry.key].push_back(entry);
  }
  std::vector<std::vector<TapeEntry>> groups;
  for (auto& [client, turns] : clients) groups.push_back(std::move(turns));
  MinimizeGroups(std::move(groups));
}

// What one or two trials can take away.
void Shrinker::DropManyTurns() {
  SetPhase("dropping many operations");
  Entries turns = Only(IsTurn);
  std::stable_sort(turns.begin(), turns.end(),
                   [](const TapeEntry& a, const TapeEntry& b) { return a.value < b.value; });
  std::vector<std::vector<TapeEntry>> groups(std::min(turns.size(), kTurnGroups));
  for (size_t i = 0; i < turns.size(); ++i) {
    groups[i * groups.size() / turns.size()].push_back(turns[i]);
  }
  MinimizeGroups(std::move(groups));
}

template <typename Wanted>
void Shrinker::DropEntries(const char* phase, const Wanted& wanted) {
  SetPhase(phase);
  std::vector<std::vector<TapeEntry>> groups;
  for (const TapeEntry& entry : best_.entries) {
    if (wanted(StreamOf(entry))) groups.push_back({entry});
  }
  MinimizeGroups(std::move(groups));
}

// Moves everything behind a long pause to an earlier time.
void Shrinker::CloseGaps() {
  SetPhase("shortening pauses");
  const auto instants = [this] {
    std::vector<uint64_t> all;
    for (const TapeEntry& entry : best_.entries) {
      if (IsInstant(StreamOf(entry))) all.push_back(entry.value);
    }
    std::sort(all.begin(), all.end());
    return all;
  };
  for (size_t i = instants().size(); i-- > 0 && !trials_.spent();) {
    const std::vector<uint64_t> all = instants();
    if (i >= all.size()) continue;
    const uint64_t before = i == 0 ? 0 : all[i - 1];
    const uint64_t gap = all[i] - before;
    std::vector<Entries> candidates;
    for (const uint64_t shorter : {kShortGapNs, gap / 4, gap / 2}) {
      if (shorter + kShortGapNs > gap) continue;
      Entries entries = best_.entries;
      for (TapeEntry& entry : entries) {
        if (!IsInstant(StreamOf(entry)) || entry.value < all[i]) continue;
        entry.value -= gap - shorter;
      }
      candidates.push_back(std::move(entries));
    }
    Try(candidates);
  }
}

void Shrinker::RoundValues() {
  SetPhase("rounding values");
  Entries all = best_.entries;
  for (TapeEntry& entry : all) {
    if (entry.value > kRoundedMin) entry.value = Rounded(entry.value);
  }
  if (all == best_.entries || TryOne(all)) return;
  for (size_t i = 0; i < best_.entries.size() && !trials_.spent(); ++i) {
    Entries one = best_.entries;
    if (one[i].value <= kRoundedMin || one[i].value == Rounded(one[i].value)) continue;
    one[i].value = Rounded(one[i].value);
    TryOne(std::move(one));
  }
}

void Shrinker::DropAll() {
  const auto is_other = [](std::string_view stream) {
    return !IsDisaster(stream) && !IsTurn(stream) && !IsShape(stream);
  };
  size_t before = 0;
  do {
    before = best_.entries.size();
    DropStreams();
    DropSettings();
    DropNodes();
    DropClients();
    DropEntries("dropping disasters", IsDisaster);
    DropEntries("dropping operations", IsTurn);
    DropEntries("dropping decisions", is_other);
    ShortenHorizon();
  } while (best_.entries.size() < before && !trials_.spent());
}

std::optional<Tape> Shrinker::Shrink(const Tape& tape) {
  if (!Confirm(tape)) return std::nullopt;
  if (trials_.waits_for_recovery()) ShortenRecovery();
  HastenFailure();
  CutTail();
  DropNoise();
  DropManyTurns();
  // (As long as the settings are there: fresh disasters are drawn at their rates.)
  Trade();
  ShortenHorizon();
  DropAll();
  DropEntries("dropping shapes", [](std::string_view stream) {
    return IsShape(stream) && stream != kHorizon && stream != kRecovery && stream != kNodes;
  });
  CloseGaps();
  ShortenHorizon();
  if (trials_.waits_for_recovery()) {
    Entries patient = best_.entries;
    std::erase_if(patient, [&](const TapeEntry& e) { return StreamOf(e) == kRecovery; });
    TryOne(std::move(patient));
  }
  RoundValues();
  SetPhase("done");
  return best_;
}

}  // namespace lockstep::sim
