// The order of all values, and keys that sort the same way.
#ifndef LOCKSTEP_DOCS_MEMORY_BSON_COMPARE_H_
#define LOCKSTEP_DOCS_MEMORY_BSON_COMPARE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "docs-memory/bson/value.h"

namespace lockstep::docs {

// Values of one class are compared with each other; classes are ordered: MinKey, null (undefined),
// numbers, strings (symbols), documents, arrays, binary, ObjectId, bool, date, timestamp, regex,
// DBPointer, code, code with scope, MaxKey.
uint8_t ClassOf(Type type);

// <0, 0, >0; a total order. Documents compare field by field: class, name, value. Binary by length,
// subtype, bytes.
int Compare(ValueRef a, ValueRef b);
inline bool Equal(ValueRef a, ValueRef b) { return Compare(a, b) == 0; }

// Appends bytes that sort as Compare does; equal values have equal bytes, and no value's bytes
// begin another's.
void AppendKey(ValueRef value, std::string& out);
inline std::string KeyOf(ValueRef value) {
  std::string key;
  AppendKey(value, key);
  return key;
}
// What an empty array is in an order: after MinKey, before null.
void AppendEmptyArrayKey(std::string& out);

// Bounds of the class in keys: every key of it is in [ClassStart, ClassEnd).
std::string ClassStart(Type type);
std::string ClassEnd(Type type);

// Turns the order of the bytes from `start` on around.
void Invert(std::string& key, size_t start);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_BSON_COMPARE_H_
