// Memory that the engine's process and its parent share: how a job ended, and what it found.
#pragma once

#include <atomic>
#include <cstdint>

#include "limits.h"
#include "report.h"

namespace moegen {

enum class JobState : uint32_t { kRunning, kDone, kFailed, kCrashed, kNeedsLockstep, kNeedsThreads };

constexpr uint32_t kNoThread = UINT32_MAX;

struct BufferCounters {
  uint64_t bytes_read;
  uint64_t bytes_written;
  uint64_t reads;
  uint64_t writes;
};

struct DispatchOutcome {
  // Where the kernel's library lies in the engine's process: offsets in it are what the parent can look up.
  uint64_t code_begin;
  uint64_t code_end;
  double seconds;
  uint64_t threadgroups;
  uint64_t barriers;
  uint64_t matrix_operations;
  uint64_t operations;
  uint64_t threadgroup_memory;
  uint64_t threadgroup_bytes_read;
  uint64_t threadgroup_bytes_written;
  // Those that wrote no device memory.
  uint64_t idle_threadgroups;
  // By buffer index of the kernel.
  BufferCounters buffers[kMaxBuffers];
};

// Lies in the memory of a job, followed by one DispatchOutcome per dispatch.
struct Control {
  std::atomic<JobState> state;
  // Taken by the first thread that has to report an end.
  std::atomic<uint32_t> ending;
  // The engine's process can open no files, start no processes and reach no network.
  bool is_confined;
  uint32_t dispatch;
  // Of a failure or crash; thread is kNoThread where no kernel was running.
  uint32_t thread;
  uint64_t threadgroup;
  // Of a crash: the code; 0 where it was none of a kernel's threads.
  uint64_t instruction;
  int32_t signal;
  bool stack_overflow;
  char code[64];
  char message[448];
  Reports reports;

  DispatchOutcome* outcomes() { return reinterpret_cast<DispatchOutcome*>(this + 1); }
};
static_assert(std::atomic<JobState>::is_always_lock_free, "two processes share it");

}  // namespace moegen
