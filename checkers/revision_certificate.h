// The revision certificate: an etcd-like store numbers its writes, so the order that a checker
// would have to search for is given. This checks in one pass that it is an order that clients could
// have seen: it needs no search, sees transactions and ranges over many keys, and names the
// conflict.
//
// Checked are:
//   order         every write has a revision of its own, without gaps (a gap needs a write of
//                 unknown outcome that could have filled it);
//   real time     a write's revision is above everything that was known before its call;
//   content       every answer at header revision R is exactly the state after write R: values,
//                 mod and create revisions, versions, counts, previous values, compares;
//   freshness     linearizable answers are at or above everything known before their call;
//   no future     no answer depends on a write that was called only after it returned (the same
//                 fact, seen from the write: its revision was known before its call);
//   exactly once  one write has one revision, also if its outcome is unknown;
//   compaction    reads of the past fail only below a compaction, and do fail below a known one.
// Where an unknown outcome leaves the state open, the affected keys are not judged until they are
// known again: a violation is never guessed.
#ifndef LOCKSTEP_CHECKERS_REVISION_CERTIFICATE_H_
#define LOCKSTEP_CHECKERS_REVISION_CERTIFICATE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "checkers/kv_history.h"
#include "checkers/violation.h"

namespace lockstep::checkers {

struct RevisionOptions final {
  // The store is empty and at this revision when the history begins.
  int64_t initial_revision = 1;
  bool try_plain_proof = true;  // revision_fast_path.h, first
};

struct RevisionResult final {
  std::optional<Violation> violation;
  size_t writes = 0;     // revisions with a known author
  size_t open_gaps = 0;  // revisions that one of several unknown writes produced
};

RevisionResult CheckRevisions(const KvHistory& history, const RevisionOptions& options = {});

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_REVISION_CERTIFICATE_H_
