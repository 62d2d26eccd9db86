#include "docs-memory/testing/event_listener.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/sync/protocol.h"
#include "framework/runtime/network.h"

namespace lockstep::docs {
namespace {

constexpr Duration kSilenceMax = Seconds(20);

// The rest of the line that begins so; "" if there is none.
std::string_view LineOf(std::string_view event, std::string_view name) {
  for (size_t start = 0; start < event.size();) {
    const size_t end = std::min(event.find('\n', start), event.size());
    const std::string_view line = event.substr(start, end - start);
    if (line.substr(0, name.size()) == name) return line.substr(name.size());
    start = end + 1;
  }
  return {};
}

}  // namespace

void EventListener::Live(Fiber& fiber, runtime::Environment& environment,
                         const std::string& token) {
  while (token.empty()) fiber.SleepFor(Milliseconds(20));
  for (;;) {
    Follow(fiber, environment, token);
    current_ = (current_ + 1) % hub_.size();
    fiber.SleepFor(Milliseconds(static_cast<int64_t>(1 + random_.Below(200))));
  }
}

void EventListener::Follow(Fiber& fiber, runtime::Environment& environment,
                           const std::string& token) {
  const auto stream = environment.network.Dial(fiber, hub_[current_], fiber.now() + Seconds(3));
  if (!stream.ok()) return;
  std::string request = absl::StrCat("GET /v1/changes?tenant=", tenant_, "&ns=", space_,
                                     "&limit=", 1 + random_.Below(6), " HTTP/1.1\r\nHost: hub\r\n",
                                     "X-Docs-Protocol: 1\r\nAuthorization: Bearer ", token,
                                     "\r\nAccept: text/event-stream\r\n");
  if (!id_.empty()) absl::StrAppend(&request, "Last-Event-ID: ", id_, "\r\n");
  if (!id_.empty()) ++resumed_;
  (*stream)->SetWriteDeadline(fiber.now() + Seconds(3));
  if (!(*stream)->Write(fiber, request + "\r\n").ok()) return;
  // Now and then he has had enough, in the middle of whatever it is.
  uint64_t patience = random_.Below(2) == 0 ? UINT64_MAX : 200 + random_.Below(4000);
  std::string bytes;
  bool has_header = false;
  for (;;) {
    char buffer[500];
    (*stream)->SetReadDeadline(fiber.now() + kSilenceMax);
    const auto count = (*stream)->Read(fiber, absl::MakeSpan(buffer, sizeof(buffer)));
    if (!count.ok() || *count == 0) return;
    bytes.append(buffer, *count);
    if (!has_header) {
      const size_t end = bytes.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      const std::string status = bytes.substr(0, 12);
      if (status == "HTTP/1.1 409" || status == "HTTP/1.1 410") Forget();
      if (status != "HTTP/1.1 200") return;
      has_header = true;
      bytes.erase(0, end + 4);
    }
    if (!TakeEvents(bytes) || patience <= *count) return;
    patience -= *count;
  }
}

bool EventListener::TakeEvents(std::string& bytes) {
  for (size_t end = bytes.find("\n\n"); end != std::string::npos; end = bytes.find("\n\n")) {
    const std::string event = bytes.substr(0, end);
    bytes.erase(0, end + 2);
    if (!TakeEvent(event)) return false;
  }
  return true;
}

bool EventListener::TakeEvent(std::string_view event) {
  if (LineOf(event, "event: ") == "error") {
    const std::string_view why = LineOf(event, "data: ");
    if (why.find("E_EPOCH") != std::string_view::npos ||
        why.find("E_CHECKPOINT_TOO_OLD") != std::string_view::npos) {
      Forget();
    }
    return false;
  }
  if (const std::string_view data = LineOf(event, "data: "); !data.empty()) Fold(data);
  if (const std::string_view id = LineOf(event, "id: "); !id.empty()) id_ = id;
  return true;
}

// Everything is told once more.
void EventListener::Forget() {
  id_.clear();
  sequence_ = 0;
  documents_.clear();
}

void EventListener::Fold(std::string_view data) {
  ++events_;
  const auto page = ParseEnvelope(
      absl::StrCat(R"({"epoch": "0000000000000001", "checkpoint": "0000000000000001.1", )",
                   R"("more": false, "own": [], "server_time": 0, "changes": [)", std::string(data),
                   "]}"),
      kJsonType);
  const auto answer = page.ok() ? DecodePullAnswer(page->view()) : page.status();
  if (!answer.ok() || answer->changes.size() != 1) {
    failure_ = absl::StrCat("an event that makes no sense: ", std::string(data.substr(0, 200)));
    return;
  }
  const PulledChange& change = answer->changes[0];
  if (change.heads.sequence <= sequence_)
    failure_ = absl::StrCat("events went back to ", change.heads.sequence, " from ", sequence_);
  sequence_ = change.heads.sequence;
  documents_[std::string(change.id.ref().string())] = change.heads;
}

std::string EventListener::Compare(const HubTruth& truth) const {
  for (const auto& [id, one] : truth.documents) {
    const auto told = documents_.find(id);
    const Head& winner = one.heads.all[0];
    // (It may have been purged since, and he have begun anew.)
    if (told == documents_.end() && winner.deleted) continue;
    if (told == documents_.end()) return absl::StrCat("was not told of ", id);
    const Heads& heads = told->second;
    // (The hub has deleted it meanwhile: it was its time.)
    if (winner.expires_ms != 0 && heads.all[0].rev.node == 0) continue;
    bool is_same = heads.all.size() == one.heads.all.size();
    for (size_t i = 0; is_same && i < heads.all.size(); ++i) {
      const Head& a = heads.all[i];
      const Head& b = one.heads.all[i];
      is_same = a.rev == b.rev && a.deleted == b.deleted && a.document == b.document;
    }
    if (!is_same) return absl::StrCat("was told something else of ", id);
  }
  for (const auto& [id, heads] : documents_) {
    if (truth.documents.count(id) == 0 && !heads.all[0].deleted)
      return absl::StrCat("was not told that ", id, " is gone");
  }
  return {};
}

}  // namespace lockstep::docs
