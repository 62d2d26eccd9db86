// Planted bugs: each is a place where the product can be told to be wrong, so that the simulator
// can be measured by whether it notices.
//
// The objects are the same everywhere; what differs is what is linked. Production executables link
// `lockstep_mutants_off`, where Enabled is constant false; simulator executables link
// `lockstep_mutants_on`, where `main` chooses at most one bug per run.
#ifndef LOCKSTEP_FRAMEWORK_BASE_MUTANT_H_
#define LOCKSTEP_FRAMEWORK_BASE_MUTANT_H_

namespace lockstep::mutant {

// What to plant. Each folder names its own bugs (`mutants.h`; those of several are here), by the
// numbers of the table in docs/simulation.md; those have gaps and are never reused.
enum class Id : int { kNone = 0 };
// Of the log and of the store: the scrubber reads and compares nothing.
inline constexpr Id kM160ScrubberSkipsChecksums{160};

// Whether the given bug is planted in this run.
bool Enabled(Id id);

}  // namespace lockstep::mutant

#endif  // LOCKSTEP_FRAMEWORK_BASE_MUTANT_H_
