// The workers of one job: as many as there are processors, started when a dispatch has work for them.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "worker.h"

namespace moegen {

class WorkerPool {
 public:
  // The calling thread is the first of `threads` workers.
  explicit WorkerPool(uint32_t threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Returns when all threadgroups of `launch` are done.
  void Run(const Launch& launch, Totals& totals);

 private:
  // `done` is the number of the last launch that is over.
  void Help(uint64_t done);

  const uint32_t threads_;
  std::unique_ptr<Worker> first_;
  std::vector<std::thread> helpers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_: the current launch, its number, how many helpers are still at it, and whether to end.
  const Launch* launch_ = nullptr;
  Totals* totals_ = nullptr;
  uint64_t number_ = 0;
  uint32_t busy_ = 0;
  bool end_ = false;
  std::atomic<uint64_t> next_{0};
};

}  // namespace moegen
