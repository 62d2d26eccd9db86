#include "sim/shrink/shrinker.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/draws.h"

namespace lockstep::sim {
namespace {

// A service whose failure is a condition on the tape.
class FakeTrials final : public Trials {
 public:
  using Fails = std::function<bool(const Tape&)>;
  FakeTrials(Fails fails, uint64_t runs_max, size_t width = 2)
      : fails_(std::move(fails)), runs_max_(runs_max), width_(width) {}

  size_t width() const override { return width_; }
  bool spent() const override { return runs_ >= runs_max_; }
  std::vector<std::optional<Tape>> Run(const std::vector<Tape>& tapes) override {
    std::vector<std::optional<Tape>> results;
    for (const Tape& tape : tapes) {
      ++runs_;
      results.push_back(fails_(tape) ? std::optional<Tape>(tape) : std::nullopt);
    }
    return results;
  }

 private:
  Fails fails_;
  uint64_t runs_max_;
  size_t width_;
  uint64_t runs_ = 0;
};

void Add(Tape& tape, const char* stream, uint64_t key, uint64_t ordinal, uint64_t value) {
  tape.stream_names.emplace(StreamId(stream), stream);
  tape.entries.push_back({StreamId(stream), key, ordinal, value});
}

bool Has(const Tape& tape, std::string_view stream, uint64_t key, uint64_t ordinal) {
  return std::any_of(tape.entries.begin(), tape.entries.end(), [&](const TapeEntry& entry) {
    return entry.stream == StreamId(stream) && entry.key == key && entry.ordinal == ordinal;
  });
}

// Four clients with 200 turns each, 50 kills, and noise; about 3,000 entries.
Tape LongTape() {
  Tape tape;
  tape.seed = 5;
  for (uint64_t i = 0; i < 2'000; ++i) Add(tape, "net.jitter", i % 9, i / 9, 1'000 + i);
  for (uint64_t i = 0; i < 800; ++i) Add(tape, "client.turn", i % 4, i / 4, i * 12'345'678);
  for (uint64_t i = 0; i < 50; ++i) Add(tape, "nemesis.kill", i, 0, 1 + i * 200'000'000);
  for (uint64_t i = 0; i < 150; ++i) Add(tape, "disk.torn", i, 0, 1);
  return tape;
}

bool FailsOnFour(const Tape& tape) {
  return Has(tape, "client.turn", 2, 17) && Has(tape, "client.turn", 3, 150) &&
         Has(tape, "nemesis.kill", 31, 0) && Has(tape, "disk.torn", 77, 0);
}

TEST(Shrinker, FindsTheFewEntriesThatMatter) {
  for (const size_t width : {1, 2, 7}) {
    FakeTrials trials(FailsOnFour, 2'000, width);
    Shrinker shrinker(trials, nullptr);
    const auto shrunk = shrinker.Shrink(LongTape());
    ASSERT_TRUE(shrunk);
    EXPECT_TRUE(FailsOnFour(*shrunk));
    const auto is_shape = [](const TapeEntry& entry) {
      return entry.stream == StreamId("shape.nodes") || entry.stream == StreamId("shape.horizon");
    };
    std::vector<TapeEntry> entries = shrunk->entries;
    std::erase_if(entries, is_shape);
    EXPECT_EQ(entries.size(), 4u);
    EXPECT_LT(shrinker.progress().replays, 600u) << "width " << width;
  }
}

// A universe in which thousands of delays make a disaster meet something; or another disaster
// does, without them.
class RaceTrials final : public Trials {
 public:
  size_t width() const override { return 2; }
  bool spent() const override { return runs_ > 1'000; }
  std::vector<std::optional<Tape>> Run(const std::vector<Tape>& tapes) override {
    std::vector<std::optional<Tape>> results;
    for (const Tape& tape : tapes) results.push_back(RunOne(tape));
    return results;
  }
  static bool Meets(const Tape& tape) {
    const auto noise = std::count_if(
        tape.entries.begin(), tape.entries.end(),
        [](const TapeEntry& entry) { return entry.stream == StreamId("net.jitter"); });
    return (noise > 1'990 && Has(tape, "nemesis.kill", 31, 0)) || Has(tape, "nemesis.kill", 99, 0);
  }

 private:
  std::optional<Tape> RunOne(Tape tape) {
    ++runs_;
    const auto fresh = std::find_if(
        tape.entries.begin(), tape.entries.end(),
        [](const TapeEntry& entry) { return entry.stream == Draws::kFreshDisasters.id(); });
    if (fresh != tape.entries.end()) {
      const bool lucky = fresh->value % 9 < 2;
      std::erase_if(tape.entries, [](const TapeEntry& entry) {
        return entry.stream == Draws::kFreshDisasters.id() ||
               entry.stream == StreamId("nemesis.kill");
      });
      Add(tape, "nemesis.kill", lucky ? 99 : 5, 0, 1'000'000);
    }
    return Meets(tape) ? std::optional<Tape>(tape) : std::nullopt;
  }

  uint64_t runs_ = 0;
};

TEST(Shrinker, TradesNoiseThatMattersForAnotherDisaster) {
  RaceTrials trials;
  const auto shrunk = Shrinker(trials, nullptr).Shrink(LongTape());
  ASSERT_TRUE(shrunk);
  EXPECT_TRUE(RaceTrials::Meets(*shrunk));
  EXPECT_FALSE(Has(*shrunk, Draws::kFreshDisasters.name(), 0, 0));
  EXPECT_LT(shrunk->entries.size(), 10u);
}

TEST(Shrinker, RefusesATapeThatDoesNotFail) {
  FakeTrials trials([](const Tape&) { return false; }, 100);
  EXPECT_FALSE(Shrinker(trials, nullptr).Shrink(LongTape()));
}

TEST(Shrinker, StopsWhenTrialsAreSpentWithATapeThatFails) {
  FakeTrials trials(FailsOnFour, 12);
  const auto shrunk = Shrinker(trials, nullptr).Shrink(LongTape());
  ASSERT_TRUE(shrunk);
  EXPECT_TRUE(FailsOnFour(*shrunk));
  EXPECT_LT(shrunk->entries.size(), LongTape().entries.size());
}

TEST(Shrinker, ShortensPausesAndRoundsWhatIsLeft) {
  const auto in_order = [](const Tape& tape) {
    uint64_t kill = 0;
    uint64_t turn = 0;
    for (const TapeEntry& entry : tape.entries) {
      if (entry.stream == StreamId("nemesis.kill")) kill = entry.value;
      if (entry.stream == StreamId("client.turn")) turn = entry.value;
    }
    return kill > 10'000'000 && turn > kill + 30'000'000;
  };
  Tape tape;
  Add(tape, "nemesis.kill", 0, 0, 9'876'543'210);
  Add(tape, "client.turn", 1, 7, 12'345'678'901);
  FakeTrials trials(in_order, 500);
  const auto shrunk = Shrinker(trials, nullptr).Shrink(tape);
  ASSERT_TRUE(shrunk);
  EXPECT_EQ(shrunk->entries[0].value, 50'000'000u);
  EXPECT_EQ(shrunk->entries[1].value, 100'000'000u);
}

TEST(Shrinker, AsksForFewerNodes) {
  FakeTrials trials([](const Tape& tape) { return Has(tape, "client.turn", 0, 0); }, 500);
  Tape tape;
  Add(tape, "client.turn", 0, 0, 1'000'000);
  const auto shrunk = Shrinker(trials, nullptr).Shrink(tape);
  ASSERT_TRUE(shrunk);
  EXPECT_TRUE(Has(*shrunk, "shape.nodes", 0, 0));
}

TEST(Shrinker, KeepsWhatElseTheTapeSays) {
  FakeTrials trials(FailsOnFour, 50);
  Tape tape = LongTape();
  tape.with["mutant"] = "M02";
  EXPECT_EQ(Shrinker(trials, nullptr).Shrink(tape)->with.at("mutant"), "M02");
}

TEST(Shrinker, TellsHowFarItIs) {
  FakeTrials trials(FailsOnFour, 200);
  std::vector<std::string> phases;
  size_t least = 10'000;
  Shrinker shrinker(trials, [&](const ShrinkProgress& progress) {
    if (phases.empty() || phases.back() != progress.phase) phases.push_back(progress.phase);
    EXPECT_LE(progress.entries, least + 2) << progress.phase;
    least = std::min(least, progress.entries);
  });
  ASSERT_TRUE(shrinker.Shrink(LongTape()));
  EXPECT_EQ(phases.front(), "confirming");
  EXPECT_EQ(phases.back(), "done");
  EXPECT_GT(phases.size(), 6u);
}

}  // namespace
}  // namespace lockstep::sim
