// One number for everything that a log entry says.
#ifndef LOCKSTEP_CHECKERS_ENTRY_HASH_H_
#define LOCKSTEP_CHECKERS_ENTRY_HASH_H_

#include <cstdint>

#include "framework/raft/entry.h"

namespace lockstep::checkers {

uint64_t CombineHash(uint64_t hash, uint64_t value);
uint64_t HashEntry(const raft::Entry& entry);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_ENTRY_HASH_H_
