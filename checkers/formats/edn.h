// Edn: values of the extensible data notation, in which Jepsen and its relatives write histories.
#ifndef LOCKSTEP_CHECKERS_FORMATS_EDN_H_
#define LOCKSTEP_CHECKERS_FORMATS_EDN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace lockstep::checkers {

// One value. Lists are read as vectors; a tag ("#inst") is dropped and its value kept; numbers that
// are no 64-bit integers, and characters, are kept as they are written.
struct Edn final {
  enum class Kind {
    kNil,
    kBool,
    kInteger,
    kNumber,
    kString,
    kKeyword,
    kSymbol,
    kVector,
    kSet,
    kMap
  };
  Kind kind = Kind::kNil;
  int64_t integer = 0;     // kInteger; kBool: 0 or 1
  std::string text;        // kNumber, kString, kKeyword (without its colon), kSymbol
  std::vector<Edn> items;  // kVector, kSet; kMap: key, value, key, value ...

  static Edn Integer(int64_t value);
  static Edn String(std::string value);
  static Edn Keyword(std::string name);

  bool is_nil() const { return kind == Kind::kNil; }
  bool is_integer() const { return kind == Kind::kInteger; }
  bool is_vector() const { return kind == Kind::kVector; }
  bool IsKeyword(std::string_view name) const { return kind == Kind::kKeyword && text == name; }
  // The value under a keyword of a map; null if there is none.
  const Edn* Find(std::string_view keyword) const;
  bool operator==(const Edn&) const = default;
};

std::string WriteEdn(const Edn& value);

// Reads the values of a text one after the other.
class EdnReader final {
 public:
  // `first_line`: the number of the text's first line, for errors. The text must outlive this.
  explicit EdnReader(std::string_view text, size_t first_line = 1)
      : text_(text), line_(first_line) {}

  // Absent: the text is at its end. An error names the line and what was expected.
  absl::StatusOr<std::optional<Edn>> Next();
  // Steps behind an opening bracket, if one is next: its items are then read by Next, which reports
  // the end of the text at the closing one.
  bool EnterVector();
  // Where the value that Next returned last began.
  size_t value_line() const { return value_line_; }

 private:
  // Each returns false after Fail.
  bool Read(Edn* out, int depth);
  bool ReadItems(char close, Edn* out, int depth);
  bool ReadString(Edn* out);
  bool ReadEscape(std::string* out);
  bool ReadDispatch(Edn* out, int depth);
  bool ReadAtom(Edn* out);
  bool Fail(std::string expected);

  bool SkipBlanks();  // false at the end of the text
  char Peek() const { return text_[at_]; }
  std::string Found() const;

  std::string_view text_;
  size_t at_ = 0;
  size_t line_;
  size_t value_line_ = 0;
  bool in_vector_ = false;
  std::string error_;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_FORMATS_EDN_H_
