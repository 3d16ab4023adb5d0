// The engine's entry points, as kernels on the host see them. native/engine defines them.
#pragma once

#ifdef __APPLE__
#define __MSL_CALLEE(name) "_" name
#else
#define __MSL_CALLEE(name) name "@PLT"
#endif

extern "C" {
#if !defined(__x86_64__)
void __msl_rt_barrier() __attribute__((convergent, not_tail_called));
#endif
void __msl_rt_simdgroup_barrier(uint flags) __attribute__((convergent));
// In instrumented libraries: the memory that the threadgroup barrier to come orders.
void __msl_rt_barrier_flags(uint flags);
// In instrumented libraries: a fence of device scope that orders device memory.
void __msl_rt_device_fence();
ulong __msl_rt_shuffle(ulong value, uint kind, uint argument, ulong fill, uint modulo)
    __attribute__((convergent));
float __msl_rt_reduce_float(float value, uint operation) __attribute__((convergent));
ulong __msl_rt_reduce_int(ulong value, uint operation) __attribute__((convergent));
// Mask of the lanes here whose predicate is not zero.
uint __msl_rt_ballot(uint predicate) __attribute__((convergent));
// Threadgroup memory of the variable that `key` stands for: the same for all threads of a threadgroup.
void* __msl_rt_tgalloc(const void* key, ulong size, ulong align);
void __msl_rt_trap(uint code);

// Matrix operations: objects are identified by their address on the thread's stack.
void __msl_rt_matrix_fill(void* d, uint type, float value, uint diagonal)
    __attribute__((convergent));
void __msl_rt_matrix_copy(void* d, const void* a, uint type) __attribute__((convergent));
void __msl_rt_matrix_load(void* d, uint type, const void* source, long row_stride,
                          long column_stride) __attribute__((convergent));
void __msl_rt_matrix_store(const void* a, uint type, void* target, long row_stride,
                           long column_stride) __attribute__((convergent));
// `types` holds the element types of d, a, b and c in bytes 0 to 3; a null `c` stands for zero.
void __msl_rt_matrix_multiply(void* d, const void* a, const void* b, const void* c, uint types)
    __attribute__((convergent));

// A product of cooperative tensors; each lane gives its own elements. `types` holds the element types of a, b and d in
// bytes 0 to 2.
void __msl_rt_tensor_multiply(void* d, const void* a, const void* b, uint types, uint flags)
    __attribute__((convergent));

// Atomic operations of instrumented libraries.
ulong __msl_rt_atomic(void* object, uint operation, uint type, ulong operand, ulong expected);
}

// A threadgroup barrier. Where the next lane can run, this switches to it; written out, so that the compiler saves what
// is alive instead of what a call must preserve. (The frame and base pointers are its own and cannot be given up.) Where
// the next lane's stack is at is guessed and compared: loading it would make every switch wait for the one before. In
// the general case the engine says who continues. A lane that continues finds its link in r10.
__MSL_CONV void __msl_threadgroup_barrier(uint flags) {
#ifdef MSL_INSTRUMENTED
  __msl_rt_barrier_flags(flags);
#endif
#if defined(__x86_64__)
  __asm__ volatile(
      "leaq 1f(%%rip), %%rcx\n"
      "movq %%rsp, %%rdx\n"
      "movq %%rsp, %%rsi\n"
      "shrq %[shift], %%rdx\n"
      "andq %[range], %%rsi\n"
      "andl %[links], %%edx\n"
      "addq %%rdx, %%rsi\n"
      "movq %c[simdgroup](%%rsi), %%rdi\n"
      "movq %c[next](%%rsi), %%r10\n"
      "leaq %c[guess](%%rsp), %%r8\n"
      "cmpq %%rcx, %c[site](%%rdi)\n"
      "jne 3f\n"
      "cmpq %%r8, %c[stack](%%r10)\n"
      "jne 2f\n"
      "4:\n"
      "movq %%rsp, %c[stack](%%rsi)\n"
      "movq %%rcx, %c[resume](%%rsi)\n"
      "movq %%rbp, %c[frame](%%rsi)\n"
      "movq %%rbx, %c[base](%%rsi)\n"
      "movq %%r8, %%rsp\n"
      "jmpq *%c[resume](%%r10)\n"
      "2:\n"
      "movq %c[stack](%%r10), %%r8\n"
      "testq %%r8, %%r8\n"
      "jne 4b\n"
      "3:\n"
      "movq %%rsp, %%r12\n"
      "movq %%rcx, %%r13\n"
      "movq %%rsi, %%r14\n"
      "movq %%rcx, %%rdi\n"
      "andq $-16, %%rsp\n"
      "call " __MSL_CALLEE("__msl_rt_barrier_wait") "\n"
      "movq %%r12, %%rsp\n"
      "cmpq %%rax, %%r14\n"
      "je 5f\n"
      "movq %%rax, %%r10\n"
      "movq %%r13, %%rcx\n"
      "movq %%r14, %%rsi\n"
      "movq %c[stack](%%r10), %%r8\n"
      "jmp 4b\n"
      "1:\n"
      "movq %c[base](%%r10), %%rbx\n"
      "movq %c[frame](%%r10), %%rbp\n"
      "5:\n"
      :
      : [shift] "i"(MSL_RT_LINK_SHIFT), [range] "i"(-(long)MSL_RT_STACKS_ALIGNMENT),
        [links] "i"(MSL_RT_LINK_MASK), [stack] "i"(MSL_RT_LINK_STACK), [resume] "i"(MSL_RT_LINK_RESUME),
        [frame] "i"(MSL_RT_LINK_FRAME), [base] "i"(MSL_RT_LINK_BASE), [next] "i"(MSL_RT_LINK_NEXT),
        [simdgroup] "i"(MSL_RT_LINK_SIMDGROUP), [site] "i"(MSL_RT_SIMDGROUP_SITE),
        [guess] "i"(MSL_RT_NEXT_STACK)
      : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0",
        "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
        "xmm13", "xmm14", "xmm15", "cc", "memory");
#else
  __msl_rt_barrier();
#endif
}

#ifdef MSL_INSTRUMENTED
// Calls are put before accesses (generator/compile/representation/alignment-checks.ts); `mask`: the alignment less one.
extern "C" void __msl_rt_misaligned(const void* address, ulong mask);
extern "C" __attribute__((used, always_inline)) inline void __msl_check_alignment(const void* address, ulong mask) {
  if (((ulong)address & mask) != 0) __msl_rt_misaligned(address, mask);
}

// Calls are put where variables begin (generator/compile/representation/local-contents.ts); `line`: where the variable is declared.
extern "C" __attribute__((used, always_inline)) inline void __msl_fill_local(void* variable, ulong size, ulong line) {
  ulong locals;
#if defined(__x86_64__)
  __asm__("movq %%rsp, %0\n"
          "andq %[range], %0\n"
          "movq %c[place](%0), %0\n"
          : "=r"(locals)
          : [range] "i"(-(long)MSL_RT_STACKS_ALIGNMENT), [place] "i"(MSL_RT_LOCALS));
#else
  __asm__("mov %0, sp\n"
          "and %0, %0, %[range]\n"
          "add %0, %0, %[place]\n"
          "ldr %0, [%0]\n"
          : "=&r"(locals)
          : [range] "r"(-(long)MSL_RT_STACKS_ALIGNMENT), [place] "r"(MSL_RT_LOCALS));
#endif
  const bool is_meant = line >= (locals & 0xfffffful) && line < (locals >> 24 & 0xfffffful);
  __builtin_memset(variable, is_meant ? (int)(locals >> 48) : 0, size);
}

// Calls are put into every part of the program that computes (generator/compile/representation/operations.ts). Written out, since
// accesses that the compiler knows of would be watched.
extern "C" __attribute__((used, always_inline)) inline void __msl_count_operations(ulong count) {
#if defined(__x86_64__)
  __asm__ volatile(
      "movq %%rsp, %%rax\n"
      "andq %[range], %%rax\n"
      "addq %[count], %c[operations](%%rax)\n"
      :
      : [range] "i"(-(long)MSL_RT_STACKS_ALIGNMENT), [operations] "i"(MSL_RT_OPERATIONS), [count] "er"(count)
      : "rax", "cc");
#else
  ulong group, sum;
  __asm__ volatile(
      "mov %[group], sp\n"
      "and %[group], %[group], %[range]\n"
      "add %[group], %[group], %[operations]\n"
      "ldr %[sum], [%[group]]\n"
      "add %[sum], %[sum], %[count]\n"
      "str %[sum], [%[group]]\n"
      : [group] "=&r"(group), [sum] "=&r"(sum)
      : [range] "r"(-(long)MSL_RT_STACKS_ALIGNMENT), [operations] "r"(MSL_RT_OPERATIONS), [count] "r"(count));
#endif
}
#endif

// The state of the running thread. Not a call: the stack pointer leads to it (abi.h).
__MSL_INL __msl_self* __msl_rt_self() {
  ulong stack;
#if defined(__aarch64__)
  __asm__("mov %0, sp" : "=r"(stack));
#elif defined(__x86_64__)
  __asm__("movq %%rsp, %0" : "=r"(stack));
#else
#error "the host engine runs on x86-64 and aarch64"
#endif
  const ulong base = stack & ~(MSL_RT_STACK_BYTES - 1);
  return (__msl_self*)(base + MSL_RT_STATE_OFFSET(base / MSL_RT_STACK_BYTES));
}
__MSL_INL uint __msl_lane() { return __msl_rt_self()->lane; }
// `orders_device`: device memory, in all of the device.
__MSL_INL void __msl_rt_fence(bool orders_device) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#ifdef MSL_INSTRUMENTED
  if (orders_device) __msl_rt_device_fence();
#endif
}
