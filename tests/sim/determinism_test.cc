#include <gtest/gtest.h>

#include "sim/fault_profile.h"
#include "sim/tape.h"
#include "sim/world.h"
#include "tests/sim/toy_universe.h"

namespace lockstep::sim {
namespace {

TEST(Determinism, SameSeedSameHash) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const ToyResult first = RunToyUniverse(seed, DefaultProfile());
    const ToyResult second = RunToyUniverse(seed, DefaultProfile());
    EXPECT_EQ(first.hash, second.hash) << "seed " << seed;
    EXPECT_EQ(first.events, second.events) << "seed " << seed;
    EXPECT_EQ(first.checkpoints, second.checkpoints) << "seed " << seed;
    EXPECT_GT(first.events, 1000u) << "seed " << seed;
  }
}

TEST(Determinism, DifferentSeedsDiffer) {
  EXPECT_NE(RunToyUniverse(1, DefaultProfile()).hash, RunToyUniverse(2, DefaultProfile()).hash);
}

TEST(ToyUniverse, NothingAcknowledgedIsLostWithoutSyncErrors) {
  FaultProfile profile = DefaultProfile();
  profile.sync_error_ppm.on_ppm = 0;
  uint64_t acknowledged = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    const ToyResult result = RunToyUniverse(seed, profile);
    EXPECT_EQ(result.lost, 0u) << "seed " << seed;
    acknowledged += result.acknowledged;
  }
  EXPECT_GT(acknowledged, 1000u);
}

TEST(ToyUniverse, ServersThatAnswerTooEarlyLoseData) {
  uint64_t seeds_with_loss = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    seeds_with_loss += RunCarelessToyUniverse(seed, DefaultProfile()).lost > 0;
  }
  EXPECT_GT(seeds_with_loss, 10u);
}

TEST(Tape, ReplayGivesTheSameRun) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const ToyResult recorded = RunToyUniverse(seed, DefaultProfile());
    EXPECT_GT(recorded.tape.entries.size(), 10u);
    const ToyResult replayed = RunToyUniverse(seed, DefaultProfile(), &recorded.tape);
    EXPECT_EQ(recorded.hash, replayed.hash) << "seed " << seed;
    EXPECT_EQ(recorded.tape.entries, replayed.tape.entries) << "seed " << seed;
  }
}

TEST(Tape, SurvivesBeingText) {
  const ToyResult recorded = RunToyUniverse(3, DefaultProfile());
  const absl::StatusOr<Tape> parsed = Tape::Parse(recorded.tape.ToText());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->seed, recorded.tape.seed);
  EXPECT_EQ(parsed->entries, recorded.tape.entries);
}

TEST(Tape, KeepsWhatElseAReplayMustKnow) {
  Tape tape;
  tape.seed = 0xABCD;
  tape.with = {{"universe", "store=rocks short"}, {"mutant", "M02"}};
  const auto parsed = Tape::Parse(tape.ToText({"a comment", "with seed 3"}));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->with, tape.with);
  EXPECT_EQ(parsed->seed, tape.seed);
}

TEST(Tape, SaysWhereItIsMalformedAndWhatWasExpected) {
  const auto error = [](std::string_view text) {
    return std::string(Tape::Parse(text, "f.tape").status().message());
  };
  EXPECT_EQ(error(""), "f.tape:1: expected 'tape 2', found 'the end'");
  EXPECT_EQ(error("# x\nbook 2"), "f.tape:2: expected 'tape 2', found 'book 2'");
  EXPECT_EQ(error("tape 1 seed 3"), "f.tape:1: expected 'tape 2', found 'tape 1 seed 3'");
  EXPECT_EQ(error("tape 2\nseed z"), "f.tape:2: expected 'seed S', S in hex, found 'seed z'");
  EXPECT_EQ(error("tape 2\nseed 3\nwith x"),
            "f.tape:3: expected 'with NAME VALUE', found 'with x'");
  const std::string entry =
      "expected 'STREAM KEY ORDINAL VALUE', the key in hex, ordinal and value in decimal, found ";
  EXPECT_EQ(error("tape 2\nseed 3\n\nnet.delay 1 2"), "f.tape:4: " + entry + "'net.delay 1 2'");
  EXPECT_EQ(error("tape 2\nseed 3\na.b -1 0 1"), "f.tape:3: " + entry + "'a.b -1 0 1'");
  EXPECT_EQ(error("tape 2\nseed 3\na.b 1 0 99999999999999999999"),
            "f.tape:3: " + entry + "'a.b 1 0 99999999999999999999'");
}

TEST(Tape, OfALaterVersionIsReadAndSaysSo) {
  const auto parsed = Tape::Parse("tape 7\nseed 3\na.b 1 0 1\n");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->version, 7u);
  EXPECT_EQ(parsed->entries.size(), 1u);
}

TEST(Draws, OneMomentOfAChainCanBeTakenAway) {
  Draws recorded(7, nullptr);
  VirtualTime at[3];
  VirtualTime now;
  for (uint64_t i = 0; i < 3; ++i) at[i] = now = recorded.Moment("test", i, now, Seconds(1));
  Tape shorter = recorded.tape();
  ASSERT_EQ(shorter.entries.size(), 3u);
  shorter.entries.erase(shorter.entries.begin() + 1);
  Draws replayed(7, &shorter);
  EXPECT_EQ(replayed.Moment("test", 0, {}, Duration(0)), at[0]);
  EXPECT_EQ(replayed.Moment("test", 1, {}, Duration(0)), VirtualTime{});
  EXPECT_EQ(replayed.Moment("test", 2, {}, Duration(0)), at[2]);
}

TEST(Tape, EmptiedTapeIsABenignRun) {
  Tape empty;
  empty.seed = 5;
  const ToyResult result = RunToyUniverse(5, DefaultProfile(), &empty);
  for (int i = 0; i < static_cast<int>(FaultClass::kCount); ++i) {
    EXPECT_EQ(result.faults.of(static_cast<FaultClass>(i)), 0u)
        << NameOf(static_cast<FaultClass>(i));
  }
  EXPECT_TRUE(result.tape.entries.empty());
  EXPECT_GT(result.acknowledged, 0u);
}

TEST(Tape, RemovingOneEntryLeavesOtherDecisionsAlone) {
  Draws recorded(7, nullptr);
  for (int i = 0; i < 20; ++i) recorded.Range("test", 1, 1, 1'000'000, 0);
  Tape shorter = recorded.tape();
  shorter.entries.erase(shorter.entries.begin() + 4);
  Draws replayed(7, &shorter);
  for (size_t i = 0; i < 20; ++i) {
    const uint64_t expected = i == 4 ? 0 : recorded.tape().entries[i].value;
    EXPECT_EQ(replayed.Range("test", 1, 1, 1'000'000, 0), expected) << i;
  }
}

TEST(Draws, ExponentialHasItsMean) {
  Draws draws(1, nullptr);
  int64_t sum = 0;
  for (int i = 0; i < 100'000; ++i) sum += draws.Exponential("test", 0, Milliseconds(1)).count();
  EXPECT_NEAR(static_cast<double>(sum) / 100'000, 1e6, 2e4);
}

TEST(Draws, LogUniformCoversTheOrdersOfMagnitudeEvenly) {
  Draws draws(1, nullptr);
  int decades[6] = {};
  for (int i = 0; i < 60'000; ++i) {
    uint64_t value = draws.LogUniform("test", 0, 1, 999'999, 0);
    ASSERT_GE(value, 1u);
    ASSERT_LE(value, 999'999u);
    int decade = 0;
    while (value >= 10) value /= 10, ++decade;
    ++decades[decade];
  }
  for (const int count : decades) EXPECT_NEAR(count, 10'000, 1'500);
}

}  // namespace
}  // namespace lockstep::sim
