// VersionChains: is a register linearizable in which every value is written once? Without a search.
//
// A value and the reads of it form a cluster; a successful compare-and-set follows directly on the
// cluster of what it replaced, so clusters join to chains, and nothing else comes between the
// operations of one chain. Its zone is the time between its first return and its last call [Gibbons
// & Korach, "Testing shared memories", 1997, for chains of one]. If the first return comes first,
// the chain surely went on all that time. The register is linearizable iff within each chain the
// order of its clusters agrees with real time, no two such zones overlap, and no zone of the other
// kind lies inside of one. A compare-and-set that did not hold says only what the value was not:
// one order is tried for them, and where they do not fit into it, this says nothing.
#ifndef LOCKSTEP_CHECKERS_VERSION_CHAINS_H_
#define LOCKSTEP_CHECKERS_VERSION_CHAINS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lockstep::checkers {

// One operation on one register.
struct Access final {
  enum class Kind : uint8_t { kRead, kWrite, kCas, kFailedCas };
  static constexpr int64_t kNever = INT64_MAX;

  int64_t call = 0;
  int64_t returned = kNever;  // kNever: its outcome is unknown; a read always returned
  int64_t value = 0;          // read or written; of a failed cas, what it expected
  uint32_t place = 0;         // in the history
  Kind kind = Kind::kRead;
};

// Whose memory is used again for the next register.
class VersionChains final {
 public:
  struct Finding {
    // False: a value is written twice, or a failed cas does not fit; this says nothing then.
    bool is_decided = true;
    // Why it is impossible; absent: it is linearizable.
    std::optional<std::string> why;
    // Operations that contradict each other, with what wrote the values they are about. Without the
    // reads that prove that an operation of unknown outcome has happened.
    std::vector<uint32_t> places;
  };

  // All values lie in [lowest, highest], but for `initial`, which nobody writes. `expected` gives
  // for the place of a kCas what it expected. A table over all values is used if it has at most
  // `table_max` rows.
  VersionChains(int64_t initial, int64_t lowest, int64_t highest, size_t table_max,
                const std::vector<int64_t>& expected);

  Finding Check(const Access* begin, const Access* end);

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Version {
    int64_t first_return = Access::kNever;  // of its write and its reads
    int64_t last_call = INT64_MIN;
    int64_t write_call = Access::kNever;
    int64_t value = 0;
    uint32_t writer = kNone;    // a place; kNone: nobody, or it is the initial value
    uint32_t previous = kNone;  // what a cas replaced
    uint32_t next = kNone;      // by what a cas replaced it
    bool is_written = false;
    bool is_cas = false;
    bool has_happened = false;
  };
  struct Zone {
    int64_t first_return;
    int64_t last_call;
    uint32_t head;  // the first version of the chain
  };
  // When a version is current, in the order that is tried.
  struct Period {
    int64_t from;
    int64_t to;
  };

  void Reset(size_t accesses);
  uint32_t Find(int64_t value);
  bool AddWrites(const Access* begin, const Access* end);
  Finding* AddReads(const Access* begin, const Access* end);
  Finding* Link();
  Finding* Demand(uint32_t version);
  Finding* BuildZones();
  Finding* CompareZones();
  Finding* FindCycle(const std::vector<bool>& in_chains);
  void Settle(const Access* begin, const Access* end);
  void Schedule(bool early);
  void ScheduleChain(uint32_t head, int64_t start);
  Finding* Refute(std::string why, std::vector<uint32_t> versions, bool whole_chains = false);
  void Illustrate(const Access* begin, const Access* end);
  std::vector<uint32_t> Groups() const;
  void AddWriters(uint32_t version);

  const int64_t initial_;
  const int64_t lowest_;
  const size_t table_size_;  // 0: values are looked up by hash
  const std::vector<int64_t>& expected_;
  std::vector<uint32_t> slots_;  // by value or by hash: a version
  std::vector<Version> versions_;
  std::vector<uint32_t> cas_;  // versions that a cas wrote
  std::vector<Zone> forward_;
  std::vector<Zone> backward_;
  std::vector<Period> periods_;  // by version
  bool has_failed_cas_ = false;
  std::vector<uint32_t> involved_;  // versions of the finding
  bool whole_chains_ = false;       // of which it is about the chains
  Finding finding_;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_VERSION_CHAINS_H_
