// EventListener: somebody who follows a namespace of a hub by server-sent events, over connections
// that end anywhere, and remembers what he was told.
#ifndef LOCKSTEP_DOCS_MEMORY_TESTING_EVENT_LISTENER_H_
#define LOCKSTEP_DOCS_MEMORY_TESTING_EVENT_LISTENER_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "docs-memory/testing/sync_oracle.h"
#include "framework/base/random.h"
#include "framework/runtime/environment.h"

namespace lockstep::docs {

// Bytes on a stream, as a browser's EventSource sees them: it knows nothing of a hub's client.
class EventListener final {
 public:
  EventListener(std::string tenant, std::string space, std::vector<runtime::Address> hub,
                uint64_t seed)
      : tenant_(std::move(tenant)), space_(std::move(space)), hub_(std::move(hub)), random_(seed) {}
  EventListener(const EventListener&) = delete;
  EventListener& operator=(const EventListener&) = delete;

  // For ever. `token` is filled in some time. Suspends.
  void Live(Fiber& fiber, runtime::Environment& environment, const std::string& token);

  // What differs from the truth in what was told; "": nothing.
  std::string Compare(const HubTruth& truth) const;
  // What an honest hub does not tell. Empty: nothing.
  const std::string& failure() const { return failure_; }
  uint64_t events() const { return events_; }
  uint64_t resumed() const { return resumed_; }

 private:
  // One connection.
  void Follow(Fiber& fiber, runtime::Environment& environment, const std::string& token);
  // Takes whole events from the front of `bytes`. False: this stream is over.
  bool TakeEvents(std::string& bytes);
  bool TakeEvent(std::string_view event);
  void Fold(std::string_view data);
  void Forget();

  const std::string tenant_;
  const std::string space_;
  const std::vector<runtime::Address> hub_;
  base::SequentialRandom random_;
  size_t current_ = 0;
  std::string id_;  // of the last event
  uint64_t sequence_ = 0;
  std::map<std::string, Heads> documents_;
  std::string failure_;
  uint64_t events_ = 0;
  uint64_t resumed_ = 0;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_TESTING_EVENT_LISTENER_H_
