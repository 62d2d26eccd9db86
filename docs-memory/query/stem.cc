#include "docs-memory/query/stem.h"

#include <algorithm>
#include <cstddef>

namespace lockstep::docs {
namespace {

struct Rule final {
  std::string_view suffix;
  std::string_view replacement;
};

// The longest suffix of a word decides, so those that end others come later.
constexpr Rule kStep2[] = {
    {"ational", "ate"}, {"ization", "ize"}, {"iveness", "ive"}, {"fulness", "ful"},
    {"ousness", "ous"}, {"tional", "tion"}, {"biliti", "ble"},  {"entli", "ent"},
    {"ousli", "ous"},   {"ation", "ate"},   {"alism", "al"},    {"aliti", "al"},
    {"iviti", "ive"},   {"enci", "ence"},   {"anci", "ance"},   {"izer", "ize"},
    {"abli", "able"},   {"alli", "al"},     {"ator", "ate"},    {"eli", "e"}};
constexpr Rule kStep3[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
                           {"ical", "ic"},  {"ness", ""},  {"ful", ""}};
constexpr std::string_view kStep4[] = {"ement", "ance", "ence", "able", "ible", "ment", "ant",
                                       "ent",   "ion",  "ism",  "ate",  "iti",  "ous",  "ive",
                                       "ize",   "al",   "er",   "ic",   "ou"};

// A word that is being shortened. The paper's notation: m is Measure, *v* HasVowel, *d
// EndsInDouble, *o EndsInSyllable; `end` bounds what is looked at.
class Stemmer final {
 public:
  explicit Stemmer(std::string_view word) : word_(word) {}

  std::string Run() {
    Plurals();
    PastAndProgressive();
    if (Ends("y") && HasVowel(word_.size() - 1)) word_.back() = 'i';
    Replace(kStep2);
    Replace(kStep3);
    RemoveEndings();
    FinalE();
    if (Ends("ll") && Measure(word_.size()) > 1) word_.pop_back();
    return std::move(word_);
  }

 private:
  bool IsConsonant(size_t at) const {
    if (word_[at] == 'y') return at == 0 || !IsConsonant(at - 1);
    return std::string_view("aeiou").find(word_[at]) == std::string_view::npos;
  }
  // How many runs of vowels are followed by a consonant.
  int Measure(size_t end) const {
    int measure = 0;
    for (size_t i = 1; i < end; ++i) measure += IsConsonant(i) && !IsConsonant(i - 1) ? 1 : 0;
    return measure;
  }
  bool HasVowel(size_t end) const {
    for (size_t i = 0; i < end; ++i) {
      if (!IsConsonant(i)) return true;
    }
    return false;
  }
  bool EndsInDouble() const {
    const size_t end = word_.size();
    return end >= 2 && word_[end - 1] == word_[end - 2] && IsConsonant(end - 1);
  }
  bool EndsInSyllable(size_t end) const {
    return end >= 3 && IsConsonant(end - 3) && !IsConsonant(end - 2) && IsConsonant(end - 1) &&
           std::string_view("wxy").find(word_[end - 1]) == std::string_view::npos;
  }
  bool Ends(std::string_view suffix) const {
    return word_.size() >= suffix.size() &&
           word_.compare(word_.size() - suffix.size(), suffix.size(), suffix) == 0;
  }
  size_t Before(std::string_view suffix) const { return word_.size() - suffix.size(); }
  void Drop(size_t letters) { word_.resize(word_.size() - letters); }

  void Plurals() {
    if (Ends("sses") || Ends("ies")) return Drop(2);
    if (Ends("s") && !Ends("ss")) Drop(1);
  }

  void PastAndProgressive() {
    if (Ends("eed")) {
      if (Measure(Before("eed")) > 0) Drop(1);
      return;
    }
    const size_t letters = Ends("ed") ? 2 : Ends("ing") ? 3 : 0;
    if (letters == 0 || !HasVowel(word_.size() - letters)) return;
    Drop(letters);
    if (Ends("at") || Ends("bl") || Ends("iz")) {
      word_ += 'e';
    } else if (EndsInDouble() && !Ends("l") && !Ends("s") && !Ends("z")) {
      Drop(1);
    } else if (Measure(word_.size()) == 1 && EndsInSyllable(word_.size())) {
      word_ += 'e';
    }
  }

  template <size_t kCount>
  void Replace(const Rule (&rules)[kCount]) {
    const Rule* const rule = std::find_if(std::begin(rules), std::end(rules),
                                          [&](const Rule& r) { return Ends(r.suffix); });
    if (rule == std::end(rules) || Measure(Before(rule->suffix)) == 0) return;
    Drop(rule->suffix.size());
    word_ += rule->replacement;
  }

  void RemoveEndings() {
    const auto* const suffix = std::find_if(std::begin(kStep4), std::end(kStep4),
                                            [&](std::string_view s) { return Ends(s); });
    if (suffix == std::end(kStep4)) return;
    const size_t end = Before(*suffix);
    const bool fits =
        *suffix != "ion" || (end > 0 && (word_[end - 1] == 's' || word_[end - 1] == 't'));
    if (fits && Measure(end) > 1) word_.resize(end);
  }

  void FinalE() {
    if (!Ends("e")) return;
    const size_t end = word_.size() - 1;
    const int measure = Measure(end);
    if (measure > 1 || (measure == 1 && !EndsInSyllable(end))) word_.pop_back();
  }

  std::string word_;
};

}  // namespace

std::string EnglishStem(std::string_view word) {
  const bool is_plain =
      std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  if (word.size() <= 2 || !is_plain) return std::string(word);
  return Stemmer(word).Run();
}

}  // namespace lockstep::docs
