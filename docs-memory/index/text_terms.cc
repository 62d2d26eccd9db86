#include "docs-memory/index/text_terms.h"

#include <bit>

#include "docs-memory/query/text.h"
#include "framework/base/check.h"

namespace lockstep::docs {
namespace {

using Wide = unsigned __int128;

constexpr int kFractionBits = 16;

// log2(x) in 1/65536, rounded down. REQUIRES: x > 0.
uint64_t Log2(uint64_t x) {
  const int whole = static_cast<int>(std::bit_width(x)) - 1;
  // x as a number in [1, 2), in 2^-62; squaring it yields one binary digit of the logarithm.
  uint64_t mantissa = whole <= 62 ? x << (62 - whole) : x >> (whole - 62);
  auto log = static_cast<uint64_t>(whole);
  for (int digit = 0; digit < kFractionBits; ++digit) {
    const Wide square = static_cast<Wide>(mantissa) * mantissa >> 62;
    const bool two = square >> 63 != 0;
    mantissa = static_cast<uint64_t>(two ? square >> 1 : square);
    log = log << 1 | (two ? 1 : 0);
  }
  return log;
}

}  // namespace

TextTerms TermsOf(const IndexDefinition& index, std::string_view document) {
  TextTerms terms;
  for (const SortField& field : index.fields) {
    VisitPathAndElements(document, field.path, [&](const ValueRef* value) {
      if (value == nullptr || !value->is(Type::kString)) return false;
      for (std::string& word : WordsOf(value->string(), index.options.words)) {
        ++terms.counts[std::move(word)];
        ++terms.words;
      }
      return false;
    });
  }
  return terms;
}

// idf = log2((N + 1) / (n + 1/2)); idf * tf (k1 + 1) / (tf + k1 (1 - b + b |d| N / L)), with the
// fraction widened by 10 L.
uint64_t Bm25(const TextStats& stats, uint64_t found, uint64_t count, uint64_t words) {
  CHECK_GT(count, 0u);
  CHECK_GE(words, count);
  CHECK_GT(found, 0u);
  CHECK_GE(stats.documents, found);
  const uint64_t idf = Log2(2 * stats.documents + 2) - Log2(2 * found + 1);
  const Wide all = stats.words;
  const Wide top = Wide{22} * count * all * idf;
  const Wide bottom = Wide{10} * count * all + 3 * all + Wide{9} * words * stats.documents;
  return static_cast<uint64_t>(top / bottom);
}

}  // namespace lockstep::docs
