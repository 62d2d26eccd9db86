#include "framework/replica/client_sessions.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/mutant.h"
#include "framework/base/status_macros.h"
#include "framework/replica/keys.h"

namespace lockstep::replica {
namespace {

using machine::Column;

// Rows of acknowledged results are deleted in runs of this many, by one range tombstone, whenever
// the floor passes a multiple of it: which rows there are is a function of the log, too.
constexpr uint64_t kRowsPerSweep = 1024;

std::string SessionKey(SessionId session) {
  return absl::StrCat("S", BigEndian64(session.value()));
}

std::string ResultKey(SessionId session, RequestNumber number) {
  return absl::StrCat("s", BigEndian64(session.value()), BigEndian64(number.value()));
}

}  // namespace

absl::Status ClientSessions::Load(Fiber& fiber, const machine::StoreView& view) {
  sessions_.clear();
  auto it = view.NewIterator(Column::kSystem);
  for (it->Seek(fiber, "S"); it->Valid() && it->key().starts_with("S"); it->Next(fiber)) {
    if (it->key().size() != 9 || it->value().size() != 16) {
      return absl::DataLossError("a client session's record is malformed");
    }
    Session& session = sessions_[SessionId(ReadBigEndian64(it->key().substr(1)))];
    session.owner = NodeId(ReadBigEndian64(it->value()));
    session.floor = RequestNumber(ReadBigEndian64(it->value().substr(8)));
    session.rows_floor = RequestNumber(session.floor.value() / kRowsPerSweep * kRowsPerSweep);
  }
  RETURN_IF_ERROR(it->status());
  for (it->Seek(fiber, "s"); it->Valid() && it->key().starts_with("s"); it->Next(fiber)) {
    if (it->key().size() != 17) return absl::DataLossError("a result's key is malformed");
    const auto found = sessions_.find(SessionId(ReadBigEndian64(it->key().substr(1))));
    const RequestNumber number(ReadBigEndian64(it->key().substr(9)));
    if (found == sessions_.end() || number < found->second.floor) continue;
    Session& session = found->second;
    const uint64_t at = number - session.floor;
    CHECK_LT(at, kWindowMax);
    if (session.results.size() <= at) session.results.resize(at + 1);
    session.results[at].emplace(it->value());
  }
  return it->status();
}

void ClientSessions::Register(SessionId session, NodeId owner, machine::StoreTransaction& store) {
  if (Knows(session)) return;
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    if (it->second.owner != owner) {
      ++it;
      continue;
    }
    store.Delete(Column::kSystem, SessionKey(it->first));
    store.DeleteRange(Column::kSystem, ResultKey(it->first, RequestNumber(0)),
                      ResultKey(it->first + 1, RequestNumber(0)));
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
    if (mutant::Enabled(mutant::Id::kM71SessionResultForgotten)) return Admission::kNew;
    *result = &*session.results[at];
    return Admission::kDuplicate;
  }
  return Admission::kNew;
}

void ClientSessions::Record(SessionId session, RequestNumber number, std::string_view result,
                            machine::StoreTransaction& store) {
  Session& entry = sessions_.at(session);
  CHECK_GE(number, entry.floor);
  const uint64_t at = number - entry.floor;
  CHECK_LT(at, kWindowMax);
  if (entry.results.size() <= at) entry.results.resize(at + 1);
  entry.results[at].emplace(result);
  store.Put(Column::kSystem, ResultKey(session, number), result);
}

void ClientSessions::FinishBatch(machine::StoreTransaction& store) {
  for (auto& [id, session] : sessions_) {
    if (!session.changed) continue;
    session.changed = false;
    store.Put(Column::kSystem, SessionKey(id),
              absl::StrCat(BigEndian64(session.owner.value()), BigEndian64(session.floor.value())));
    const RequestNumber swept(session.floor.value() / kRowsPerSweep * kRowsPerSweep);
    if (swept > session.rows_floor) {
      store.DeleteRange(Column::kSystem, ResultKey(id, RequestNumber(0)), ResultKey(id, swept));
      session.rows_floor = swept;
    }
  }
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
