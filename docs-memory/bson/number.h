// Numbers of BSON by their exact mathematical value: comparison, arithmetic, keys.
#ifndef LOCKSTEP_DOCS_MEMORY_BSON_NUMBER_H_
#define LOCKSTEP_DOCS_MEMORY_BSON_NUMBER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"

namespace lockstep::docs {

// All functions REQUIRE numbers (IsNumber).

// <0, 0, >0. Total: NaN equals itself and is below all else; -0 equals 0. Exact across types.
int CompareNumbers(ValueRef a, ValueRef b);
bool IsNan(ValueRef number);

// Appends bytes that sort as CompareNumbers does; equal numbers have equal bytes, and no number's
// bytes begin another's.
void AppendNumberKey(ValueRef number, std::string& out);

// The widest of the two types; int32 grows to int64. E_OVERFLOW beyond int64.
absl::StatusOr<Value> Add(ValueRef a, ValueRef b);
absl::StatusOr<Value> Multiply(ValueRef a, ValueRef b);

// The integer that it is; nothing if it has a fraction, is not finite or does not fit.
std::optional<int64_t> ToInteger(ValueRef number);
// The same, after cutting off the fraction.
std::optional<int64_t> Truncated(ValueRef number);

// The same number, with every NaN the same quiet one.
Value CanonicalNan(ValueRef number);
// Whether the coefficient fits 34 digits, the only form that is written.
bool IsCanonicalDecimal(ValueRef decimal);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_BSON_NUMBER_H_
