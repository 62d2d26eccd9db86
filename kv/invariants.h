// The invariants of the stored key space, for simulations.
#ifndef LOCKSTEP_KV_INVARIANTS_H_
#define LOCKSTEP_KV_INVARIANTS_H_

#include "absl/status/status.h"
#include "framework/machine/ordered_store.h"

namespace lockstep::kv {

// Says what is wrong with the stored state: the columns must tell one story (changes.h), and
// nothing may be left that a finished sweep should have removed. Reads everything.
absl::Status CheckKeySpace(Fiber& fiber, const machine::StoreView& view);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_INVARIANTS_H_
