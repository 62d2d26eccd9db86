// The text form of key-value histories: what the input and output of history.h's lines hold.
//
// Input and output are JSON themselves, in the shortest form: fields with their default value are
// left out. {"then":[{"put":"k","value":"v"}]} is a put; "if", "then" and "else" make a
// transaction.
#ifndef LOCKSTEP_CHECKERS_KV_TEXT_H_
#define LOCKSTEP_CHECKERS_KV_TEXT_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "checkers/kv_history.h"

namespace lockstep::checkers {

// A whole history, as JSON Lines.
std::string WriteKvHistory(const KvHistory& history);
// The message of an error names the line or the operation.
absl::StatusOr<KvHistory> ReadKvHistory(std::string_view text);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_KV_TEXT_H_
