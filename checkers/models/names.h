// Names: what the numbers of a compact history were called in its file.
#ifndef LOCKSTEP_CHECKERS_MODELS_NAMES_H_
#define LOCKSTEP_CHECKERS_MODELS_NAMES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"

namespace lockstep::checkers {

// Gives equal texts equal numbers, from 0 on. Empty, it names a number by its digits.
class Names final {
 public:
  int64_t Number(const std::string& name) {
    const auto [at, is_new] = numbers_.try_emplace(name, static_cast<int64_t>(names_.size()));
    if (is_new) names_.push_back(name);
    return at->second;
  }
  std::string Name(int64_t number) const {
    const auto i = static_cast<size_t>(number);
    return number >= 0 && i < names_.size() ? names_[i] : absl::StrCat(number);
  }
  size_t size() const { return names_.size(); }

 private:
  absl::btree_map<std::string, int64_t> numbers_;
  std::vector<std::string> names_;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_MODELS_NAMES_H_
