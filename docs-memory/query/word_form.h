// Which words count as the same one in an index of words, and in searches through it.
#ifndef LOCKSTEP_DOCS_MEMORY_QUERY_WORD_FORM_H_
#define LOCKSTEP_DOCS_MEMORY_QUERY_WORD_FORM_H_

#include <string>
#include <string_view>

namespace lockstep::docs {

// By default words are themselves.
struct WordForm final {
  bool is_stemmed = false;  // English words by their stems (stem.h)
  bool is_folded = false;   // Latin letters without their marks: "Zürich" is "zurich"

  bool is_plain() const { return !is_stemmed && !is_folded; }
  bool operator==(const WordForm&) const = default;

  // REQUIRES: `word` is one that ForEachWord (text.h) gives. Empty: it was marks alone.
  std::string Of(std::string_view word) const;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_QUERY_WORD_FORM_H_
