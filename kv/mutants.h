// The bugs that can be planted in this folder: see framework/base/mutant.h.
#ifndef LOCKSTEP_KV_MUTANTS_H_
#define LOCKSTEP_KV_MUTANTS_H_

#include "framework/base/mutant.h"

namespace lockstep::mutant {

// A read at an old revision sees the newest value.
inline constexpr Id kM72RangeIgnoresRevision{72};
// A key created again continues its old version.
inline constexpr Id kM73DeleteKeepsVersion{73};
// A read in a transaction misses its earlier writes.
inline constexpr Id kM74TxnReadsBeforeOwnWrites{74};
// Linearizable ranges are served without ReadIndex.
inline constexpr Id kM75StaleSerializableRead{75};
// A full list of older versions is not stored.
inline constexpr Id kM76OlderVersionsForgotten{76};
// A deleted key stays in the cache of recent ones.
inline constexpr Id kM77DeletedKeyRemembered{77};
// Transactions put although there is no space.
inline constexpr Id kM78QuotaIgnoredByTxn{78};

}  // namespace lockstep::mutant

#endif  // LOCKSTEP_KV_MUTANTS_H_
