// The bugs that can be planted in this folder: see framework/base/mutant.h.
#ifndef LOCKSTEP_DOCS_MEMORY_CRYPTO_MUTANTS_H_
#define LOCKSTEP_DOCS_MEMORY_CRYPTO_MUTANTS_H_

#include "framework/base/mutant.h"

namespace lockstep::mutant {

// A rotation forgets the old key while it is used.
inline constexpr Id kM123OldKeyDroppedEarly{123};

}  // namespace lockstep::mutant

#endif  // LOCKSTEP_DOCS_MEMORY_CRYPTO_MUTANTS_H_
