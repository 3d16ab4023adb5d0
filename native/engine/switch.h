// Switching between the stacks of one worker's threads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace moegen {

// A thread that does not run: where it continues. What else it needs lies on its stack.
struct Suspended {
  uint64_t stack_pointer;
  uint64_t resume;
  uint64_t frame;
  uint64_t base;
};

// Prepares a stack so that the first switch to `thread` calls `entry`, which must not return.
void PrepareStack(Suspended& thread, uint64_t top, void (*entry)());

}  // namespace moegen

#if defined(__x86_64__)

namespace moegen {

// Suspends the caller as `save` and continues `target`. Not a function of its own: it would leave its return address
// with the processor, which predicts from it where the next function returns to. What continues finds itself in r10.
inline __attribute__((always_inline)) void SwitchTo(Suspended& save, const Suspended& target) {
  Suspended* from = &save;
  const Suspended* to = &target;
  asm volatile(
      "leaq 1f(%%rip), %%rax\n"
      "movq %%rsp, %c[stack](%%rdi)\n"
      "movq %%rax, %c[resume](%%rdi)\n"
      "movq %%rbp, %c[frame](%%rdi)\n"
      "movq %%rbx, %c[base](%%rdi)\n"
      "movq %c[stack](%%rsi), %%rsp\n"
      "movq %%rsi, %%r10\n"
      "jmpq *%c[resume](%%rsi)\n"
      "1:\n"
      "movq %c[base](%%r10), %%rbx\n"
      "movq %c[frame](%%r10), %%rbp\n"
      : "+D"(from), "+S"(to)
      : [stack] "i"(offsetof(Suspended, stack_pointer)), [resume] "i"(offsetof(Suspended, resume)),
        [frame] "i"(offsetof(Suspended, frame)), [base] "i"(offsetof(Suspended, base))
      : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3",
        "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
        "cc", "memory");
}

}  // namespace moegen

#else

extern "C" void moegen_switch(moegen::Suspended* save, const moegen::Suspended* target);

namespace moegen {

inline void SwitchTo(Suspended& save, const Suspended& target) { moegen_switch(&save, &target); }

}  // namespace moegen

#endif
