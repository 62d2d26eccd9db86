// Revisions: a hybrid logical clock, so that a node's revisions rise for ever, and no two writes
// have the same one.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_REVISION_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_REVISION_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lockstep::docs {

// 48 bits of milliseconds, 16 bits of a counter, 64 bits of the node that made it. As text, 34
// characters `llllllllllll-cccc-nnnnnnnnnnnnnnnn` in lower-case hexadecimal; texts and the 16
// stored bytes sort as revisions do. All zero: none.
struct Revision final {
  uint64_t ms = 0;
  uint16_t counter = 0;
  uint64_t node = 0;

  auto operator<=>(const Revision&) const = default;
  bool none() const { return *this == Revision(); }
  std::string ToText() const;
  static std::optional<Revision> FromText(std::string_view text);
  void AppendTo(std::string& out) const;
  // REQUIRES: 16 bytes.
  static Revision FromBytes(std::string_view bytes);
};

inline constexpr size_t kRevisionBytes = 16;
inline constexpr uint64_t kRevisionMsMax = (uint64_t{1} << 48) - 1;
// How far a revision may be ahead of the hub's clock.
inline constexpr uint64_t kClockSkewMsMax = 120'000;

// What a store's revisions say of their node: the store, with ten of its digits, and which of its
// openings made them. A copy of a store, and one that comes back from a backup, are opened by
// themselves: so they never make a revision that the other makes of something else, even with
// clocks that stand still. REQUIRES: `node` is not 0.
uint64_t WriterOf(uint64_t node, uint64_t drawn);

// [Kulkarni et al., Logical Physical Clocks, fig. 5.] The injected clock says what time it is; this
// makes sure that no revision is smaller than one that was made or seen before.
class HybridClock final {
 public:
  HybridClock() = default;
  // `last`: the greatest revision that this store made or saw. `writer`: see WriterOf.
  HybridClock(uint64_t writer, const Revision& last)
      : node_(writer), ms_(last.ms), counter_(last.counter) {}
  uint64_t writer() const { return node_; }

  // The revision of a write, now.
  Revision Next(int64_t now_ms);
  // A revision of somebody else was seen.
  void Receive(const Revision& other, int64_t now_ms);

 private:
  void Count();

  uint64_t node_ = 0;
  uint64_t ms_ = 0;
  uint16_t counter_ = 0;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_REVISION_H_
