#include "sim/profile_text.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace lockstep::sim {
namespace {

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

struct Unit final {
  absl::string_view suffix;
  uint64_t factor;
};
// Longer suffixes first.
constexpr Unit kUnits[] = {
    {"KiB", 1024}, {"MiB", 1024 * 1024}, {"us", 1'000}, {"ms", 1'000'000}, {"s", 1'000'000'000}};

bool ParseNumber(absl::string_view text, uint64_t* out) {
  uint64_t factor = 1;
  for (const Unit& unit : kUnits) {
    if (!absl::ConsumeSuffix(&text, unit.suffix)) continue;
    factor = unit.factor;
    break;
  }
  if (!absl::SimpleAtoi(text, out) || *out > UINT64_MAX / factor) return false;
  *out *= factor;
  return true;
}

// "12%" or "0.0005%", in millionths: at most four digits after the point.
bool ParseChance(absl::string_view text, uint64_t* ppm) {
  constexpr size_t kDigits = 4;
  if (!absl::ConsumeSuffix(&text, "%")) return false;
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('.', 1));
  uint64_t whole = 0;
  if (!absl::SimpleAtoi(parts.first, &whole) || whole > 100) return false;
  uint64_t fraction = 0;
  if (absl::StrContains(text, '.')) {
    std::string digits(parts.second.data(), parts.second.size());
    if (digits.empty() || digits.size() > kDigits) return false;
    digits.resize(kDigits, '0');
    if (!absl::SimpleAtoi(digits, &fraction)) return false;
  }
  *ppm = whole * 10'000 + fraction;
  return *ppm <= 1'000'000;
}

// The words of one line that names a knob. Returns what is wrong, or nothing.
std::string ApplyLine(const std::vector<absl::string_view>& words, FaultProfile& profile) {
  Knob* knob = KnobNamed(profile, ToStd(words[0]));
  if (knob == nullptr) {
    std::vector<absl::string_view> names;
    for (const std::string_view name : KnobNames()) names.push_back(ToAbsl(name));
    return absl::StrCat("there is no knob '", words[0], "'; known are ",
                        absl::StrJoin(names, ", "));
  }
  if (words.size() == 2 && words[1] == "off") {
    knob->on_ppm = 0;
    return "";
  }
  if (words.size() != 4 && words.size() != 5) {
    return "expected KNOB off, or KNOB CHANCE% LOW HIGH [BENIGN]";
  }
  if (!ParseChance(words[1], &knob->on_ppm)) {
    return absl::StrCat("'", words[1], "' is no chance from 0% to 100%");
  }
  uint64_t* const numbers[] = {&knob->low, &knob->high, &knob->benign};
  for (size_t i = 2; i < words.size(); ++i) {
    if (!ParseNumber(words[i], numbers[i - 2])) {
      return absl::StrCat("'", words[i], "' is no number (such as 20, 5ms, 64KiB)");
    }
  }
  if (knob->low == 0 || knob->low > knob->high) return "expected 0 < LOW <= HIGH";
  return "";
}

}  // namespace

absl::StatusOr<FaultProfile> ParseProfile(std::string_view source, std::string_view text) {
  FaultProfile profile = DefaultProfile();
  bool is_first = true;
  size_t number = 0;
  for (absl::string_view line : absl::StrSplit(ToAbsl(text), '\n')) {
    ++number;
    line = line.substr(0, line.find('#'));
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.empty()) continue;
    std::string wrong;
    if (words[0] != "base") {
      wrong = ApplyLine(words, profile);
    } else if (!is_first || words.size() != 2) {
      wrong = "expected 'base NAME' as the first line";
    } else {
      absl::StatusOr<FaultProfile> base = ProfileNamed(ToStd(words[1]));
      if (base.ok()) profile = *base;
      wrong = std::string(base.status().message());
    }
    if (!wrong.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(ToAbsl(source), ", line ", number, ": ", wrong));
    }
    is_first = false;
  }
  return profile;
}

absl::StatusOr<FaultProfile> ProfileNamed(std::string_view name) {
  if (name == "default") return DefaultProfile();
  if (name == "calm") return CalmProfile();
  std::vector<absl::string_view> names;
  for (const NamedProfile& profile : NamedProfiles()) {
    if (profile.name == name) return ParseProfile(profile.name, profile.text);
    names.push_back(ToAbsl(profile.name));
  }
  return absl::NotFoundError(absl::StrCat("there is no profile '", ToAbsl(name), "'; known are ",
                                          absl::StrJoin(names, ", ")));
}

}  // namespace lockstep::sim
