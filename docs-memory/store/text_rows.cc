#include "docs-memory/store/text_rows.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "docs-memory/bson/error.h"
#include "docs-memory/store/mutants.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

constexpr size_t kSearchBytesMax = size_t{32} << 20;

std::string DocumentRowKey(std::string_view id) { return "d" + std::string(id); }
std::string SumsKey() { return "s"; }
std::string WordPrefix(std::string_view word) { return ("w" + std::string(word)).append(1, '\0'); }

std::string Words(uint32_t words) { return BigEndian32(words); }
std::string Posting(uint32_t count, uint32_t words) { return Words(count) + Words(words); }
std::string Sums(const TextStats& stats) {
  return BigEndian64(stats.documents) + BigEndian64(stats.words);
}

absl::Status Damaged() { return absl::DataLossError("documents: an index of words is damaged"); }

absl::StatusOr<TextStats> ReadSums(Fiber& fiber, const machine::StoreView& view,
                                   const IndexDefinition& index) {
  ASSIGN_OR_RETURN(const auto row,
                   view.Get(fiber, Column::kIndex, IndexPrefix(index.id) + SumsKey()));
  if (!row) return TextStats();
  if (row->size() != 16) return Damaged();
  const std::string_view bytes = *row;
  return TextStats{FromBigEndian(bytes.substr(0, 8)), FromBigEndian(bytes.substr(8))};
}

struct WordCount final {
  std::string id;
  uint32_t count = 0;
  uint32_t words = 0;
};

// The documents that have the word.
absl::StatusOr<std::vector<WordCount>> ReadPostings(Fiber& fiber, const machine::StoreView& view,
                                                    const IndexDefinition& index,
                                                    std::string_view word) {
  std::vector<WordCount> all;
  size_t bytes = 0;
  const std::string prefix = IndexPrefix(index.id) + WordPrefix(word);
  const auto iterator = view.NewIterator(Column::kIndex);
  for (iterator->Seek(fiber, prefix); iterator->Valid(); iterator->Next(fiber)) {
    if (iterator->key().substr(0, prefix.size()) != prefix) break;
    const std::string_view value = iterator->value();
    if (value.size() != 8) return Damaged();
    WordCount& one = all.emplace_back();
    one.id = iterator->key().substr(prefix.size());
    one.count = static_cast<uint32_t>(FromBigEndian(value.substr(0, 4)));
    one.words = static_cast<uint32_t>(FromBigEndian(value.substr(4)));
    bytes += sizeof(WordCount) + one.id.size();
    if (bytes > kSearchBytesMax) {
      return Error(ErrorCode::kSortMemory, "$text", word,
                   "too many documents have this word: ranking them needs more than 32 MiB");
    }
  }
  RETURN_IF_ERROR(iterator->status());
  return all;
}

// Ids with their scores, best first; equal ones by id.
absl::StatusOr<std::vector<std::pair<std::string, uint64_t>>> Rank(Fiber& fiber,
                                                                   const machine::StoreView& view,
                                                                   const IndexDefinition& index,
                                                                   const TextSearch& search) {
  ASSIGN_OR_RETURN(const TextStats stats, ReadSums(fiber, view, index));
  std::map<std::string, uint64_t> scores;
  for (const std::string& word : search.words) {
    ASSIGN_OR_RETURN(const std::vector<WordCount> postings, ReadPostings(fiber, view, index, word));
    if (postings.size() > stats.documents) return Damaged();
    for (const WordCount& one : postings) {
      if (one.count == 0 || one.count > one.words) return Damaged();
      scores[one.id] += Bm25(stats, postings.size(), one.count, one.words);
    }
  }
  std::vector<std::pair<std::string, uint64_t>> ranked(scores.begin(), scores.end());
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return ranked;
}

}  // namespace

absl::Status TextRows::Load(Fiber& fiber) {
  ASSIGN_OR_RETURN(stats_, ReadSums(fiber, view_, index_));
  return absl::OkStatus();
}

absl::Status TextRows::Change(Fiber& fiber, std::string_view id, std::string_view before,
                              std::string_view after, std::vector<docs::Change::Write>& writes) {
  const std::string prefix = IndexPrefix(index_.id);
  const std::string row_key = prefix + DocumentRowKey(id);
  ASSIGN_OR_RETURN(const auto row, view_.Get(fiber, Column::kIndex, row_key));
  TextTerms old_terms;
  if (row && !before.empty()) old_terms = TermsOf(index_, before);
  if (row && FromBigEndian(*row) != old_terms.words) return Damaged();
  TextTerms terms;
  if (!after.empty()) terms = TermsOf(index_, after);
  // Planted bug M120: words that an update takes away still find the document.
  const bool forgets = mutant::Enabled(mutant::kM120GoneWordStays) && !after.empty();
  for (const auto& [word, count] : old_terms.counts) {
    if (forgets || terms.counts.contains(word)) continue;
    writes.push_back({Column::kIndex, prefix + WordPrefix(word) + std::string(id), std::nullopt});
  }
  for (const auto& [word, count] : terms.counts) {
    const auto old = old_terms.counts.find(word);
    if (old != old_terms.counts.end() && old->second == count && old_terms.words == terms.words)
      continue;
    writes.push_back(
        {Column::kIndex, prefix + WordPrefix(word) + std::string(id), Posting(count, terms.words)});
  }
  if (terms.words != 0) {
    writes.push_back({Column::kIndex, row_key, Words(terms.words)});
  } else if (row) {
    writes.push_back({Column::kIndex, row_key, std::nullopt});
  }
  stats_.documents += (terms.words != 0 ? 1u : 0u);
  stats_.documents -= (old_terms.words != 0 ? 1u : 0u);
  stats_.words += terms.words;
  stats_.words -= old_terms.words;
  return absl::OkStatus();
}

void TextRows::Finish(std::vector<docs::Change::Write>& writes) const {
  writes.push_back({Column::kIndex, IndexPrefix(index_.id) + SumsKey(), Sums(stats_)});
}

void TextRowsExpected::Add(std::string_view id, std::string_view document) {
  const TextTerms terms = TermsOf(index_, document);
  if (terms.words == 0) return;
  for (const auto& [word, count] : terms.counts)
    rows_[WordPrefix(word) + std::string(id)] = Posting(count, terms.words);
  rows_[DocumentRowKey(id)] = Words(terms.words);
  ++stats_.documents;
  stats_.words += terms.words;
}

std::map<std::string, std::string> TextRowsExpected::Rows() const {
  std::map<std::string, std::string> rows = rows_;
  rows[SumsKey()] = Sums(stats_);
  return rows;
}

absl::Status BindText(const CollectionInfo& info, Filter& filter) {
  if (filter.text() == nullptr) return absl::OkStatus();
  for (const IndexDefinition& index : info.indexes) {
    if (!index.is_text) continue;
    filter.BindText(index.Paths(), index.options.words);
    return absl::OkStatus();
  }
  return Error(ErrorCode::kNoIndex, "$text", info.name, "the collection has no index of words");
}

absl::StatusOr<Plan> PlanFind(Fiber& fiber, const machine::StoreView& view,
                              const CollectionInfo& info, Filter& filter, const SortSpec& sort,
                              std::string_view hint, bool no_scan) {
  RETURN_IF_ERROR(BindText(info, filter));
  ASSIGN_OR_RETURN(Plan plan, MakePlan({filter, sort, info.indexes, hint, no_scan}));
  if (plan.text == nullptr) return plan;
  ASSIGN_OR_RETURN(auto ranked, Rank(fiber, view, *plan.text, *filter.text()));
  IndexScan& scan = plan.scans[0];
  for (auto& [id, score] : ranked) {
    scan.ranges.push_back({std::move(id), {}});
    scan.text_scores.push_back(static_cast<int64_t>(score));
  }
  return plan;
}

}  // namespace lockstep::docs
