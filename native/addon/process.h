// Runs a job in the engine's program, so that nothing a kernel does reaches this process.
#pragma once

#include <mutex>
#include <string>

#include "memory.h"

namespace moegen {

enum class Ending {
  kDone,
  kFailed,
  kCrashed,
  kNeedsLockstep,
  kNeedsThreads,
  kTimedOut,
  kNoProcess,
  kNotExecutable,
  kCancelled
};

// A running job that another thread may cancel.
class Cancellation {
 public:
  void Cancel();

 private:
  friend Ending RunInProcess(const std::string& program, const JobMemory& memory, double timeout_seconds,
                             Cancellation& cancellation);
  // Held while the process is signalled or given back: its number may be another's afterwards.
  std::mutex mutex_;
  // The process to end: 0 before it runs, and after.
  int process_ = 0;
  bool is_cancelled_ = false;
};

// `program`: the engine. Details of how it ended lie in the memory's control block.
Ending RunInProcess(const std::string& program, const JobMemory& memory, double timeout_seconds,
                    Cancellation& cancellation);

}  // namespace moegen
