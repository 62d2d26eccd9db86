// The bugs that can be planted in this folder: see framework/base/mutant.h.
#ifndef LOCKSTEP_SIM_CLUSTER_MUTANTS_H_
#define LOCKSTEP_SIM_CLUSTER_MUTANTS_H_

#include "framework/base/mutant.h"

namespace lockstep::mutant {

// The nemesis never strikes.
inline constexpr Id kM68NemesisIdle{68};

}  // namespace lockstep::mutant

#endif  // LOCKSTEP_SIM_CLUSTER_MUTANTS_H_
