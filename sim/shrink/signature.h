// Signature: what two failures have in common if they are the same failure.
#ifndef LOCKSTEP_SIM_SHRINK_SIGNATURE_H_
#define LOCKSTEP_SIM_SHRINK_SIGNATURE_H_

#include <string>

#include "checkers/violation.h"

namespace lockstep::sim {

// The oracle and the kind of its verdict: its first clause without the words that have a digit or a
// quote in them, such as indexes, keys, values and times. Of an oracle that tells a story instead
// (no order of these operations ...; client 2 called ...), its name alone.
std::string SignatureOf(const checkers::Violation& violation);

// As a file name: lower case letters, digits and '-'; unique up to collisions.
std::string FileNameOf(const std::string& signature);

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_SHRINK_SIGNATURE_H_
