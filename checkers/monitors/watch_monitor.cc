#include "checkers/monitors/watch_monitor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::checkers {
namespace {

std::string Describe(const WatchEvent& event) {
  const std::string what = event.is_delete
                               ? absl::StrCat("the delete of ", event.key)
                               : absl::StrCat("the put of ", event.key, " = ", event.value);
  return absl::StrCat(what, " at revision ", event.revision);
}

Violation Broken(const char* guarantee, uint64_t watch, std::string text) {
  return {absl::StrCat("watch: ", guarantee), std::move(text), absl::StrCat("watch ", watch)};
}

bool ByKey(const WatchEvent& a, const WatchEvent& b) { return a.key < b.key; }

}  // namespace

bool WatchMonitor::Wants(const WatchRequest& request, const std::string& key) {
  if (request.range_end.empty()) return key == request.key;
  return key >= request.key &&
         (request.range_end == std::string(1, '\0') || key < request.range_end);
}

std::optional<Violation> WatchMonitor::OnCommit(std::vector<WatchEvent> events) {
  CHECK(!events.empty());
  const int64_t revision = events[0].revision;
  CHECK_GT(revision, head_);
  std::sort(events.begin(), events.end(), ByKey);
  head_ = revision;
  log_[revision] = std::move(events);
  for (auto& [id, watch] : watches_) {
    std::vector<Batch> waiting;
    waiting.swap(watch.waiting);
    for (Batch& batch : waiting) {
      if (auto found = Take(id, watch, std::move(batch))) return found;
    }
  }
  Trim();
  return std::nullopt;
}

void WatchMonitor::Open(uint64_t id, const WatchRequest& request) {
  const bool is_new =
      watches_.try_emplace(id, Watch{request, request.start_revision - 1, {}}).second;
  CHECK(is_new) << "watch " << id << " is open";
}

void WatchMonitor::Close(uint64_t id) {
  watches_.erase(id);
  Trim();
}

std::optional<Violation> WatchMonitor::OnEvents(uint64_t id,
                                                const std::vector<WatchEvent>& events) {
  Watch& watch = watches_.at(id);
  for (const WatchEvent& event : events) {
    if (!Wants(watch.request, event.key)) {
      return Broken("filter", id,
                    absl::StrCat("it delivered ", Describe(event), ", which it does not watch"));
    }
  }
  for (size_t i = 1; i < events.size(); ++i) {
    if (events[i].revision < events[i - 1].revision) {
      return Broken(
          "ordered", id,
          absl::StrCat("it delivered ", Describe(events[i]), " behind ", Describe(events[i - 1])));
    }
  }
  if (events.empty()) return std::nullopt;
  return Take(id, watch, {events, 0});
}

std::optional<Violation> WatchMonitor::OnProgress(uint64_t id, int64_t revision) {
  return Take(id, watches_.at(id), {{}, revision});
}

// Judges a batch when the log has got there, in the order in which batches came.
std::optional<Violation> WatchMonitor::Take(uint64_t id, Watch& watch, Batch batch) {
  const int64_t needs = batch.events.empty() ? batch.progress : batch.events.back().revision;
  if (needs > head_ || !watch.waiting.empty()) {
    watch.waiting.push_back(std::move(batch));
    return std::nullopt;
  }
  return Judge(id, watch, batch);
}

std::optional<Violation> WatchMonitor::Judge(uint64_t id, Watch& watch, const Batch& batch) {
  if (batch.events.empty()) {
    if (const WatchEvent* missing = FirstWanted(watch, watch.done, batch.progress)) {
      return Broken("bookmarkable", id,
                    absl::StrCat("it announced that it is at revision ", batch.progress,
                                 " and had not delivered ", Describe(*missing)));
    }
    watch.done = std::max(watch.done, batch.progress);
    return std::nullopt;
  }
  for (auto at = batch.events.begin(); at != batch.events.end();) {
    const int64_t revision = at->revision;
    auto end = std::find_if(at, batch.events.end(),
                            [&](const WatchEvent& event) { return event.revision != revision; });
    if (auto found = JudgeRevision(id, watch, revision, {at, end})) return found;
    at = end;
  }
  return std::nullopt;
}

std::optional<Violation> WatchMonitor::JudgeRevision(uint64_t id, Watch& watch, int64_t revision,
                                                     std::vector<WatchEvent> events) {
  if (revision <= watch.done) {
    return Broken("unique", id,
                  absl::StrCat("it delivered ", Describe(events[0]), ", which is at or before ",
                               watch.done, ", where it was already or need not begin"));
  }
  if (const WatchEvent* missing = FirstWanted(watch, watch.done, revision - 1)) {
    const bool is_first = watch.done == watch.request.start_revision - 1;
    return Broken(is_first ? "resumable" : "reliable", id,
                  absl::StrCat("it delivered ", Describe(events[0]), " and not ",
                               Describe(*missing), " before it"));
  }
  std::sort(events.begin(), events.end(), ByKey);
  std::vector<WatchEvent> wanted;
  if (const auto at = log_.find(revision); at != log_.end()) {
    for (const WatchEvent& event : at->second) {
      if (!Wants(watch.request, event.key)) continue;
      wanted.push_back(event);
      if (!watch.request.wants_previous) wanted.back().previous.reset();
    }
  }
  for (const WatchEvent& event : events) {
    const auto at = std::lower_bound(wanted.begin(), wanted.end(), event, ByKey);
    if (at == wanted.end() || at->key != event.key) {
      return Broken("reliable", id,
                    absl::StrCat("it delivered ", Describe(event), ", which did not happen"));
    }
    if (*at != event) {
      return Broken("reliable", id,
                    absl::StrCat("it delivered ", Describe(event),
                                 " otherwise than it was: ", Describe(*at)));
    }
  }
  if (events.size() > wanted.size()) {
    return Broken("unique", id, absl::StrCat("it delivered ", Describe(events[0]), " twice"));
  }
  if (events.size() < wanted.size()) {
    return Broken("atomic", id,
                  absl::StrCat("it delivered ", events.size(), " of the ", wanted.size(),
                               " events of revision ", revision, " together"));
  }
  watch.done = revision;
  return std::nullopt;
}

std::optional<Violation> WatchMonitor::OnSettled(uint64_t id) {
  const Watch& watch = watches_.at(id);
  if (!watch.waiting.empty()) {
    const Batch& batch = watch.waiting[0];
    return Broken("reliable", id,
                  batch.events.empty() ? absl::StrCat("it announced revision ", batch.progress,
                                                      ", which the store never reached")
                                       : absl::StrCat("it delivered ", Describe(batch.events[0]),
                                                      " or what follows, which did not happen"));
  }
  const WatchEvent* missing = FirstWanted(watch, watch.done, head_);
  if (missing == nullptr) return std::nullopt;
  return Broken("live", id, absl::StrCat("it never delivered ", Describe(*missing)));
}

const WatchEvent* WatchMonitor::FirstWanted(const Watch& watch, int64_t after,
                                            int64_t until) const {
  for (auto at = log_.upper_bound(after); at != log_.end() && at->first <= until; ++at) {
    for (const WatchEvent& event : at->second) {
      if (Wants(watch.request, event.key)) return &event;
    }
  }
  return nullptr;
}

// Whoever opens a watch in the past must do so before the log has forgotten it: the caller keeps
// one open at the oldest revision that clients may ask for.
void WatchMonitor::Trim() {
  int64_t needed = head_;
  for (const auto& [id, watch] : watches_) needed = std::min(needed, watch.done);
  log_.erase(log_.begin(), log_.upper_bound(needed));
}

}  // namespace lockstep::checkers
