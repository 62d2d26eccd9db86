// The bugs that can be planted in this folder: see framework/base/mutant.h.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_MUTANTS_H_
#define LOCKSTEP_FRAMEWORK_EDGE_MUTANTS_H_

#include "framework/base/mutant.h"

namespace lockstep::mutant {

// Credentials that were replaced are still used.
inline constexpr Id kM98ReloadedCertificateUnused{98};

}  // namespace lockstep::mutant

#endif  // LOCKSTEP_FRAMEWORK_EDGE_MUTANTS_H_
