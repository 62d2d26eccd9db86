#include "framework/replica/client_sessions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/replica/keys.h"
#include "framework/replica/marks.h"
#include "framework/replica/mutants.h"

namespace lockstep::replica {
namespace {

using machine::Column;

// A row is full with so many results or bytes.
constexpr uint32_t kRowResultsMax = 32;
constexpr size_t kRowBytesMax = 2048;
// Rows of acknowledged results are deleted in runs of this many, by one range tombstone: which rows
// there are is a function of the log, too.
constexpr uint64_t kRowsPerSweep = 32;

std::string SessionKey(SessionId session) {
  return absl::StrCat("S", BigEndian64(session.value()));
}

std::string RowKey(SessionId session, uint64_t row_number) {
  return absl::StrCat("s", BigEndian64(session.value()), BigEndian64(row_number));
}

}  // namespace

absl::Status ClientSessions::Load(Fiber& fiber, const machine::StoreView& view) {
  sessions_.clear();
  auto it = view.NewIterator(Column::kSystem);
  for (it->Seek(fiber, "S"); it->Valid() && it->key().starts_with("S"); it->Next(fiber)) {
    if (it->key().size() != 9 || it->value().size() != 24) {
      return absl::DataLossError("a client session's record is malformed");
    }
    Session& session = sessions_[SessionId(ReadBigEndian64(it->key().substr(1)))];
    session.owner = NodeId(ReadBigEndian64(it->value()));
    session.floor = RequestNumber(ReadBigEndian64(it->value().substr(8)));
    session.first_row = ReadBigEndian64(it->value().substr(16));
  }
  RETURN_IF_ERROR(it->status());
  for (it->Seek(fiber, "s"); it->Valid() && it->key().starts_with("s"); it->Next(fiber)) {
    if (it->key().size() != 17) return absl::DataLossError("a key of results is malformed");
    const auto found = sessions_.find(SessionId(ReadBigEndian64(it->key().substr(1))));
    if (found == sessions_.end()) continue;
    RETURN_IF_ERROR(LoadRow(found->second, ReadBigEndian64(it->key().substr(9)), it->value()));
  }
  return it->status();
}

// A row is a sequence of number:8 bytes:8 result.
void ClientSessions::AppendToRow(Session& session, RequestNumber number, std::string_view result) {
  absl::StrAppend(&session.open_row, BigEndian64(number.value()), BigEndian64(result.size()),
                  absl::string_view(result.data(), result.size()));
  ++session.open_results;
  session.open_greatest = std::max(session.open_greatest, number);
  session.open_changed = true;
}

void ClientSessions::CloseRowIfFull(Session& session) {
  if (session.open_results < kRowResultsMax && session.open_row.size() < kRowBytesMax) return;
  session.rows.push_back(session.open_greatest);
  session.filled.push_back(std::exchange(session.open_row, {}));
  session.open_results = 0;
  session.open_greatest = RequestNumber(0);
  session.open_changed = false;
}

absl::Status ClientSessions::LoadRow(Session& session, uint64_t row_number, std::string_view row) {
  if (row.empty() || row_number != session.open_row_number()) {
    return absl::DataLossError("a row of results is missing");
  }
  while (!row.empty()) {
    if (row.size() < 16 || row.size() - 16 < ReadBigEndian64(row.substr(8))) {
      return absl::DataLossError("a row of results is malformed");
    }
    const RequestNumber number(ReadBigEndian64(row));
    const std::string_view result = row.substr(16, ReadBigEndian64(row.substr(8)));
    row.remove_prefix(16 + result.size());
    AppendToRow(session, number, result);
    if (number < session.floor) continue;
    const uint64_t at = number - session.floor;
    CHECK_LT(at, kWindowMax);
    if (session.results.size() <= at) session.results.resize(at + 1);
    session.results[at].emplace(result);
  }
  CloseRowIfFull(session);
  session.filled.clear();
  session.open_changed = false;
  return absl::OkStatus();
}

void ClientSessions::Register(SessionId session, NodeId owner, machine::StoreTransaction& store) {
  if (Knows(session)) return;
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    if (it->second.owner != owner) {
      ++it;
      continue;
    }
    store.Delete(Column::kSystem, SessionKey(it->first));
    store.DeleteRange(Column::kSystem, RowKey(it->first, 0), RowKey(it->first + 1, 0));
    it = sessions_.erase(it);
  }
  Session& fresh = sessions_[session];
  fresh.owner = owner;
  fresh.changed = true;
}

Admission ClientSessions::Admit(const Envelope& envelope, const std::string** result) {
  const auto it = sessions_.find(envelope.session);
  if (it == sessions_.end()) return Admission::kUnknownSession;
  Session& session = it->second;
  MoveFloor(session, envelope.acked_below);
  if (envelope.number < session.floor) return Admission::kStale;
  const uint64_t at = envelope.number - session.floor;
  if (at >= kWindowMax) return Admission::kTooFarAhead;
  if (at < session.results.size() && session.results[at].has_value()) {
    if (mutant::Enabled(mutant::kM71SessionResultForgotten)) return Admission::kNew;
    marks::Reach(kMarkRetryAnswered);
    *result = &*session.results[at];
    return Admission::kDuplicate;
  }
  return Admission::kNew;
}

void ClientSessions::Record(SessionId session, RequestNumber number, std::string_view result) {
  Session& entry = sessions_.at(session);
  CHECK_GE(number, entry.floor);
  const uint64_t at = number - entry.floor;
  CHECK_LT(at, kWindowMax);
  if (entry.results.size() <= at) entry.results.resize(at + 1);
  entry.results[at].emplace(result);
  AppendToRow(entry, number, result);
  CloseRowIfFull(entry);
}

void ClientSessions::FinishBatch(machine::StoreTransaction& store) {
  for (auto& [id, session] : sessions_) {
    WriteRows(id, session, store);
    if (!session.changed) continue;
    session.changed = false;
    SweepRows(id, session, store);
    store.Put(Column::kSystem, SessionKey(id),
              absl::StrCat(BigEndian64(session.owner.value()), BigEndian64(session.floor.value()),
                           BigEndian64(session.first_row)));
  }
}

void ClientSessions::WriteRows(SessionId id, Session& session, machine::StoreTransaction& store) {
  uint64_t row_number = session.open_row_number() - session.filled.size();
  for (const std::string& row : session.filled) {
    store.Put(Column::kSystem, RowKey(id, row_number++), row);
  }
  session.filled.clear();
  if (session.open_changed) store.Put(Column::kSystem, RowKey(id, row_number), session.open_row);
  session.open_changed = false;
}

void ClientSessions::SweepRows(SessionId id, Session& session, machine::StoreTransaction& store) {
  size_t& below = session.rows_below_floor;
  while (below < session.rows.size() && session.rows[below] < session.floor) ++below;
  const uint64_t swept = (session.first_row + below) / kRowsPerSweep * kRowsPerSweep;
  if (swept <= session.first_row) return;
  store.DeleteRange(Column::kSystem, RowKey(id, 0), RowKey(id, swept));
  const uint64_t gone = swept - session.first_row;
  session.rows.erase(session.rows.begin(), session.rows.begin() + static_cast<ptrdiff_t>(gone));
  session.first_row = swept;
  below -= gone;
}

const std::string* ClientSessions::Find(SessionId session, RequestNumber number) const {
  const auto it = sessions_.find(session);
  if (it == sessions_.end() || number < it->second.floor) return nullptr;
  const uint64_t at = number - it->second.floor;
  if (at >= it->second.results.size() || !it->second.results[at]) return nullptr;
  return &*it->second.results[at];
}

void ClientSessions::MoveFloor(Session& session, RequestNumber floor) {
  if (floor <= session.floor) return;
  session.changed = true;
  const uint64_t distance = floor - session.floor;
  if (distance >= session.results.size()) {
    session.results.clear();
  } else {
    session.results.erase(session.results.begin(),
                          session.results.begin() + static_cast<ptrdiff_t>(distance));
  }
  session.floor = floor;
}

}  // namespace lockstep::replica
