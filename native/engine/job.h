// A job as the engine runs it: buffers in shared memory and dispatches in order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control.h"
#include "self.h"

namespace moegen {

// Storage of a function constant in the kernel's library, and what it gets before the dispatch.
struct ConstantValue {
  uint8_t* storage;
  // The value, then whether it is defined: the layout of the storage.
  uint8_t bytes[17];
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
  void (*entry)(const Self*);
  // Null where threads may wait for each other.
  void (*row_entry)(const Self*, uint32_t count);
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

// A piece of a buffer's initial contents.
struct Part {
  uint64_t offset;
  uint64_t bytes;
  const uint8_t* data;
};

struct Buffer {
  uint64_t bytes;
  // Some dispatch may write it.
  bool writable;
  // The caller gets it back.
  bool is_output;
  // It has initial contents: here, or null once they were copied.
  bool has_data;
  const uint8_t* data;
  // Only these pieces have initial contents, and all else is zero: memory that nothing touches is none.
  bool is_sparse;
  std::vector<Part> parts;
  // Where elements have padding that nobody needs to write: the bytes from `used` on of every `period` bytes, or any
  // fewer than `least_gap` bytes.
  uint32_t period;
  uint32_t used;
  uint32_t least_gap;
  // Set by the arena.
  uint64_t address;
};

struct Job {
  std::vector<Buffer> buffers;
  std::vector<Dispatch> dispatches;
  // Set by the arena: where it lies; buffer number i lies in the slot number i behind the address `slots`.
  uint64_t arena;
  uint64_t arena_bytes;
  uint64_t slots;
  uint32_t slot_shift;
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

// Runs all dispatches in the calling process. Ends the process where a kernel breaks a rule that it cannot go
// on from.
void RunJob(const Job& job, Control* control);

}  // namespace moegen
