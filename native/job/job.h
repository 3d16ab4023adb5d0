// A job in words that mean the same in two processes: buffers, which lie in shared memory, and dispatches in order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control.h"

namespace moegen {

// What a function constant gets before the dispatch.
struct ConstantValue {
  static constexpr uint32_t kBytes = 17;

  // Its storage in the kernel's library.
  std::string symbol;
  // The value, then whether it is defined: the layout of the storage.
  uint8_t bytes[kBytes];
};

struct BufferBinding {
  uint32_t index;
  uint32_t buffer;
  uint64_t offset;
  bool writable;
};

struct ThreadgroupArgument {
  uint32_t index;
  uint32_t bytes;
};

struct Dispatch {
  std::string kernel;
  // The file, and what the kernel is called in it.
  std::string library;
  std::string symbol;
  // Runs rows of threads; empty where threads may wait for each other.
  std::string row_symbol;
  bool instrumented;
  std::vector<ConstantValue> constants;
  std::vector<BufferBinding> buffers;
  std::vector<ThreadgroupArgument> threadgroup_memory;
  bool indirect;
  // Of an indirect dispatch: where its three counts lie.
  uint32_t indirect_buffer;
  uint64_t indirect_offset;
  uint32_t threadgroups[3];
  uint32_t threads_per_threadgroup[3];
  // Where the edges of the grid cut threadgroups: threads in the grid. Else zeros.
  uint32_t threads[3];
};

struct Buffer {
  uint64_t bytes;
  // Some dispatch may write it.
  bool writable;
  // The caller gets it back.
  bool is_output;
  // It has initial contents.
  bool has_data;
  // Only pieces of it have, and all else is zero: memory that nothing touches is none.
  bool is_sparse;
  // Where elements have padding that nobody needs to write: the bytes from `used` on of every `period` bytes, or any
  // fewer than `least_gap` bytes.
  uint32_t period;
  uint32_t used;
  uint32_t least_gap;
  // Where it lies in the job's memory.
  uint64_t place;
};

struct Job {
  std::vector<Buffer> buffers;
  std::vector<Dispatch> dispatches;
  uint32_t checks;
  bool count;
  uint64_t seed;
  uint32_t threads;
  bool lockstep;
  // Subnormal floats count as zeros.
  bool flush_subnormals;
  // What arguments without a buffer hold.
  uint8_t unbound_byte;
  // What variables of threads hold that nothing was written to: MSL_RT_LOCALS in abi.h.
  uint64_t locals;
  // Whether rows of threads may run in one call.
  bool rows;
};

}  // namespace moegen
