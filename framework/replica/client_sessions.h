// ClientSessions: the part of the replicated state that makes a retried request apply once.
//
// Per session a window of results, [floor, floor + size): a request inside it that was applied is
// answered from there, one below it was acknowledged by the client and is dropped. The table is a
// pure function of the log, so that every replica admits and refuses the same entries.
//
// In Column::kSystem: "S" + session -> owner, floor, first row; "s" + session + row number ->
// results, in the order of the log. A row takes results until it is full, so that most entries of a
// batch share one; what is in which row is a function of the log, not of the batches.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_CLIENT_SESSIONS_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_CLIENT_SESSIONS_H_

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "framework/base/ids.h"
#include "framework/machine/ordered_store.h"
#include "framework/replica/envelope.h"

namespace lockstep::replica {

enum class Admission {
  kNew,             // execute it, then Record its result
  kDuplicate,       // executed before: the result is known
  kStale,           // executed before and acknowledged, or never to be executed: nobody waits
  kUnknownSession,  // never registered, or superseded by a later incarnation of its owner
  kTooFarAhead,     // its number is beyond the window: the client misbehaves
};

// Owned by the Applier, used by its fiber only. Suspends only in Load.
class ClientSessions final {
 public:
  // Requests of one session between its floor and its newest.
  static constexpr size_t kWindowMax = 1 << 16;

  // Replaces the table by what the view holds.
  absl::Status Load(Fiber& fiber, const machine::StoreView& view);

  // Idempotent. Closes other sessions of the same owner.
  void Register(SessionId session, NodeId owner, machine::StoreTransaction& store);

  // Moves the session's floor to acked_below, then says what to do with the request. The pointer is
  // set for kDuplicate only and is valid until the next call.
  Admission Admit(const Envelope& envelope, const std::string** result);
  // REQUIRES: Admit said kNew for it, in this batch.
  void Record(SessionId session, RequestNumber number, std::string_view result);
  // Writes what changed. Once per batch, before its commit.
  void FinishBatch(machine::StoreTransaction& store);

  // The result of an applied request, or null.
  const std::string* Find(SessionId session, RequestNumber number) const;
  bool Knows(SessionId session) const { return sessions_.contains(session); }
  size_t size() const { return sessions_.size(); }

 private:
  struct Session {
    NodeId owner;
    RequestNumber floor{1};
    std::deque<std::optional<std::string>> results;  // results[i] is of floor + i
    uint64_t first_row = 0;                          // rows before it are deleted from the store
    std::deque<RequestNumber> rows;                  // the greatest number in each full row
    size_t rows_below_floor = 0;                     // of these, at the front
    std::vector<std::string> filled;                 // the last of these rows, not in the store yet
    std::string open_row;                            // the row after them
    uint32_t open_results = 0;
    RequestNumber open_greatest;
    bool open_changed = false;  // since the last batch
    bool changed = false;       // owner or floor, since the last batch

    uint64_t open_row_number() const { return first_row + rows.size(); }
  };

  static void AppendToRow(Session& session, RequestNumber number, std::string_view result);
  static void CloseRowIfFull(Session& session);
  static absl::Status LoadRow(Session& session, uint64_t row_number, std::string_view row);
  static void WriteRows(SessionId id, Session& session, machine::StoreTransaction& store);
  static void SweepRows(SessionId id, Session& session, machine::StoreTransaction& store);
  void MoveFloor(Session& session, RequestNumber floor);

  std::map<SessionId, Session> sessions_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_CLIENT_SESSIONS_H_
