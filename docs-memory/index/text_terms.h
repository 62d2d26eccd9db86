// Full-text search without storage: the words of a document in an index, and how they are ranked.
#ifndef LOCKSTEP_DOCS_MEMORY_INDEX_TEXT_TERMS_H_
#define LOCKSTEP_DOCS_MEMORY_INDEX_TEXT_TERMS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "docs-memory/index/definition.h"

namespace lockstep::docs {

// What an index of words knows of one document.
struct TextTerms final {
  std::map<std::string, uint32_t> counts;  // of each word
  uint32_t words = 0;                      // all of them
};
TextTerms TermsOf(const IndexDefinition& index, std::string_view document);

// Of a whole collection: documents with words, and words in them.
struct TextStats final {
  uint64_t documents = 0;
  uint64_t words = 0;
  bool operator==(const TextStats&) const = default;
};

// What one word adds to the score of a document, in 1/65536: BM25 with k1 = 1.2 and b = 0.75, in
// integers, so that all machines rank alike. `count` times in a document of `words` words; `found`
// documents of the collection have it. REQUIRES: 0 < count <= words, 0 < found <= stats.documents.
uint64_t Bm25(const TextStats& stats, uint64_t found, uint64_t count, uint64_t words);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_INDEX_TEXT_TERMS_H_
