#include "sim/profile_text.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"

namespace lockstep::sim {
namespace {

void ExpectRefused(std::string_view text, const std::string& message) {
  const auto parsed = ParseProfile("my.profile", text);
  ASSERT_FALSE(parsed.ok()) << text;
  EXPECT_TRUE(absl::IsInvalidArgument(parsed.status()));
  EXPECT_TRUE(absl::StrContains(parsed.status().message(), message)) << parsed.status();
}

TEST(ProfileText, LinesChangeTheBase) {
  const auto profile = ParseProfile("p",
                                    "base calm  # nothing else\n\n"
                                    "reset_ppm 12.5% 10 20\n"
                                    "window_bytes 100% 4KiB 1MiB 64KiB\n"
                                    "sync_ns 100% 100us 5ms 1s\n");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->reset_ppm.on_ppm, 125'000u);
  EXPECT_EQ(profile->reset_ppm.low, 10u);
  EXPECT_EQ(profile->reset_ppm.high, 20u);
  EXPECT_EQ(profile->window_bytes.high, 1024u * 1024);
  EXPECT_EQ(profile->window_bytes.benign, 64u * 1024);
  EXPECT_EQ(profile->sync_ns.low, 100'000u);
  EXPECT_EQ(profile->sync_ns.benign, 1'000'000'000u);
  EXPECT_EQ(profile->kill_every_ns.on_ppm, 0u) << "calm has none";
}

TEST(ProfileText, AKnobThatIsOffKeepsItsBenignValue) {
  const auto profile = ParseProfile("p", "window_bytes off");
  ASSERT_TRUE(profile.ok());
  EXPECT_EQ(profile->window_bytes.on_ppm, 0u);
  EXPECT_EQ(profile->window_bytes.benign, DefaultProfile().window_bytes.benign);
}

TEST(ProfileText, ErrorsNameTheLineAndWhatWasExpected) {
  ExpectRefused("base default\nreset_pm 1% 1 2", "my.profile, line 2: there is no knob 'reset_pm'");
  ExpectRefused("reset_ppm", "line 1: expected KNOB off, or KNOB CHANCE% LOW HIGH [BENIGN]");
  ExpectRefused("reset_ppm 101% 1 2", "'101%' is no chance");
  ExpectRefused("reset_ppm 100.1% 1 2", "'100.1%' is no chance");
  ExpectRefused("reset_ppm 1.00001% 1 2", "'1.00001%' is no chance");
  ExpectRefused("reset_ppm 1.% 1 2", "'1.%' is no chance");
  ExpectRefused("reset_ppm 1 1 2", "'1' is no chance");
  ExpectRefused("reset_ppm 1% one 2", "'one' is no number");
  ExpectRefused("reset_ppm 1% 99999999999s 2", "'99999999999s' is no number");
  ExpectRefused("reset_ppm 1% 3 2", "expected 0 < LOW <= HIGH");
  ExpectRefused("reset_ppm 1% 1 2\nbase calm", "line 2: expected 'base NAME' as the first line");
  ExpectRefused("base lunch", "there is no profile 'lunch'; known are calm, default");
}

TEST(ProfileText, EveryNamedProfileParses) {
  for (const NamedProfile& named : NamedProfiles()) {
    const auto profile = ProfileNamed(named.name);
    EXPECT_TRUE(profile.ok()) << named.name << ": " << profile.status();
  }
}

}  // namespace
}  // namespace lockstep::sim
