#include "docs-memory/query/regex.h"

#include <re2/re2.h>

#include <utility>

#include "docs-memory/bson/error.h"

namespace lockstep::docs {
namespace {

constexpr int64_t kMemoryMax = 4 << 20;

// Leaves out what x says means nothing: white space and comments outside of classes.
std::string WithoutSpace(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      out.append(pattern.substr(i, 2));
      ++i;
      continue;
    }
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    if (!in_class && (c == ' ' || (c >= '\t' && c <= '\r'))) continue;
    if (!in_class && c == '#') {
      while (i + 1 < pattern.size() && pattern[i] != '\n') ++i;
      continue;
    }
    out.push_back(c);
  }
  return out;
}

// "^abc" up to the first character that means something.
std::string LiteralPrefix(std::string_view pattern) {
  if (pattern.empty() || pattern[0] != '^') return {};
  std::string prefix;
  for (size_t i = 1; i < pattern.size(); ++i) {
    const char c = pattern[i];
    // What follows may take the last literal back, or offer another one.
    if (c == '*' || c == '?' || c == '{') {
      if (!prefix.empty()) prefix.pop_back();
      break;
    }
    if (c == '|' || pattern.find('|') != std::string_view::npos) return {};
    if (std::string_view("\\.[]()+^$").find(c) != std::string_view::npos ||
        static_cast<uint8_t>(c) >= 0x80)
      break;
    prefix.push_back(c);
  }
  return prefix;
}

}  // namespace

struct Regex::Compiled final {
  Compiled(const std::string& pattern, const RE2::Options& options) : re2(pattern, options) {}
  RE2 re2;
};

Regex::Regex(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Regex::~Regex() = default;

absl::StatusOr<std::shared_ptr<const Regex>> Regex::Parse(std::string_view pattern,
                                                          std::string_view options) {
  RE2::Options re2;
  re2.set_log_errors(false);
  re2.set_max_mem(kMemoryMax);
  std::string text(pattern);
  std::string flags;
  for (const char option : options) {
    switch (option) {
      case 'i':
        re2.set_case_sensitive(false);
        break;
      case 'm':
        flags += 'm';
        break;
      case 's':
        re2.set_dot_nl(true);
        break;
      case 'x':
        text = WithoutSpace(text);
        break;
      case 'u':
        break;
      default:
        return Error(ErrorCode::kRegex, "", options, "the options are i, m, s and x");
    }
  }
  const std::string prefix =
      flags.empty() && options.find('i') == std::string_view::npos ? LiteralPrefix(text) : "";
  if (!flags.empty()) text = "(?" + flags + ")" + text;
  auto compiled = std::make_unique<Compiled>(text, re2);
  if (!compiled->re2.ok()) return Error(ErrorCode::kRegex, "", pattern, compiled->re2.error());
  auto regex = std::shared_ptr<Regex>(new Regex(std::move(compiled)));
  regex->prefix_ = prefix;
  return std::shared_ptr<const Regex>(std::move(regex));
}

bool Regex::Matches(std::string_view text) const {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), compiled_->re2);
}

}  // namespace lockstep::docs
