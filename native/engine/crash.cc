#include "crash.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/ucontext.h>
#else
#include <ucontext.h>
#endif

#include <cstdint>

#include "control.h"
#include "worker.h"

namespace moegen {
namespace {

constexpr size_t kCrashStackBytes = 65536;
constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};

struct Registers {
  uint64_t stack_pointer;
  uint64_t instruction;
};

Registers RegistersOf(const void* context) {
  const auto* machine = static_cast<const ucontext_t*>(context);
#if defined(__APPLE__) && defined(__x86_64__)
  return {machine->uc_mcontext->__ss.__rsp, machine->uc_mcontext->__ss.__rip};
#elif defined(__APPLE__)
  return {machine->uc_mcontext->__ss.__sp, machine->uc_mcontext->__ss.__pc};
#elif defined(__x86_64__)
  const auto& registers = machine->uc_mcontext.gregs;
  return {static_cast<uint64_t>(registers[15]), static_cast<uint64_t>(registers[16])};  // REG_RSP, REG_RIP
#else
  return {machine->uc_mcontext.sp, machine->uc_mcontext.pc};
#endif
}

void HandleCrash(int number, siginfo_t* info, void* context) {
  Control* control = GetControl();
  if (control->ending.exchange(1) != 0) {
    for (;;) pause();
  }
  control->signal = number;
  control->thread = kNoThread;
  Worker* worker = Worker::OfThread();
  const auto [stack, instruction] = RegistersOf(context);
  if (worker != nullptr && worker->stacks().Contains(stack)) {
    control->thread = SelfOfStack(stack)->titg;
    control->instruction = instruction;
    control->threadgroup = worker->group().threadgroup_index;
    control->stack_overflow = worker->stacks().IsOverflow(reinterpret_cast<uint64_t>(info->si_addr));
  }
  control->state.store(JobState::kCrashed, std::memory_order_release);
  _exit(0);
}

}  // namespace

void CatchCrashes() {
  struct sigaction action = {};
  action.sa_sigaction = HandleCrash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  for (const int number : kSignals) sigaction(number, &action, nullptr);
}

void UseCrashStack() {
  // Freed with the process: a thread lives as long as the job.
  void* memory = mmap(nullptr, kCrashStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  stack_t stack = {};
  stack.ss_sp = memory;
  stack.ss_size = kCrashStackBytes;
  sigaltstack(&stack, nullptr);
}

}  // namespace moegen
