// DocumentHistory: what nodes of a document store with sync did and showed, in the order of one
// observer. JSON Lines, one event a line; the README of this folder has the fields.
//
// Revisions are texts whose order is that of the bytes. A value; nothing here suspends.
#ifndef LOCKSTEP_CHECKERS_DOCUMENTS_DOCUMENT_HISTORY_H_
#define LOCKSTEP_CHECKERS_DOCUMENTS_DOCUMENT_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace lockstep::checkers {

// A revision that nothing known replaced.
struct DocumentHead final {
  std::string rev;
  std::string body;  // the text or a digest of it
  bool deleted = false;
  bool operator==(const DocumentHead&) const = default;
};

struct DocumentEvent final {
  enum class Kind {
    kScope,       // the node is to hold the tenant's documents from now on
    kWrite,       // a client's write was acknowledged at the node: rev, base, resolves, body
    kVerdict,     // the hub's, on a write: status, seq
    kState,       // the node holds the document as of seq: heads, evicted
    kRead,        // the node showed a client the document: rev, body; rev "": it is not there
    kCheckpoint,  // the node holds everything up to seq of the epoch
    kRemove,      // the node dropped the document, which left its scope
    kPurge,       // the document was erased everywhere
    kQuiet,       // all is healed and synced: what nodes hold now is final
  };
  enum class Status { kApplied, kDuplicate, kRejected };

  Kind kind = Kind::kQuiet;
  size_t line = 0;
  std::string node;
  std::string tenant;
  std::string doc;
  std::string rev;
  std::string base;  // "": none
  std::vector<std::string> resolves;
  std::string body;
  bool deleted = false;
  bool durable = true;  // of a write: it may not be lost in a crash
  int64_t number = 0;   // of a write of the node, and its verdict: "nseq"
  int64_t seq = 0;      // the hub's
  Status status = Status::kApplied;
  std::string epoch;
  std::vector<DocumentHead> heads;
  int64_t evicted = 0;
};

using DocumentHistory = std::vector<DocumentEvent>;

// The message of an error names the line and what was expected. Empty lines are skipped.
absl::StatusOr<DocumentHistory> ReadDocumentHistory(std::string_view text);

// Whether a text in JSON Lines begins with an event of this kind.
bool HoldsDocumentEvents(std::string_view text);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_DOCUMENTS_DOCUMENT_HISTORY_H_
