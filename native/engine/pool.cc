#include "pool.h"

#include <algorithm>

#include "crash.h"

namespace moegen {

WorkerPool::WorkerPool(uint32_t threads) : threads_(threads), first_(std::make_unique<Worker>()) {
  UseCrashStack();
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  changed_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void WorkerPool::Run(const Launch& launch, Totals& totals) {
  if (launch.threadgroup_count == 0) return;
  const uint64_t wanted = std::min<uint64_t>(threads_, launch.threadgroup_count) - 1;
  // A helper takes part from this launch on: one that began with an earlier one would find no work and count as done.
  while (helpers_.size() < wanted) helpers_.emplace_back([this, done = number_] { Help(done); });
  {
    const std::lock_guard lock(mutex_);
    launch_ = &launch;
    totals_ = &totals;
    next_ = 0;
    busy_ = static_cast<uint32_t>(helpers_.size());
    ++number_;
  }
  changed_.notify_all();
  first_->Run(launch, next_, totals);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return busy_ == 0; });
}

void WorkerPool::Help(uint64_t done) {
  UseCrashStack();
  Worker worker;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return end_ || number_ != done; });
    if (end_) return;
    done = number_;
    const Launch& launch = *launch_;
    Totals& totals = *totals_;
    lock.unlock();
    worker.Run(launch, next_, totals);
    lock.lock();
    if (--busy_ == 0) changed_.notify_all();
  }
}

}  // namespace moegen
