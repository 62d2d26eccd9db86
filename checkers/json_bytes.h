// Byte strings inside JSON, for the history files.
#ifndef LOCKSTEP_CHECKERS_JSON_BYTES_H_
#define LOCKSTEP_CHECKERS_JSON_BYTES_H_

#include <optional>
#include <string>
#include <string_view>

namespace lockstep::checkers {

// JSON text is UTF-8 and keys and values are bytes: each byte becomes the code point of its number.
std::string BytesToUtf8(std::string_view bytes);
// Absent if a code point is above U+00FF or the text is not UTF-8.
std::optional<std::string> BytesFromUtf8(std::string_view text);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_JSON_BYTES_H_
