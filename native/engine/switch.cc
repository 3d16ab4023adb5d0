#include "switch.h"

#if defined(__aarch64__)

#if defined(__APPLE__)
#define MOEGEN_SYMBOL "_moegen_switch"
#else
#define MOEGEN_SYMBOL "moegen_switch"
#endif

// Saves what a called function must preserve, and ends with a jump: a return would be predicted from the thread that is
// left.
asm(".text\n"
    ".globl " MOEGEN_SYMBOL
    "\n"
    ".p2align 4\n" MOEGEN_SYMBOL
    ":\n"
    "  sub sp, sp, #160\n"
    "  stp x19, x20, [sp]\n"
    "  stp x21, x22, [sp, #16]\n"
    "  stp x23, x24, [sp, #32]\n"
    "  stp x25, x26, [sp, #48]\n"
    "  stp x27, x28, [sp, #64]\n"
    "  stp x29, x30, [sp, #80]\n"
    "  stp d8, d9, [sp, #96]\n"
    "  stp d10, d11, [sp, #112]\n"
    "  stp d12, d13, [sp, #128]\n"
    "  stp d14, d15, [sp, #144]\n"
    "  adr x10, 1f\n"
    "  mov x9, sp\n"
    "  stp x9, x10, [x0]\n"
    "  ldp x9, x16, [x1]\n"
    "  mov sp, x9\n"
    "  br x16\n"
    "1:\n"
    "  ldp x19, x20, [sp]\n"
    "  ldp x21, x22, [sp, #16]\n"
    "  ldp x23, x24, [sp, #32]\n"
    "  ldp x25, x26, [sp, #48]\n"
    "  ldp x27, x28, [sp, #64]\n"
    "  ldp x29, x30, [sp, #80]\n"
    "  ldp d8, d9, [sp, #96]\n"
    "  ldp d10, d11, [sp, #112]\n"
    "  ldp d12, d13, [sp, #128]\n"
    "  ldp d14, d15, [sp, #144]\n"
    "  mov x16, x30\n"
    "  add sp, sp, #160\n"
    "  br x16\n");

#elif !defined(__x86_64__)
#error "the host engine runs on x86-64 and aarch64"
#endif

namespace moegen {

void PrepareStack(Suspended& thread, uint64_t top, void (*entry)()) {
#if defined(__x86_64__)
  // In the place of a return address: keeps the stack aligned.
  top -= sizeof(uint64_t);
  *reinterpret_cast<uint64_t*>(top) = 0;
#endif
  thread.stack_pointer = top;
  thread.resume = reinterpret_cast<uint64_t>(entry);
}

}  // namespace moegen
