#include "checkers/version_chains.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "framework/base/check.h"
#include "framework/base/random.h"

namespace lockstep::checkers {
namespace {

using Kind = Access::Kind;

constexpr int64_t kBefore = INT64_MIN;  // all times of a history are later
constexpr int64_t kNever = Access::kNever;

size_t TableSize(int64_t lowest, int64_t highest, size_t table_max) {
  if (lowest > highest) return 1;
  const uint64_t distance = static_cast<uint64_t>(highest) - static_cast<uint64_t>(lowest);
  return distance < table_max ? static_cast<size_t>(distance) + 1 : 0;
}

}  // namespace

VersionChains::VersionChains(int64_t initial, int64_t lowest, int64_t highest, size_t table_max,
                             const std::vector<int64_t>& expected)
    : initial_(initial),
      lowest_(lowest),
      table_size_(TableSize(lowest, highest, table_max)),
      expected_(expected) {
  if (table_size_ != 0) slots_.assign(table_size_, kNone);
}

VersionChains::Finding VersionChains::Check(const Access* begin, const Access* end) {
  Reset(static_cast<size_t>(end - begin));
  Finding* found = nullptr;
  if (!AddWrites(begin, end)) {
    finding_.is_decided = false;
    return finding_;
  }
  found = AddReads(begin, end);
  if (found == nullptr && !cas_.empty()) found = Link();
  if (found == nullptr) found = BuildZones();
  if (found == nullptr) found = CompareZones();
  if (found == nullptr && has_failed_cas_) Settle(begin, end);
  if (finding_.why) Illustrate(begin, end);
  return std::move(finding_);
}

void VersionChains::Reset(size_t accesses) {
  finding_ = Finding();
  versions_.clear();
  versions_.reserve(accesses / 2 + 2);
  cas_.clear();
  has_failed_cas_ = false;
  if (table_size_ == 0) {
    size_t capacity = 16;
    while (capacity < accesses * 2 + 4) capacity *= 2;
    slots_.assign(capacity, kNone);
  }
  Version& nothing = versions_.emplace_back();
  nothing.first_return = nothing.last_call = nothing.write_call = kBefore;
  nothing.value = initial_;
  nothing.is_written = nothing.has_happened = true;
}

// The value's version; a new one if it has none.
uint32_t VersionChains::Find(int64_t value) {
  if (value == initial_) return 0;
  size_t at = 0;
  if (table_size_ != 0) {
    // The table is never cleared: a slot counts only if the version that it names has the value.
    at = static_cast<size_t>(value - lowest_);
    const uint32_t version = slots_[at];
    if (version < versions_.size() && versions_[version].value == value) return version;
  } else {
    at = base::Mix64(static_cast<uint64_t>(value)) & (slots_.size() - 1);
    for (; slots_[at] != kNone; at = (at + 1) & (slots_.size() - 1)) {
      if (versions_[slots_[at]].value == value) return slots_[at];
    }
  }
  slots_[at] = static_cast<uint32_t>(versions_.size());
  versions_.emplace_back().value = value;
  return slots_[at];
}

// False if a value is written twice.
bool VersionChains::AddWrites(const Access* begin, const Access* end) {
  for (const Access* access = begin; access != end; ++access) {
    if (access->kind == Kind::kRead) continue;
    if (access->kind == Kind::kFailedCas) {
      has_failed_cas_ = true;
      continue;
    }
    const uint32_t at = Find(access->value);
    Version& version = versions_[at];
    if (version.is_written) return false;
    version.is_written = true;
    version.is_cas = access->kind == Kind::kCas;
    // A cas of unknown outcome has happened if what it wrote was seen.
    version.has_happened = !version.is_cas || access->returned != kNever;
    version.writer = access->place;
    version.write_call = version.last_call = access->call;
    version.first_return = access->returned;
    if (version.is_cas) cas_.push_back(at);
  }
  return true;
}

VersionChains::Finding* VersionChains::AddReads(const Access* begin, const Access* end) {
  for (const Access* access = begin; access != end; ++access) {
    if (access->kind != Kind::kRead) continue;
    const uint32_t at = Find(access->value);
    Version& version = versions_[at];
    if (!version.is_written) return Refute("a read shows what nobody wrote", {at});
    version.first_return = std::min(version.first_return, access->returned);
    version.last_call = std::max(version.last_call, access->call);
    if (access->returned < version.write_call) {
      return Refute("a read returned what was written only later", {at});
    }
    if (!version.has_happened) {
      if (Finding* found = Demand(at)) return found;
    }
  }
  return nullptr;
}

// A cas of unknown outcome has happened, and so has what it replaced.
VersionChains::Finding* VersionChains::Demand(uint32_t at) {
  while (!versions_[at].has_happened) {
    versions_[at].has_happened = true;
    const uint32_t from = Find(expected_[versions_[at].writer]);
    if (!versions_[from].is_written) {
      return Refute("a compare-and-set held on what nobody wrote", {at});
    }
    at = from;
  }
  return nullptr;
}

VersionChains::Finding* VersionChains::Link() {
  for (const uint32_t at : cas_) {
    if (!versions_[at].has_happened) continue;
    const uint32_t from = Find(expected_[versions_[at].writer]);
    if (!versions_[from].is_written) {
      return Refute("a compare-and-set held on what nobody wrote", {at});
    }
    if (Finding* found = Demand(from)) return found;
  }
  for (const uint32_t at : cas_) {
    if (!versions_[at].has_happened) continue;
    const uint32_t from = Find(expected_[versions_[at].writer]);
    Version& replaced = versions_[from];
    if (replaced.next != kNone) {
      return Refute("two compare-and-sets held on one value", {replaced.next, at});
    }
    replaced.next = at;
    versions_[at].previous = from;
  }
  return nullptr;
}

VersionChains::Finding* VersionChains::BuildZones() {
  forward_.clear();
  backward_.clear();
  std::vector<bool> in_chains(cas_.empty() ? 0 : versions_.size());
  for (uint32_t head = 0; head < versions_.size(); ++head) {
    const Version& first = versions_[head];
    if (!first.has_happened || first.previous != kNone) continue;
    Zone zone{first.first_return, first.last_call, head};
    uint32_t latest = head;  // was called last
    for (uint32_t at = first.next; at != kNone; at = versions_[at].next) {
      const Version& version = versions_[at];
      in_chains[at] = true;
      if (version.first_return < zone.last_call) {
        return Refute("what compare-and-sets made later was there earlier", {latest, at});
      }
      if (version.last_call > zone.last_call) latest = at;
      zone.first_return = std::min(zone.first_return, version.first_return);
      zone.last_call = std::max(zone.last_call, version.last_call);
    }
    // A write that nobody answered or read may not have happened.
    if (zone.first_return == kNever) continue;
    (zone.first_return < zone.last_call ? forward_ : backward_).push_back(zone);
  }
  return FindCycle(in_chains);
}

VersionChains::Finding* VersionChains::FindCycle(const std::vector<bool>& in_chains) {
  for (const uint32_t at : cas_) {
    if (!versions_[at].has_happened || in_chains[at]) continue;
    return Refute("compare-and-sets each held on what another made", {at});
  }
  return nullptr;
}

VersionChains::Finding* VersionChains::CompareZones() {
  const auto first_seen = [](const Zone& a, const Zone& b) {
    return std::pair(a.first_return, a.head) < std::pair(b.first_return, b.head);
  };
  std::sort(forward_.begin(), forward_.end(), first_seen);
  for (size_t i = 1; i < forward_.size(); ++i) {
    if (forward_[i].first_return >= forward_[i - 1].last_call) continue;
    return Refute("two values were surely there at once", {forward_[i - 1].head, forward_[i].head},
                  true);
  }
  for (const Zone& inner : backward_) {
    auto outer =
        std::lower_bound(forward_.begin(), forward_.end(), inner.last_call,
                         [](const Zone& zone, int64_t time) { return zone.first_return < time; });
    if (outer == forward_.begin()) continue;
    --outer;
    if (inner.first_return >= outer->last_call) continue;
    return Refute("a value was there while another surely was", {outer->head, inner.head}, true);
  }
  return nullptr;
}

// Failed cas: decided by an order that has room for all of them, or by a value that surely was
// there.
void VersionChains::Settle(const Access* begin, const Access* end) {
  bool is_scheduled = false;
  const auto has_room = [&](const Access& access) {
    const uint32_t at = Find(access.value);
    const Version& version = versions_[at];
    if (!version.is_written || !version.has_happened) return true;
    if (version.first_return == kNever && version.next == kNone) return true;
    if (!is_scheduled) Schedule(false);
    is_scheduled = true;
    const Period& period = at < periods_.size() ? periods_[at] : Period{kNever, kNever};
    return period.from >= access.call || period.to <= access.returned;
  };
  const auto refuses = [&](const Access& a) { return a.kind == Kind::kFailedCas && !has_room(a); };
  const Access* const failed = std::find_if(begin, end, refuses);
  if (failed == end) return;
  for (const Access* access = failed; access != end; ++access) {
    if (access->kind != Kind::kFailedCas) continue;
    const Version& version = versions_[Find(access->value)];
    if (!version.is_written || version.first_return >= access->call) continue;
    if (version.last_call <= access->returned) continue;
    finding_.places.push_back(access->place);
    Refute("a compare-and-set did not hold while its value was surely there",
           {Find(access->value)});
    return;
  }
  Schedule(true);
  finding_.is_decided = std::none_of(begin, end, refuses);
}

// Chains in an order that explains everything but failed cas. Each begins as late as it may, or as
// early as the chain before lets it.
void VersionChains::Schedule(bool early) {
  struct Slot {
    int64_t from;
    int64_t to;
    bool is_forward;
    uint32_t head;
  };
  std::vector<Slot> slots;
  for (const Zone& zone : forward_) {
    slots.push_back({zone.first_return, zone.last_call, true, zone.head});
  }
  for (const Zone& zone : backward_) {
    auto outer =
        std::lower_bound(forward_.begin(), forward_.end(), zone.last_call,
                         [](const Zone& z, int64_t time) { return z.first_return < time; });
    int64_t at = zone.last_call;
    if (outer != forward_.begin()) at = std::max(at, (outer - 1)->last_call);
    slots.push_back({at, at, false, zone.head});
  }
  // At one instant, what ends there goes first, then points, then what begins there.
  std::sort(slots.begin(), slots.end(), [](const Slot& a, const Slot& b) {
    return std::tuple(a.from, a.is_forward, a.head) < std::tuple(b.from, b.is_forward, b.head);
  });
  periods_.assign(versions_.size(), {kNever, kNever});
  int64_t end = kBefore;
  uint32_t last = kNone;  // version so far
  for (const Slot& slot : slots) {
    const int64_t earliest = std::max(end, versions_[slot.head].write_call);
    const int64_t start = early ? std::min(earliest, slot.from) : slot.from;
    if (last != kNone) periods_[last].to = start;
    ScheduleChain(slot.head, start);
    for (last = slot.head; versions_[last].next != kNone;) last = versions_[last].next;
    end = slot.to;
  }
}

void VersionChains::ScheduleChain(uint32_t head, int64_t start) {
  periods_[head].from = start;
  int64_t now = start;
  for (uint32_t at = head; versions_[at].next != kNone; at = versions_[at].next) {
    const uint32_t next = versions_[at].next;
    now = std::max({now, versions_[at].last_call, versions_[next].write_call});
    periods_[at].to = now;
    periods_[next].from = now;
  }
}

VersionChains::Finding* VersionChains::Refute(std::string why, std::vector<uint32_t> versions,
                                              bool whole_chains) {
  finding_.why = std::move(why);
  involved_ = std::move(versions);
  whole_chains_ = whole_chains;
  return &finding_;
}

// By version: which of those involved it belongs to, or kNone.
std::vector<uint32_t> VersionChains::Groups() const {
  std::vector<uint32_t> groups(versions_.size(), kNone);
  for (const uint32_t version : involved_) {
    groups[version] = version;
    if (!whole_chains_) continue;
    for (uint32_t at = version; at != kNone; at = versions_[at].next) groups[at] = version;
  }
  return groups;
}

// Who wrote the version, and what a cas replaced, and what that replaced.
void VersionChains::AddWriters(uint32_t version) {
  for (size_t i = 0; i <= cas_.size(); ++i) {
    const Version& written = versions_[version];
    if (written.writer == kNone) return;
    finding_.places.push_back(written.writer);
    if (!written.is_cas) return;
    version = Find(expected_[written.writer]);
  }
}

// Of each version or chain involved: what returned first, what was called last, and their writers.
void VersionChains::Illustrate(const Access* begin, const Access* end) {
  const std::vector<uint32_t> groups = Groups();
  for (const uint32_t version : involved_) {
    const Access* first = nullptr;
    const Access* last = nullptr;
    for (const Access* access = begin; access != end; ++access) {
      const uint32_t at = Find(access->value);
      if (access->kind == Kind::kFailedCas || at >= groups.size() || groups[at] != version) {
        continue;
      }
      if (first == nullptr || access->returned < first->returned) first = access;
      if (last == nullptr || access->call > last->call) last = access;
    }
    for (const Access* access : {first, last}) {
      if (access == nullptr) continue;
      finding_.places.push_back(access->place);
      AddWriters(Find(access->value));
    }
  }
  std::vector<uint32_t>& places = finding_.places;
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
}

}  // namespace lockstep::checkers
