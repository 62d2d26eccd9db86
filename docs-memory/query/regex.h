// Regular expressions of filters: RE2, so that matching takes time linear in the text.
#ifndef LOCKSTEP_DOCS_MEMORY_QUERY_REGEX_H_
#define LOCKSTEP_DOCS_MEMORY_QUERY_REGEX_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace lockstep::docs {

// Immutable.
class Regex final {
 public:
  // Options of MongoDB: i (case), m (^ and $ at lines), s (. matches newlines), x (white space and
  // comments mean nothing). E_REGEX: malformed, a back-reference or look-around, unknown options.
  static absl::StatusOr<std::shared_ptr<const Regex>> Parse(std::string_view pattern,
                                                            std::string_view options);
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;
  ~Regex();

  // Whether some part of the text matches.
  bool Matches(std::string_view text) const;
  // What every match begins with, if the pattern is anchored and starts literally; else empty.
  const std::string& prefix() const { return prefix_; }

 private:
  struct Compiled;
  explicit Regex(std::unique_ptr<Compiled> compiled);

  std::unique_ptr<Compiled> compiled_;
  std::string prefix_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_QUERY_REGEX_H_
