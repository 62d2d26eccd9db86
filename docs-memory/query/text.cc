#include "docs-memory/query/text.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

// The code point at `at`, which moves behind it. (Strings of documents are valid UTF-8.)
uint32_t TakeCodePoint(std::string_view text, size_t* at) {
  const auto byte = [&](size_t i) -> uint32_t {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
  };
  const uint32_t first = byte(*at);
  const size_t more = first < 0xC0 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
  uint32_t point = more == 0 ? first : first & (0x3Fu >> more);
  for (size_t i = 1; i <= more; ++i) point = point << 6 | (byte(*at + i) & 0x3F);
  *at += more + 1;
  return point;
}

void AppendCodePoint(uint32_t point, std::string& out) {
  if (point < 0x80) {
    out.push_back(static_cast<char>(point));
    return;
  }
  static constexpr uint32_t kLead[] = {0, 0xC0, 0xE0, 0xF0};
  const uint32_t more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  out.push_back(static_cast<char>(kLead[more] | point >> (6 * more)));
  for (uint32_t i = more; i-- > 0;)
    out.push_back(static_cast<char>(0x80 | (point >> (6 * i) & 0x3F)));
}

struct Range final {
  uint32_t first;
  uint32_t last;
};

// What stands between words beyond ASCII: spaces, punctuation, symbols, arrows, box drawing,
// private use, specials.
constexpr Range kBetween[] = {
    {0x80, 0xA9},       {0xAB, 0xB4},       {0xB6, 0xB9},     {0xBB, 0xBF},     {0xD7, 0xD7},
    {0xF7, 0xF7},       {0x37E, 0x37E},     {0x387, 0x387},   {0x55A, 0x55F},   {0x589, 0x58A},
    {0x5BE, 0x5BE},     {0x60C, 0x60D},     {0x61B, 0x61F},   {0x66A, 0x66D},   {0x6D4, 0x6D4},
    {0x964, 0x965},     {0x2000, 0x206F},   {0x20A0, 0x20CF}, {0x2100, 0x2BFF}, {0x2E00, 0x2E7F},
    {0x3000, 0x3004},   {0x3008, 0x3020},   {0x3030, 0x3030}, {0x303D, 0x303F}, {0x30A0, 0x30A0},
    {0x30FB, 0x30FB},   {0xD800, 0xF8FF},   {0xFD3E, 0xFD3F}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE6F},
    {0xFF01, 0xFF0F},   {0xFF1A, 0xFF20},   {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65}, {0xFFE0, 0xFFFF},
    {0x1F000, 0x1FAFF}, {0xE0000, 0x10FFFF}};
// Scripts that are written without spaces.
constexpr Range kAlone[] = {{0x0E00, 0x0E7F}, {0x3005, 0x3007},  {0x3021, 0x303C},
                            {0x3040, 0x30FF}, {0x3400, 0x4DBF},  {0x4E00, 0x9FFF},
                            {0xF900, 0xFAFF}, {0x20000, 0x3FFFF}};

template <size_t kCount>
bool In(const Range (&ranges)[kCount], uint32_t point) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](const Range& r) { return point >= r.first && point <= r.last; });
}

bool IsBetween(uint32_t point) {
  if (point >= 0x80) return In(kBetween, point);
  return !((point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z') ||
           (point >= '0' && point <= '9') || point == '_');
}

uint32_t Lower(uint32_t point) {
  if (point >= 'A' && point <= 'Z') return point + 0x20;
  if (point < 0xC0) return point;
  if (point <= 0xDE && point != 0xD7) return point + 0x20;
  const bool pairs = (point >= 0x100 && point <= 0x137 && point != 0x130) ||
                     (point >= 0x14A && point <= 0x177) || (point >= 0x460 && point <= 0x481) ||
                     (point >= 0x48A && point <= 0x4BF) || (point >= 0x4D0 && point <= 0x52F) ||
                     (point >= 0x1E00 && point <= 0x1E95) || (point >= 0x1EA0 && point <= 0x1EFF);
  if (pairs) return point | 1;
  const bool odd_pairs = (point >= 0x139 && point <= 0x148) || (point >= 0x179 && point <= 0x17E);
  if (odd_pairs) return point + (point & 1);
  if (point >= 0x391 && point <= 0x3A9) return point + 0x20;
  if (point >= 0x410 && point <= 0x42F) return point + 0x20;
  if (point >= 0x400 && point <= 0x40F) return point + 0x50;
  return point;
}

bool Holds(const std::vector<std::string>& sorted, std::string_view word) {
  return std::binary_search(sorted.begin(), sorted.end(), word);
}

void SortUnique(std::vector<std::string>& words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
}

// The words of a search in the order of its text, until the quotation mark or the end.
std::vector<std::string> TakePhrase(std::string_view* rest) {
  rest->remove_prefix(1);
  const size_t end = std::min(rest->find('"'), rest->size());
  std::vector<std::string> words = WordsOf(rest->substr(0, end));
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return words;
}

}  // namespace

void ForEachWord(std::string_view text, absl::FunctionRef<void(std::string_view)> visit) {
  std::string word;
  const auto finish = [&] {
    if (!word.empty()) visit(word);
    word.clear();
  };
  for (size_t at = 0; at < text.size();) {
    const uint32_t point = TakeCodePoint(text, &at);
    if (IsBetween(point)) {
      finish();
      continue;
    }
    const bool alone = point >= 0xE00 && In(kAlone, point);
    if (alone) finish();
    if (word.size() + 4 <= kWordBytesMax) AppendCodePoint(Lower(point), word);
    if (alone) finish();
  }
  finish();
}

std::vector<std::string> WordsOf(std::string_view text, const WordForm& form) {
  std::vector<std::string> words;
  ForEachWord(text, [&](std::string_view word) {
    if (form.is_plain()) {
      words.emplace_back(word);
    } else if (std::string formed = form.Of(word); !formed.empty()) {
      words.push_back(std::move(formed));
    }
  });
  return words;
}

absl::StatusOr<TextSearch> TextSearch::Parse(ValueRef operand) {
  const auto search =
      operand.is(Type::kDocument) ? FindField(operand, "$search") : std::optional<ValueRef>();
  if (!search || !search->is(Type::kString) || CountElements(operand) != 1) {
    return Error(ErrorCode::kQuery, "$text", ToText(operand), "needs {$search: a string}");
  }
  TextSearch parsed;
  for (std::string_view rest = search->string(); !rest.empty();) {
    if (rest[0] == '"') {
      std::vector<std::string> phrase = TakePhrase(&rest);
      parsed.words.insert(parsed.words.end(), phrase.begin(), phrase.end());
      if (!phrase.empty()) parsed.phrases.push_back(std::move(phrase));
      continue;
    }
    const size_t end = std::min(rest.find_first_of(" \t\r\n\""), rest.size());
    const bool excludes = rest[0] == '-' && end > 1;
    std::vector<std::string>& into = excludes ? parsed.excluded : parsed.words;
    ForEachWord(rest.substr(0, end), [&](std::string_view word) { into.emplace_back(word); });
    rest.remove_prefix(end);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
  }
  SortUnique(parsed.words);
  SortUnique(parsed.excluded);
  if (parsed.words.size() + parsed.excluded.size() > kSearchWordsMax) {
    return Error(ErrorCode::kQuery, "$text", "$search", "more than 64 words");
  }
  return parsed;
}

TextSearch TextSearch::In(const WordForm& wanted) const {
  TextSearch formed;
  formed.form = wanted;
  const auto add = [&](const std::vector<std::string>& from, std::vector<std::string>& to) {
    for (const std::string& word : from) {
      if (std::string one = wanted.Of(word); !one.empty()) to.push_back(std::move(one));
    }
  };
  add(words, formed.words);
  add(excluded, formed.excluded);
  for (const std::vector<std::string>& phrase : phrases) {
    add(phrase, formed.phrases.emplace_back());
    if (formed.phrases.back().empty()) formed.phrases.pop_back();
  }
  SortUnique(formed.words);
  SortUnique(formed.excluded);
  return formed;
}

bool TextSearch::Matches(std::string_view document, const std::vector<Path>& paths) const {
  bool any = false;
  bool none_excluded = true;
  std::vector<bool> met(phrases.size());
  const auto visit = [&](const ValueRef* value) {
    if (value == nullptr || !value->is(Type::kString)) return false;
    const std::vector<std::string> found = WordsOf(value->string(), form);
    for (const std::string& word : found) {
      any = any || Holds(words, word);
      none_excluded = none_excluded && !Holds(excluded, word);
    }
    for (size_t i = 0; i < phrases.size(); ++i) {
      met[i] = met[i] || std::search(found.begin(), found.end(), phrases[i].begin(),
                                     phrases[i].end()) != found.end();
    }
    return false;
  };
  for (const Path& path : paths) VisitPathAndElements(document, path, visit);
  return any && none_excluded && std::all_of(met.begin(), met.end(), [](bool m) { return m; });
}

}  // namespace lockstep::docs
