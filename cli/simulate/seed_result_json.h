// A seed's result as one line of JSON: between worker processes, and for whoever asks for it.
#ifndef LOCKSTEP_CLI_SIMULATE_SEED_RESULT_JSON_H_
#define LOCKSTEP_CLI_SIMULATE_SEED_RESULT_JSON_H_

#include <optional>
#include <string>

#include "sim/cluster/run.h"

namespace lockstep::cli {

// Without tape and checkpoints. No line break in it.
std::string ToJson(const sim::RunResult& result);
// Nothing if the line is no result.
std::optional<sim::RunResult> FromJson(const std::string& line);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_SEED_RESULT_JSON_H_
