#include "net/thread_offload.h"

#include <pthread.h>

#include <utility>

#include "framework/base/check.h"

namespace lockstep::net {

ThreadOffload::ThreadOffload(Loop& loop, const Options& options)
    : loop_(loop), log_on_idle_loop_(options.log_on_idle_loop) {
  CHECK_GE(options.general_threads, 1u);
  threads_.reserve(options.general_threads + 1);
  threads_.emplace_back([this] { Work(log_lane_); });
  pthread_setname_np(threads_.back().native_handle(), "log");
  for (size_t i = 0; i < options.general_threads; ++i) {
    threads_.emplace_back([this] { Work(general_lane_); });
    pthread_setname_np(threads_.back().native_handle(), "pool");
  }
}

ThreadOffload::~ThreadOffload() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    CHECK(!log_lane_.jobs.linked() && !general_lane_.jobs.linked() && !finished_.linked())
        << "a fiber still waits for its work";
    stopping_ = true;
  }
  log_lane_.not_empty.notify_all();
  general_lane_.not_empty.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadOffload::Run(Fiber& fiber, runtime::Lane lane, absl::FunctionRef<void()> work) {
  const bool is_log = lane == runtime::Lane::kLog;
  // (One after the other, as everywhere.)
  if (is_log && log_on_idle_loop_ && log_jobs_ == 0 && loop_.scheduler().ready_count() == 0) {
    work();
    return;
  }
  Job job(work);
  struct WithdrawWhenUnwound {
    ThreadOffload& offload;
    Job& job;
    const size_t log_jobs;
    ~WithdrawWhenUnwound() {
      if (!job.delivered.is_set()) offload.Withdraw(job);
      offload.log_jobs_ -= log_jobs;
    }
  } guard{*this, job, is_log ? size_t{1} : size_t{0}};
  log_jobs_ += guard.log_jobs;
  LaneQueue& queue = is_log ? log_lane_ : general_lane_;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    job.InsertBefore(queue.jobs);
  }
  queue.not_empty.notify_one();
  job.delivered.Wait(fiber);
}

void ThreadOffload::Work(LaneQueue& lane) {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    lane.not_empty.wait(lock, [&] { return lane.jobs.linked() || stopping_; });
    if (!lane.jobs.linked()) return;
    Job& job = *static_cast<Job*>(lane.jobs.next);
    CHECK(job.stage == Stage::kQueued);
    job.Unlink();
    job.stage = Stage::kRunning;
    lock.unlock();
    job.work();
    lock.lock();
    job.stage = Stage::kFinished;
    job.InsertBefore(finished_);
    if (withdrawing_ > 0) job_finished_.notify_all();
    // One trip to the loop carries whatever finishes until it gets there.
    if (std::exchange(delivery_posted_, true)) continue;
    lock.unlock();
    loop_.Post([this] { Deliver(); });
    lock.lock();
  }
}

void ThreadOffload::Deliver() {
  const std::lock_guard<std::mutex> lock(mutex_);
  delivery_posted_ = false;
  while (finished_.linked()) {
    Job& job = *static_cast<Job*>(finished_.next);
    CHECK(job.stage == Stage::kFinished);
    job.Unlink();
    job.stage = Stage::kDelivered;
    job.delivered.Set();
  }
}

void ThreadOffload::Withdraw(Job& job) {
  std::unique_lock<std::mutex> lock(mutex_);
  ++withdrawing_;
  job_finished_.wait(lock, [&] { return job.stage != Stage::kRunning; });
  --withdrawing_;
  job.Unlink();  // from its lane or from the finished jobs
}

}  // namespace lockstep::net
