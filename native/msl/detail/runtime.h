// Barriers, fences and the thread's own state: what a kernel needs of the machine it runs on. On the host these are
// calls into the engine (native/engine); on NVPTX they map to the GPU.
#pragma once

#include "abi.h"

#define METAL_FUNC inline __attribute__((__always_inline__))
#define METAL_ASM
#define METAL_INTERNAL static inline __attribute__((__always_inline__))
#define METAL_CONST const
#define METAL_PURE
#define METAL_CONVERGENT __attribute__((convergent))

// A function that no optimisation may move into or out of divergent control flow.
#define __MSL_CONV __attribute__((convergent)) inline __attribute__((always_inline))

namespace metal {
enum class mem_flags : uint {
  mem_none = 0,
  mem_device = 1,
  mem_threadgroup = 2,
  mem_device_and_threadgroup = 3,
  mem_texture = 4,
  mem_threadgroup_imageblock = 8,
  mem_object_data = 16
};
__MSL_INL constexpr mem_flags operator|(mem_flags a, mem_flags b) {
  return mem_flags(uint(a) | uint(b));
}
__MSL_INL constexpr mem_flags operator&(mem_flags a, mem_flags b) {
  return mem_flags(uint(a) & uint(b));
}

enum memory_order : uint { memory_order_relaxed = 0 };
// Metal has these for atomic_thread_fence only.
enum __msl_fence_order : uint {
  memory_order_acquire = 2,
  memory_order_release = 3,
  memory_order_acq_rel = 4,
  memory_order_seq_cst = 5
};
enum thread_scope : uint {
  thread_scope_thread,
  thread_scope_simdgroup,
  thread_scope_threadgroup,
  thread_scope_device
};
}  // namespace metal

#ifdef __NVPTX__
#include "runtime_nvptx.h"
#else
#include "runtime_host.h"
#endif

namespace metal {
__MSL_CONV void threadgroup_barrier(mem_flags flags) { __msl_threadgroup_barrier(uint(flags)); }
__MSL_CONV void threadgroup_barrier(mem_flags flags, thread_scope) { __msl_threadgroup_barrier(uint(flags)); }
__MSL_CONV void simdgroup_barrier(mem_flags flags) { __msl_rt_simdgroup_barrier(uint(flags)); }
__MSL_CONV void simdgroup_barrier(mem_flags flags, thread_scope) {
  __msl_rt_simdgroup_barrier(uint(flags));
}
__MSL_INL void atomic_thread_fence(mem_flags, memory_order, thread_scope = thread_scope_device) {
  __msl_rt_fence(false);
}
__MSL_INL void atomic_thread_fence(mem_flags flags, __msl_fence_order,
                                   thread_scope scope = thread_scope_device) {
  __msl_rt_fence((uint(flags) & MSL_RT_FLAG_DEVICE) != 0 && scope == thread_scope_device);
}
}  // namespace metal

__MSL_INL ushort __metal_get_simdgroup_size(ushort) { return 32; }
__MSL_INL ushort __metal_get_thread_index_in_simdgroup(ushort) { return (ushort)__msl_lane(); }
__MSL_INL uint __metal_get_thread_index_in_simdgroup(uint) { return __msl_lane(); }
