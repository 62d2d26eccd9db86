#include "sim/world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/fiber/scheduler.h"
#include "sim/recorder.h"

namespace lockstep::sim {
namespace {

// Arms the tripwires, where they are linked in, and listens to marks.
class RunningWorld final {
 public:
  explicit RunningWorld(World* world) : previous_marks_(marks::Listen(&world->marks())) {
    if (LockstepSetRunningWorld != nullptr) previous_ = LockstepSetRunningWorld(world);
  }
  RunningWorld(const RunningWorld&) = delete;
  RunningWorld& operator=(const RunningWorld&) = delete;
  ~RunningWorld() {
    marks::Listen(previous_marks_);
    if (LockstepSetRunningWorld != nullptr) LockstepSetRunningWorld(previous_);
  }

 private:
  marks::Counts* previous_marks_;
  World* previous_ = nullptr;
};

}  // namespace

std::string_view NameOf(EventKind kind) {
  switch (kind) {
    case EventKind::kFiber:
      return "fiber";
    case EventKind::kTimer:
      return "timer";
    case EventKind::kDeliver:
      return "deliver";
    case EventKind::kConnect:
      return "connect";
    case EventKind::kDisk:
      return "disk";
    case EventKind::kStore:
      return "store";
    case EventKind::kOffload:
      return "offload";
    case EventKind::kMailbox:
      return "mailbox";
    case EventKind::kNode:
      return "node";
    case EventKind::kTrace:
      return "trace";
    case EventKind::kNemesis:
      return "nemesis";
    case EventKind::kClient:
      return "client";
  }
  CHECK(false) << "no such event kind " << static_cast<int>(kind);
  return "";
}

struct World::Later final {
  bool operator()(const HeapEntry& a, const HeapEntry& b) const {
    if (a.at != b.at) return a.at > b.at;
    if (a.tie != b.tie) return a.tie > b.tie;
    return a.sequence > b.sequence;
  }
};

World::World(uint64_t seed, const FaultProfile& profile, const Tape* replay)
    : seed_(seed), draws_(seed, replay), rates_(DrawRates(profile, draws_)) {}

World::~World() { CHECK_EQ(product_depth_, 0u) << "a world was destroyed from inside"; }

void World::At(VirtualTime when, const EventOrigin& origin, absl::AnyInvocable<void()> run,
               uint64_t payload) {
  CHECK_GE(when, now_) << "an event in the past";
  uint32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  slots_[slot] = {std::move(run), origin, payload, keeps_causes_ ? Cause() : std::string()};
  // Not of the sequence: taking an event away must not change how others tie.
  uint64_t tie = 0;
  if (rates_.tie_shuffle != 0) {
    const uint64_t whose =
        KeyOf(origin.node.value(), static_cast<uint64_t>(origin.kind), origin.key);
    tie = base::Mix64(
        whose ^ (rates_.tie_shuffle * 0x9E3779B97F4A7C15ull + static_cast<uint64_t>(when.ns)));
  }
  heap_.push_back({when, tie, next_sequence_++, slot});
  std::push_heap(heap_.begin(), heap_.end(), Later{});
}

void World::Urgent(absl::AnyInvocable<void()> run) {
  if (product_depth_ == 0) {
    run();
    return;
  }
  urgent_.push_back(std::move(run));
}

std::string World::Cause() const {
  CHECK(keeps_causes_);
  const fiber::Fiber* fiber =
      running_scheduler_ == nullptr ? nullptr : running_scheduler_->current();
  if (fiber == nullptr) return running_cause_;
  return absl::StrCat("fiber ", std::string(fiber->name()), " of n", running_node_.value());
}

void World::TellFault(FaultClass fault) { recorder_->OnFault(now_, fault, running_node_); }

void World::GoFresh(uint64_t salt, const FaultProfile& profile) {
  Draws untaped(seed_, nullptr);
  rates_ = DrawRates(profile, untaped);
  draws_.GoFresh(salt);
}

uint32_t& World::StoreRandomState() {
  const auto [at, is_new] = store_random_.try_emplace(running_node_);
  // Any but zero and 2^31 - 1, where the generator would stand still.
  if (is_new) {
    at->second = 1 + static_cast<uint32_t>(draws_.Entropy("store.random", running_node_.value()) %
                                           0x7FFF'FFFDu);
  }
  return at->second;
}

bool World::RunUrgent() {
  CHECK_EQ(product_depth_, 0u);
  if (urgent_.empty()) return false;
  auto run = std::move(urgent_.front());
  urgent_.pop_front();
  run();
  return true;
}

bool World::StepUpTo(VirtualTime end) {
  CHECK_EQ(product_depth_, 0u) << "the world was stepped from inside one of its events";
  if (RunUrgent()) return true;
  if (heap_.empty() || heap_.front().at > end) return false;
  std::pop_heap(heap_.begin(), heap_.end(), Later{});
  const HeapEntry entry = heap_.back();
  heap_.pop_back();
  CHECK_GE(entry.at, now_);
  now_ = entry.at;
  Pending event = std::move(slots_[entry.slot]);
  free_slots_.push_back(entry.slot);
  if (keeps_causes_) running_cause_ = std::move(event.cause);
  log_.Add(now_, event.origin.node, event.origin.kind, event.origin.key, event.payload);
  event.run();
  while (RunUrgent()) {
  }
  return true;
}

bool World::Step() {
  const RunningWorld running(this);
  return StepUpTo(kEndOfTime);
}

void World::RunUntil(VirtualTime end) {
  CHECK_GE(end, now_);
  const RunningWorld running(this);
  while (StepUpTo(end)) {
  }
  now_ = end;
}

}  // namespace lockstep::sim
