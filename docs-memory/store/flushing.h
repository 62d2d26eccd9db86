// Flushing: when what is in memory shall become files.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_FLUSHING_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_FLUSHING_H_

#include <cstdint>
#include <utility>

namespace lockstep::docs {

// When the log has become long; or when nobody writes any more and it is not short: rows of files
// are walked over in half the time of those in memory, and the next Open has nothing to replay.
class Flushing final {
 public:
  explicit Flushing(uint64_t log_bytes_retained) : much_(log_bytes_retained / 2) {}

  // Asked at every maintenance: the log has so many bytes that are in no file, and ends there.
  bool IsDue(uint64_t log_bytes, uint64_t applied) {
    const bool is_idle = std::exchange(seen_, applied) == applied;
    if (log_bytes >= much_) return true;
    if (!is_idle || log_bytes < kIdleBytesMin || flushed_ == applied) return false;
    flushed_ = applied;
    return true;
  }

 private:
  static constexpr uint64_t kIdleBytesMin = uint64_t{1} << 20;

  const uint64_t much_;
  uint64_t seen_ = 0;     // where the log ended at the last maintenance
  uint64_t flushed_ = 0;  // ... when a flush was due because nobody wrote
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_FLUSHING_H_
