// The state of one running thread, found through its stack pointer (native/msl/detail/abi.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "../job/limits.h"
#include "../msl/detail/abi.h"

namespace moegen {

using Self = __msl_self;

constexpr uint64_t kStackBytes = MSL_RT_STACK_BYTES;
constexpr uint32_t kLanes = 32;
constexpr uint64_t kStacksAlignment = MSL_RT_STACKS_ALIGNMENT;
constexpr uint32_t kMaxSimdgroups = kMaxThreads / kLanes;

static_assert(kMaxThreads == MSL_RT_STACKS);
static_assert(offsetof(Self, tgbuf) == 56, "what every switch touches fits one cache line");
static_assert(sizeof(Self) <= 192, "abi.h reserves 192 bytes");

// The state of the thread whose stack contains `address`.
inline Self* SelfOfStack(uint64_t address) {
  const uint64_t base = address & ~(kStackBytes - 1);
  return reinterpret_cast<Self*>(base + MSL_RT_STATE_OFFSET(base / kStackBytes));
}

// The running thread. Only for code that kernels call: it runs on a kernel's stack.
inline __attribute__((always_inline)) Self* Current() {
  uint64_t stack;
#if defined(__aarch64__)
  asm("mov %0, sp" : "=r"(stack));
#else
  asm("movq %%rsp, %0" : "=r"(stack));
#endif
  return SelfOfStack(stack);
}

}  // namespace moegen
