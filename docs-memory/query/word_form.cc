#include "docs-memory/query/word_form.h"

#include <cstdint>

#include "docs-memory/query/stem.h"

namespace lockstep::docs {
namespace {

// U+00C0 to U+017F in two bytes: C3 80 to C5 BF. '.': a letter of its own, see Pair.
constexpr std::string_view kBases =
    "aaaaaa.ceeeeiiiidnooooo.ouuuuy.."
    "aaaaaa.ceeeeiiiidnooooo.ouuuuy.y"
    "aaaaaaccccccccddddeeeeeeeeeegggg"
    "gggghhhhiiiiiiiiii..jjkkkllllll."
    ".llnnnnnnnnnoooooo..rrrrrrssssss"
    "ssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
static_assert(kBases.size() == 0x180 - 0xC0);

std::string_view Pair(uint32_t point) {
  switch (point) {
    case 0xC6:
    case 0xE6:
      return "ae";
    case 0xDE:
    case 0xFE:
      return "th";
    case 0xDF:
      return "ss";
    case 0x132:
    case 0x133:
      return "ij";
    case 0x13F:
    case 0x140:
      return "l";
    case 0x152:
    case 0x153:
      return "oe";
    default:
      return "";
  }
}

std::string Folded(std::string_view word) {
  std::string folded;
  for (size_t i = 0; i < word.size(); ++i) {
    const auto lead = static_cast<uint8_t>(word[i]);
    const bool is_pair = lead >= 0xC3 && lead <= 0xCD && i + 1 < word.size();
    const uint32_t point =
        is_pair ? (lead & 0x1Fu) << 6 | (static_cast<uint8_t>(word[i + 1]) & 0x3Fu) : 0;
    const bool is_mark = point >= 0x300 && point < 0x370;
    if (!is_mark && (point < 0xC0 || point >= 0x180)) {
      folded.push_back(word[i]);
      continue;
    }
    ++i;
    if (is_mark) continue;
    const char base = kBases[point - 0xC0];
    if (base == '.') {
      folded += Pair(point);
    } else {
      folded.push_back(base);
    }
  }
  return folded;
}

}  // namespace

std::string WordForm::Of(std::string_view word) const {
  std::string form = is_folded ? Folded(word) : std::string(word);
  return is_stemmed ? EnglishStem(form) : form;
}

}  // namespace lockstep::docs
