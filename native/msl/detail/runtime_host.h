// The engine's entry points, as kernels on the host see them. native/engine defines them.
#pragma once

extern "C" {
// `site` tells barriers apart.
void __msl_rt_barrier(ulong site) __attribute__((convergent, not_tail_called));
void __msl_rt_simdgroup_barrier(uint flags) __attribute__((convergent));
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
// is alive instead of what a call must preserve. (The frame and base pointers are its own and cannot be given up.) The
// call below is the general case; because of it, nothing lies in the red zone under the stack pointer here.
__MSL_CONV void __msl_threadgroup_barrier() {
#if defined(__x86_64__)
  ulong site;
  uint passed;
  __asm__ volatile(
      "leaq 1f(%%rip), %%rcx\n"
      "xorl %%eax, %%eax\n"
      "movq %%rsp, %%rdx\n"
      "movq %%rsp, %%rsi\n"
      "shrq %[shift], %%rdx\n"
      "andq %[range], %%rsi\n"
      "andl %[links], %%edx\n"
      "movq %c[simdgroup](%%rsi, %%rdx), %%rdi\n"
      "movq %c[next](%%rsi, %%rdx), %%r8\n"
      "movl %c[waiting](%%rdi), %%r9d\n"
      "orl %c[bit](%%rsi, %%rdx), %%r9d\n"
      "cmpq %%rcx, %c[site_in_turn](%%rdi)\n"
      "jne 2f\n"
      "testl %%r9d, %c[next_bit](%%rsi, %%rdx)\n"
      "jne 2f\n"
      "testq %%r8, %%r8\n"
      "je 2f\n"
      "pushq %%rbp\n"
      "pushq %%rbx\n"
      "pushq %%rcx\n"
      "movq %c[own](%%rsi, %%rdx), %%r10\n"
      "movl %%r9d, %c[waiting](%%rdi)\n"
      "movq %%rsp, (%%r10)\n"
      "movq %%r8, %%rsp\n"
      "popq %%rcx\n"
      "jmpq *%%rcx\n"
      "1:\n"
      "popq %%rbx\n"
      "popq %%rbp\n"
      "movl $1, %%eax\n"
      "2:\n"
      : "=&a"(passed), "=&c"(site)
      : [shift] "i"(MSL_RT_LINK_SHIFT), [range] "i"(-(long)MSL_RT_STACKS_ALIGNMENT),
        [links] "i"(MSL_RT_LINK_MASK), [next] "i"(MSL_RT_LINK_NEXT), [own] "i"(MSL_RT_LINK_OWN),
        [simdgroup] "i"(MSL_RT_LINK_SIMDGROUP), [bit] "i"(MSL_RT_LINK_BIT),
        [next_bit] "i"(MSL_RT_LINK_NEXT_BIT), [waiting] "i"(MSL_RT_SIMDGROUP_WAITING),
        [site_in_turn] "i"(MSL_RT_SIMDGROUP_SITE)
      : "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1",
        "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
        "xmm13", "xmm14", "xmm15", "cc", "memory");
  if (__builtin_expect(passed == 0, 0)) __msl_rt_barrier(site);
#else
  __msl_rt_barrier(0);
#endif
}

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
__MSL_INL void __msl_rt_fence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
