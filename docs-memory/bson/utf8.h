// Text that strangers wrote.
#ifndef LOCKSTEP_DOCS_MEMORY_BSON_UTF8_H_
#define LOCKSTEP_DOCS_MEMORY_BSON_UTF8_H_

#include <string_view>

namespace lockstep::docs {

// Whether the bytes are UTF-8 [RFC 3629]: no surrogates, and nothing longer than it has to be.
bool IsUtf8(std::string_view bytes);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_BSON_UTF8_H_
