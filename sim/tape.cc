#include "sim/tape.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "framework/base/check.h"
#include "sim/draws.h"

namespace lockstep::sim {
namespace {

bool ParseHex(absl::string_view text, uint64_t* out) { return absl::SimpleHexAtoi(text, out); }

}  // namespace

std::string Tape::ToText() const {
  std::string text = absl::StrCat("tape 1 seed ", absl::Hex(seed), "\n");
  for (const TapeEntry& entry : entries) {
    const auto name = stream_names.find(entry.stream);
    CHECK(name != stream_names.end()) << "a tape entry of an unnamed stream";
    absl::StrAppend(&text, name->second, " ", absl::Hex(entry.key), " ", absl::Hex(entry.ordinal),
                    " ", absl::Hex(entry.value), "\n");
  }
  return text;
}

absl::StatusOr<Tape> Tape::Parse(std::string_view text) {
  Tape tape;
  bool has_header = false;
  for (absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    if (line.empty()) continue;
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (!has_header) {
      has_header = words.size() == 4 && words[0] == "tape" && words[1] == "1" &&
                   words[2] == "seed" && ParseHex(words[3], &tape.seed);
      if (!has_header) return absl::InvalidArgumentError(absl::StrCat("no tape: ", line));
      continue;
    }
    TapeEntry entry;
    if (words.size() != 4 || !ParseHex(words[1], &entry.key) ||
        !ParseHex(words[2], &entry.ordinal) || !ParseHex(words[3], &entry.value)) {
      return absl::InvalidArgumentError(absl::StrCat("not a tape entry: ", line));
    }
    entry.stream = StreamId(std::string_view(words[0].data(), words[0].size()));
    tape.stream_names.emplace(entry.stream, std::string(words[0]));
    tape.entries.push_back(entry);
  }
  if (!has_header) return absl::InvalidArgumentError("an empty tape");
  return tape;
}

}  // namespace lockstep::sim
