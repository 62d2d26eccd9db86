#include "checkers/formats/edn.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace lockstep::checkers {
namespace {

constexpr int kDepthMax = 64;

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ','; }

bool EndsAtom(char c) {
  return IsBlank(c) || c == '(' || c == ')' || c == '[' || c == ']' || c == '{' || c == '}' ||
         c == '"' || c == ';';
}

bool LooksLikeNumber(std::string_view word) {
  const size_t sign = word[0] == '-' || word[0] == '+' ? 1 : 0;
  return word.size() > sign && word[sign] >= '0' && word[sign] <= '9';
}

void AppendQuoted(const std::string& text, std::string* out) {
  out->push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out->push_back('\\');
    if (c == '\n') {
      *out += "\\n";
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

void Append(const Edn& value, std::string* out) {
  const auto items = [&](std::string_view open, char close) {
    out->append(open);
    for (size_t i = 0; i < value.items.size(); ++i) {
      if (i > 0) out->push_back(' ');
      Append(value.items[i], out);
    }
    out->push_back(close);
  };
  switch (value.kind) {
    case Edn::Kind::kNil:
      *out += "nil";
      return;
    case Edn::Kind::kBool:
      *out += value.integer != 0 ? "true" : "false";
      return;
    case Edn::Kind::kInteger:
      absl::StrAppend(out, value.integer);
      return;
    case Edn::Kind::kString:
      return AppendQuoted(value.text, out);
    case Edn::Kind::kKeyword:
      absl::StrAppend(out, ":", value.text);
      return;
    case Edn::Kind::kNumber:
    case Edn::Kind::kSymbol:
      *out += value.text;
      return;
    case Edn::Kind::kVector:
      return items("[", ']');
    case Edn::Kind::kSet:
      return items("#{", '}');
    case Edn::Kind::kMap:
      return items("{", '}');
  }
}

}  // namespace

Edn Edn::Integer(int64_t value) {
  Edn edn;
  edn.kind = Kind::kInteger;
  edn.integer = value;
  return edn;
}

Edn Edn::String(std::string value) {
  Edn edn;
  edn.kind = Kind::kString;
  edn.text = std::move(value);
  return edn;
}

Edn Edn::Keyword(std::string name) {
  Edn edn;
  edn.kind = Kind::kKeyword;
  edn.text = std::move(name);
  return edn;
}

const Edn* Edn::Find(std::string_view keyword) const {
  if (kind != Kind::kMap) return nullptr;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].IsKeyword(keyword)) return &items[i + 1];
  }
  return nullptr;
}

std::string WriteEdn(const Edn& value) {
  std::string text;
  Append(value, &text);
  return text;
}

bool EdnReader::Fail(std::string expected) {
  if (error_.empty()) {
    error_ = absl::StrCat("line ", line_, ": expected ", expected, ", found ", Found());
  }
  return false;
}

std::string EdnReader::Found() const {
  if (at_ >= text_.size()) return "the end of the text";
  size_t end = at_;
  while (end < text_.size() && end < at_ + 24 && text_[end] != '\n') ++end;
  return absl::StrCat("\"", absl::string_view(text_.data() + at_, end - at_), "\"");
}

bool EdnReader::SkipBlanks() {
  while (at_ < text_.size()) {
    const char c = Peek();
    if (c == ';') {
      while (at_ < text_.size() && Peek() != '\n') ++at_;
    } else if (IsBlank(c)) {
      line_ += c == '\n' ? 1 : 0;
      ++at_;
    } else {
      return true;
    }
  }
  return false;
}

absl::StatusOr<std::optional<Edn>> EdnReader::Next() {
  for (;;) {
    if (!SkipBlanks()) {
      if (in_vector_) Fail("\"]\" at the end");
      break;
    }
    if (in_vector_ && Peek() == ']') {
      ++at_;
      in_vector_ = false;
      continue;
    }
    value_line_ = line_;
    Edn value;
    if (!Read(&value, 0)) break;
    return std::optional<Edn>(std::move(value));
  }
  if (error_.empty()) return std::optional<Edn>();
  return absl::InvalidArgumentError(error_);
}

bool EdnReader::EnterVector() {
  if (!SkipBlanks() || Peek() != '[') return false;
  ++at_;
  in_vector_ = true;
  return true;
}

bool EdnReader::Read(Edn* out, int depth) {
  if (depth > kDepthMax) return Fail(absl::StrCat("at most ", kDepthMax, " levels of brackets"));
  if (!SkipBlanks()) return Fail("a value");
  switch (Peek()) {
    case '[':
    case '(': {
      const char close = Peek() == '[' ? ']' : ')';
      ++at_;
      out->kind = Edn::Kind::kVector;
      return ReadItems(close, out, depth);
    }
    case '{':
      ++at_;
      out->kind = Edn::Kind::kMap;
      if (!ReadItems('}', out, depth)) return false;
      return out->items.size() % 2 == 0 || Fail("a value for every key of the map before this");
    case '"':
      ++at_;
      return ReadString(out);
    case '#':
      ++at_;
      return ReadDispatch(out, depth);
    default:
      return ReadAtom(out);
  }
}

bool EdnReader::ReadItems(char close, Edn* out, int depth) {
  for (;;) {
    if (!SkipBlanks()) return Fail(absl::StrCat("\"", std::string(1, close), "\""));
    if (Peek() == close) {
      ++at_;
      return true;
    }
    if (text_.substr(at_, 2) == "#_") {
      at_ += 2;
      Edn dropped;
      if (!Read(&dropped, depth + 1)) return false;
      continue;
    }
    if (!Read(&out->items.emplace_back(), depth + 1)) return false;
  }
}

bool EdnReader::ReadString(Edn* out) {
  out->kind = Edn::Kind::kString;
  for (; at_ < text_.size(); ++at_) {
    const char c = Peek();
    if (c == '"') {
      ++at_;
      return true;
    }
    line_ += c == '\n' ? 1 : 0;
    if (c != '\\') {
      out->text.push_back(c);
    } else if (!ReadEscape(&out->text)) {
      return false;
    }
  }
  return Fail("a closing quote");
}

// Leaves at_ on the last character of the escape.
bool EdnReader::ReadEscape(std::string* out) {
  constexpr std::string_view kNames = "ntrbf\\\"/";
  constexpr std::string_view kMeanings = "\n\t\r\b\f\\\"/";
  if (++at_ >= text_.size()) return Fail("an escape");
  if (const size_t i = kNames.find(Peek()); i != std::string_view::npos) {
    out->push_back(kMeanings[i]);
    return true;
  }
  uint32_t code = 0;
  if (Peek() != 'u' || at_ + 4 >= text_.size()) return Fail("an escape: \\n \\t \\\" \\\\ \\u0000");
  for (int i = 0; i < 4; ++i) {
    const char c = text_[++at_];
    const bool is_digit = c >= '0' && c <= '9';
    const char lower = static_cast<char>(c | 0x20);
    if (!is_digit && (lower < 'a' || lower > 'f')) return Fail("a hexadecimal digit");
    code = code * 16 + static_cast<uint32_t>(is_digit ? c - '0' : lower - 'a' + 10);
  }
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (code >> 6)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xE0 | (code >> 12)));
    out->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
  return true;
}

// Behind a '#': a set, something to leave out, or a tag before its value.
bool EdnReader::ReadDispatch(Edn* out, int depth) {
  if (at_ < text_.size() && Peek() == '{') {
    ++at_;
    out->kind = Edn::Kind::kSet;
    return ReadItems('}', out, depth);
  }
  if (at_ < text_.size() && Peek() == '_') {
    ++at_;
    Edn dropped;
    return Read(&dropped, depth + 1) && Read(out, depth + 1);
  }
  const size_t start = at_;
  while (at_ < text_.size() && !EndsAtom(Peek())) ++at_;
  if (at_ == start) return Fail("a tag behind \"#\"");
  return Read(out, depth + 1);
}

bool EdnReader::ReadAtom(Edn* out) {
  const size_t start = at_;
  if (Peek() == '\\') at_ = std::min(at_ + 2, text_.size());  // a character, perhaps a bracket
  while (at_ < text_.size() && !EndsAtom(Peek())) ++at_;
  const std::string_view word = text_.substr(start, at_ - start);
  if (word.empty()) return Fail("a value");
  if (word == "nil") return true;
  if (word == "true" || word == "false") {
    out->kind = Edn::Kind::kBool;
    out->integer = word == "true" ? 1 : 0;
    return true;
  }
  out->text = std::string(word);
  if (word[0] == ':') {
    out->kind = Edn::Kind::kKeyword;
    out->text.erase(0, 1);
    return !out->text.empty() || Fail("a name behind \":\"");
  }
  if (!LooksLikeNumber(word)) {
    out->kind = Edn::Kind::kSymbol;
    return true;
  }
  const std::string digits(word.back() == 'N' ? word.substr(0, word.size() - 1) : word);
  if (absl::SimpleAtoi(digits, &out->integer)) {
    out->kind = Edn::Kind::kInteger;
    out->text.clear();
  } else {
    out->integer = 0;
    out->kind = Edn::Kind::kNumber;
  }
  return true;
}

}  // namespace lockstep::checkers
