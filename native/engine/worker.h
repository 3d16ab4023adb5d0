// One operating-system thread that runs threadgroups, with the memory that it reuses for each.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "control.h"
#include "group.h"
#include "memory.h"

namespace moegen {

class Monitor;

// A dispatch that is ready to run: addresses and sizes, nothing to look up.
struct Launch {
  void (*kernel)(const Self*);
  // Null: thread by thread.
  void (*row_kernel)(const Self*, uint32_t count);
  uint64_t buffers[kMaxBuffers];
  // Bytes of each `[[threadgroup(n)]]` argument.
  uint32_t threadgroup_memory[kMaxBuffers];
  uint32_t threadgroups[3];
  uint32_t threads_per_threadgroup[3];
  // In the whole grid: threadgroups at its edges may have fewer.
  uint32_t threads_per_grid[3];
  uint64_t threadgroup_count;
  // Position of every thread in its threadgroup.
  uint32_t positions[kMaxThreads][3];
  bool random_order;
  uint64_t seed;
  // For random orders: the threadgroups run in steps that visit each once.
  uint64_t group_start;
  uint64_t group_step;
  bool lockstep;
  bool flush_subnormals;
  uint64_t locals;
  // Null unless accesses are watched.
  Monitor* monitor;

  // The threadgroup that runs in place of number `index`.
  uint64_t Shuffled(uint64_t index) const {
    return static_cast<uint64_t>((group_start + static_cast<unsigned __int128>(index) * group_step) % threadgroup_count);
  }
};

// Positions of all threads in a threadgroup of this size.
void FillPositions(const uint32_t size[3], uint32_t (*positions)[3]);

// Sums over the threadgroups of a dispatch.
struct Totals {
  std::atomic<uint64_t> barriers{0};
  std::atomic<uint64_t> matrix_operations{0};
  std::atomic<uint64_t> operations{0};
  // The largest: bytes of threadgroup memory.
  std::atomic<uint64_t> threadgroup_memory{0};
};

class Worker {
 public:
  Worker();
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Runs threadgroups of `launch`, taking their numbers from `next`, until none is left. Adds to `totals`.
  void Run(const Launch& launch, std::atomic<uint64_t>& next, Totals& totals);

  ThreadgroupMemory& threadgroup_memory() { return threadgroup_memory_; }
  Group& group() { return *group_; }
  const Stacks& stacks() const { return stacks_; }

  // The worker of the calling thread, if it is one.
  static Worker* OfThread();
  // Writes which thread of which threadgroup the calling worker runs.
  static void Locate(Control* control);

 private:
  void Prepare(const Launch& launch);
  void SetSize(const uint32_t size[3], const uint32_t (*positions)[3]);
  // Makes the threadgroup as large as the grid leaves room for.
  void Fit(const Launch& launch);
  void RunThreadgroup(const Launch& launch, uint64_t index);

  Stacks stacks_;
  Mapping matrices_;
  ThreadgroupMemory threadgroup_memory_;
  uint64_t threadgroup_buffers_[kMaxBuffers];
  // Of a threadgroup that an edge of the grid cuts.
  uint32_t positions_[kMaxThreads][3];
  Group* group_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace moegen
