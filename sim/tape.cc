#include "sim/tape.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "framework/base/check.h"
#include "sim/draws.h"

namespace lockstep::sim {
namespace {

using Words = std::vector<absl::string_view>;

bool ParseHex(absl::string_view text, uint64_t* out) {
  // (SimpleHexAtoi also takes a sign and spaces.)
  for (const char c : text) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
  }
  return absl::SimpleHexAtoi(text, out);
}

// Takes one line after the other; each returns what it expected instead, empty if it is content.
class Parser final {
 public:
  std::string TakeLine(absl::string_view line) {
    const Words words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.empty() || words[0][0] == '#') return "";
    if (!has_version_) return TakeVersion(words);
    if (!has_seed_) return TakeSeed(words);
    if (words[0] == "with") return TakeWith(line, words);
    return TakeEntry(words);
  }
  std::string AtEnd() const {
    if (!has_version_) return "'tape 2'";
    return has_seed_ ? "" : "'seed S', S in hex";
  }
  Tape Take() { return std::move(tape_); }

 private:
  std::string TakeVersion(const Words& words) {
    has_version_ = words.size() == 2 && words[0] == "tape" &&
                   absl::SimpleAtoi(words[1], &tape_.version) && tape_.version >= Tape::kVersion;
    return has_version_ ? "" : "'tape 2'";
  }

  std::string TakeSeed(const Words& words) {
    has_seed_ = words.size() == 2 && words[0] == "seed" && ParseHex(words[1], &tape_.seed);
    return has_seed_ ? "" : "'seed S', S in hex";
  }

  std::string TakeWith(absl::string_view line, const Words& words) {
    if (words.size() < 3) return "'with NAME VALUE'";
    const auto value = static_cast<size_t>(words[2].data() - line.data());
    if (!tape_.entries.empty()) return "no 'with' behind the first entry";
    const auto [at, is_new] = tape_.with.emplace(
        std::string(words[1]), std::string(absl::StripTrailingAsciiWhitespace(line.substr(value))));
    return is_new ? "" : absl::StrCat("'with ", at->first, "' once");
  }

  std::string TakeEntry(const Words& words) {
    TapeEntry entry;
    if (words.size() != 4 || !ParseHex(words[1], &entry.key) ||
        !absl::SimpleAtoi(words[2], &entry.ordinal) || !absl::SimpleAtoi(words[3], &entry.value)) {
      return "'STREAM KEY ORDINAL VALUE', the key in hex, ordinal and value in decimal";
    }
    entry.stream = StreamId(std::string_view(words[0].data(), words[0].size()));
    tape_.stream_names.emplace(entry.stream, std::string(words[0]));
    tape_.entries.push_back(entry);
    return "";
  }

  Tape tape_;
  bool has_version_ = false;
  bool has_seed_ = false;
};

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::string Tape::ToText(const std::vector<std::string>& comments) const {
  std::string text;
  for (const std::string& comment : comments) absl::StrAppend(&text, "# ", comment, "\n");
  absl::StrAppend(&text, "tape ", kVersion, "\nseed ", absl::Hex(seed), "\n");
  for (const auto& [name, value] : with) {
    CHECK(value.find('\n') == std::string::npos) << name;
    absl::StrAppend(&text, "with ", name, " ", value, "\n");
  }
  for (const TapeEntry& entry : entries) {
    const auto name = stream_names.find(entry.stream);
    CHECK(name != stream_names.end()) << "a tape entry of an unnamed stream";
    absl::StrAppend(&text, name->second, " ", absl::Hex(entry.key), " ", entry.ordinal, " ",
                    entry.value, "\n");
  }
  return text;
}

absl::StatusOr<Tape> Tape::Parse(std::string_view text, std::string_view file) {
  Parser parser;
  size_t number = 0;
  const auto refuse = [&](absl::string_view expected, absl::string_view found) {
    return absl::InvalidArgumentError(absl::StrCat(View(file), ":", number, ": expected ", expected,
                                                   ", found '", found.substr(0, 60), "'"));
  };
  for (absl::string_view line : absl::StrSplit(View(text), '\n')) {
    ++number;
    const std::string expected = parser.TakeLine(line);
    if (!expected.empty()) return refuse(expected, line);
  }
  if (const std::string expected = parser.AtEnd(); !expected.empty()) {
    return refuse(expected, "the end");
  }
  return parser.Take();
}

}  // namespace lockstep::sim
