#ifndef LOCKSTEP_BENCH_WORKLOAD_H_
#define LOCKSTEP_BENCH_WORKLOAD_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "bench/load_options.h"
#include "framework/base/random.h"

namespace lockstep::bench {

struct Operation final {
  absl::string_view method;  // a literal
  std::string request;       // encoded; its memory is used again
  bool is_read = false;
};

// Chooses operations: a pure function of the options (their seed) and of how many were asked for.
class Workload final {
 public:
  explicit Workload(const LoadOptions& options);
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;
  ~Workload();

  void Next(Operation* operation);
  // The put that makes key number `key` exist.
  void Preload(uint64_t key, Operation* operation);

 private:
  struct Messages;  // protobuf objects, used again and again

  void Put(uint64_t key, Operation* operation);
  void Range(uint64_t key, Operation* operation);
  void Txn(uint64_t key, Operation* operation);
  void SetKey(uint64_t key);
  void SetValue();
  uint64_t NextKey();

  const LoadOptions& options_;
  base::SequentialRandom random_;
  uint64_t operations_ = 0;
  std::string key_;
  std::string value_;
  std::unique_ptr<Messages> messages_;
};

}  // namespace lockstep::bench

#endif  // LOCKSTEP_BENCH_WORKLOAD_H_
