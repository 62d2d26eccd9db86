// ThreadOffload: the threads of a shard that may block: one for the log, a few for the rest.
#ifndef LOCKSTEP_NET_THREAD_OFFLOAD_H_
#define LOCKSTEP_NET_THREAD_OFFLOAD_H_

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "framework/fiber/scheduler.h"
#include "framework/fiber/sync.h"
#include "framework/runtime/offload.h"
#include "net/loop.h"

namespace lockstep::net {

// A job lives on the stack of the fiber that waits for it, so nothing is allocated per job.
//
// Invariants:
//   1. A job is in exactly one place: a lane's queue, a worker's hands, the list of finished jobs,
//      or delivered to its fiber.
//   2. A job leaves its fiber's stack only when it is in none of the first three.
// Owned by a ShardRuntime, used from the loop's thread; outlived by the loop, outlives the fibers.
class ThreadOffload final : public runtime::Offload {
 public:
  struct Options {
    size_t general_threads = 2;
    // The log's work is done at once, on the loop's thread, when nobody else wants to run: that
    // saves two changes of threads, which cost as much as half a data sync. What arrives meanwhile
    // waits. For a store in a program of its own, and not for a node, which must answer its peers
    // however slow its disk is.
    bool log_on_idle_loop = false;
  };

  explicit ThreadOffload(Loop& loop) : ThreadOffload(loop, Options{}) {}
  ThreadOffload(Loop& loop, const Options& options);
  ThreadOffload(const ThreadOffload&) = delete;
  ThreadOffload& operator=(const ThreadOffload&) = delete;
  // REQUIRES: no fiber waits in Run.
  ~ThreadOffload() override;

  void Run(Fiber& fiber, runtime::Lane lane, absl::FunctionRef<void()> work) override;

 private:
  enum class Stage { kQueued, kRunning, kFinished, kDelivered };
  struct Job final : fiber::ListLink {
    explicit Job(absl::FunctionRef<void()> w) : work(w) {}
    absl::FunctionRef<void()> work;
    Stage stage = Stage::kQueued;  // guarded by mutex_
    fiber::Event delivered;        // the loop's thread only
  };
  struct LaneQueue final {
    fiber::ListLink jobs;
    std::condition_variable not_empty;
  };

  void Work(LaneQueue& lane);
  // Wakes the fibers whose jobs are finished.
  void Deliver();
  // Makes sure that no thread touches `job` any more.
  void Withdraw(Job& job);

  Loop& loop_;
  const bool log_on_idle_loop_;
  size_t log_jobs_ = 0;  // that fibers wait for; the loop's thread only
  std::mutex mutex_;     // guards what follows
  LaneQueue log_lane_;
  LaneQueue general_lane_;
  fiber::ListLink finished_;
  bool delivery_posted_ = false;
  bool stopping_ = false;
  std::condition_variable job_finished_;  // for Withdraw
  size_t withdrawing_ = 0;
  std::vector<std::thread> threads_;  // last: they use all of the above
};

}  // namespace lockstep::net

#endif  // LOCKSTEP_NET_THREAD_OFFLOAD_H_
