// Runs a job in a process of its own, so that nothing a kernel does reaches the caller.
#pragma once

#include <atomic>

#include "arena.h"
#include "job.h"

namespace moegen {

enum class Ending {
  kDone,
  kFailed,
  kCrashed,
  kNeedsLockstep,
  kNeedsThreads,
  kTimedOut,
  kNoProcess,
  kCancelled
};

// A running job that another thread may cancel.
class Cancellation {
 public:
  void Cancel();

 private:
  friend Ending RunInProcess(const Job& job, Arena& arena, double timeout_seconds,
                             Cancellation& cancellation);
  // The process to end: 0 before it runs, -1 once cancelled.
  std::atomic<int> process_{0};
};

// Details of how it ended lie in the arena's control block.
Ending RunInProcess(const Job& job, Arena& arena, double timeout_seconds, Cancellation& cancellation);

}  // namespace moegen
