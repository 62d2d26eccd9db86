// Words of texts, and what a search asks of them.
#ifndef LOCKSTEP_DOCS_MEMORY_QUERY_TEXT_H_
#define LOCKSTEP_DOCS_MEMORY_QUERY_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/query/path.h"
#include "docs-memory/query/word_form.h"

namespace lockstep::docs {

inline constexpr size_t kWordBytesMax = 64;    // what is longer is cut
inline constexpr size_t kSearchWordsMax = 64;  // of one search

// Calls `visit` with the words of a text in order: runs of letters, digits and marks of any script,
// in lower case (Latin, Greek, Cyrillic); an ideograph, kana or the like is a word by itself. There
// is no list of words that do not count. (Stems and accents: word_form.h.)
void ForEachWord(std::string_view text, absl::FunctionRef<void(std::string_view)> visit);
std::vector<std::string> WordsOf(std::string_view text, const WordForm& form = {});

// The operand of $text: {$search: "some words \"and a phrase\" -but -not -these"}. A document is
// meant if it has one of the words, every phrase (in one string) and none of the others.
struct TextSearch final {
  std::vector<std::string> words;                 // also those of phrases; sorted, each once
  std::vector<std::vector<std::string>> phrases;  // words in a row
  std::vector<std::string> excluded;              // sorted
  WordForm form;                                  // of all of these

  // E_QUERY.
  static absl::StatusOr<TextSearch> Parse(ValueRef operand);
  // The same search through an index whose words have that form.
  TextSearch In(const WordForm& form) const;
  // By the strings that the paths reach, those in arrays too.
  bool Matches(std::string_view document, const std::vector<Path>& paths) const;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_QUERY_TEXT_H_
