// Switching between the stacks of one worker's threads.
#pragma once

#include <cstdint>

extern "C" {
// Saves the caller's registers and stack pointer in `*save`, then continues whoever was saved as `target`. A
// saved stack has the address to continue at on top; what that code needs lies below.
void moegen_switch(uint64_t* save, uint64_t target);
}

namespace moegen {

// Prepares a stack so that the first switch to the returned value calls `entry`, which must not return.
uint64_t PrepareStack(uint64_t top, void (*entry)());

}  // namespace moegen
