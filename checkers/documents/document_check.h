// What a store of documents with sync promises, checked over a recorded history: no acknowledged
// write is lost, conflicts are kept, nodes converge, what is deleted stays so, checkpoints never
// lie, tenants never see each other. The README of this folder has the list.
//
// Deterministic; O(n log n), and for each state of a document the size of its heads and of what was
// written to it.
#ifndef LOCKSTEP_CHECKERS_DOCUMENTS_DOCUMENT_CHECK_H_
#define LOCKSTEP_CHECKERS_DOCUMENTS_DOCUMENT_CHECK_H_

#include <vector>

#include "checkers/documents/document_history.h"
#include "checkers/violation.h"

namespace lockstep::checkers {

// The name of the node that orders the writes.
inline constexpr char kHub[] = "hub";

// At most `violations_max`, in order of the events that prove them.
std::vector<Violation> CheckDocuments(const DocumentHistory& history, size_t violations_max = 16);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_DOCUMENTS_DOCUMENT_CHECK_H_
