#include "sim/shrink/signature.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "framework/base/checksum.h"

namespace lockstep::sim {
namespace {

constexpr size_t kWordsMax = 16;

// Ends the first clause. (A colon only before a space: "raft.cc:12" is one word.)
size_t ClauseEnd(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const bool last = i + 1 == text.size() || text[i + 1] == ' ';
    if (text[i] == '(' || text[i] == ';' || ((text[i] == ':' || text[i] == ',') && last)) return i;
  }
  return text.size();
}

bool IsValue(absl::string_view word) {
  return std::any_of(word.begin(), word.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '\'' || c == '"' || c == '=';
  });
}

// "CHECK failed: a <= b (3 vs 2) at raft.cc:12": where it is moves, what it says stays.
absl::string_view WithoutPlace(absl::string_view verdict) {
  const size_t check = verdict.find("CHECK failed");
  if (check == absl::string_view::npos) return verdict;
  const size_t colon = verdict.find(": ", check);
  return colon == absl::string_view::npos ? verdict.substr(check) : verdict.substr(colon + 2);
}

}  // namespace

std::string SignatureOf(const checkers::Violation& violation) {
  if (violation.oracle == "linearizability") return violation.oracle;
  if (violation.verdict.starts_with("client ")) return absl::StrCat(violation.oracle, ": client");
  const absl::string_view verdict = WithoutPlace(violation.verdict);
  std::string signature = absl::StrCat(violation.oracle, ":");
  size_t words = 0;
  for (absl::string_view word :
       absl::StrSplit(verdict.substr(0, ClauseEnd(verdict)), ' ', absl::SkipEmpty())) {
    if (++words > kWordsMax) break;
    absl::StrAppend(&signature, " ", IsValue(word) ? "#" : word);
  }
  return signature;
}

std::string FileNameOf(const std::string& signature) {
  std::string name;
  for (const char c : signature.substr(0, 48)) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte)) {
      name += static_cast<char>(absl::ascii_tolower(byte));
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  return absl::StrCat(name, "-",
                      absl::StrFormat("%06x", base::Checksum64(signature, 0) & 0xFFFFFF));
}

}  // namespace lockstep::sim
