// Switching between the stacks of one worker's threads.
#pragma once

#include <cstdint>

namespace moegen {

// A thread that does not run: where it continues. Only barriers that are part of kernels use frame and base; what
// else a thread needs lies on its stack.
struct Suspended {
  uint64_t stack_pointer;
  uint64_t resume;
  uint64_t frame;
  uint64_t base;
};

// Prepares a stack so that the first switch to `thread` calls `entry`, which must not return.
void PrepareStack(Suspended& thread, uint64_t top, void (*entry)());

}  // namespace moegen

extern "C" {
// Suspends the caller as `save` and continues `target`.
void moegen_switch(moegen::Suspended* save, const moegen::Suspended* target);
}
