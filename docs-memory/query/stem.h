// Stems of English words, after M. F. Porter, "An algorithm for suffix stripping" (1980).
#ifndef LOCKSTEP_DOCS_MEMORY_QUERY_STEM_H_
#define LOCKSTEP_DOCS_MEMORY_QUERY_STEM_H_

#include <string>
#include <string_view>

namespace lockstep::docs {

// "connections" and "connected" are "connect". Words of two letters, and those with anything but a
// to z in them, stay as they are.
std::string EnglishStem(std::string_view word);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_QUERY_STEM_H_
