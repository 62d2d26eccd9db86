// Choosing the planted bug; only simulator executables link this (see mutant.h).
#ifndef LOCKSTEP_FRAMEWORK_BASE_MUTANT_ON_H_
#define LOCKSTEP_FRAMEWORK_BASE_MUTANT_ON_H_

#include "framework/base/mutant.h"

namespace lockstep::mutant {

// Plants `id` for the rest of the process, or until the next call. For `main` and tests.
void Plant(Id id);

}  // namespace lockstep::mutant

#endif  // LOCKSTEP_FRAMEWORK_BASE_MUTANT_ON_H_
