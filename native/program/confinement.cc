#include "confinement.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../job/memory.h"

namespace moegen {
namespace {

void CloseOthers() {
#if defined(__linux__) && defined(SYS_close_range)
  if (syscall(SYS_close_range, kEndPipe + 1, ~0U, 0) == 0) return;
#endif
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 65536) limit.rlim_cur = 65536;
  for (int file = kEndPipe + 1; file < static_cast<int>(limit.rlim_cur); ++file) close(file);
}

void EndWithParent(int parent) {
#if defined(__linux__)
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  if (getppid() != parent) _exit(0);
}

// Sanitizers read files when they have something to say.
#if defined(__linux__) && !defined(MOEGEN_SANITIZED)

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#else
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif

// A system call, and what an argument must be for it.
struct Rule {
  enum class Test { kAlways, kEquals, kHasAll, kHasNone };

  uint32_t call;
  Test test = Test::kAlways;
  uint32_t argument = 0;
  uint32_t value = 0;
};

// What a running job needs: memory, threads, clocks, signals to itself, a message to the terminal.
std::vector<Rule> RunningRules() {
  const auto own = static_cast<uint32_t>(getpid());
  using Test = Rule::Test;
  std::vector<Rule> rules = {
      {SYS_mmap, Test::kHasNone, 2, PROT_EXEC},
      {SYS_mprotect, Test::kHasNone, 2, PROT_EXEC},
      {SYS_munmap},
      {SYS_mremap},
      {SYS_madvise},
      {SYS_brk},
      {SYS_memfd_create},
      {SYS_ftruncate},
      {SYS_close},
      {SYS_clone, Test::kHasAll, 0, CLONE_THREAD},
      {SYS_set_robust_list},
      {SYS_rseq},
      {SYS_futex},
      {SYS_exit},
      {SYS_exit_group},
      {SYS_sigaltstack},
      {SYS_rt_sigaction},
      {SYS_rt_sigprocmask},
      {SYS_rt_sigreturn},
      {SYS_tgkill, Test::kEquals, 0, own},
      {SYS_gettid},
      {SYS_getpid},
      {SYS_sched_yield},
      {SYS_sched_getaffinity},
      {SYS_clock_gettime},
      {SYS_clock_nanosleep},
      {SYS_nanosleep},
      {SYS_restart_syscall},
      {SYS_ppoll},
      {SYS_getrandom},
      {SYS_write, Test::kEquals, 0, STDERR_FILENO},
#if defined(SYS_pause)
      {SYS_pause},
#endif
  };
  return rules;
}

// What opening libraries needs beside that.
std::vector<Rule> LoadingRules() {
  std::vector<Rule> rules = RunningRules();
  using Test = Rule::Test;
  const std::vector<Rule> more = {
      // Flags of files that are only read: neither O_WRONLY nor O_RDWR, which is both bits of O_ACCMODE.
      {SYS_openat, Test::kHasNone, 2, O_ACCMODE | O_CREAT},
      {SYS_mmap},
      {SYS_mprotect},
      {SYS_read},
      {SYS_pread64},
      {SYS_lseek},
      {SYS_fstat},
      {SYS_newfstatat},
      {SYS_readlinkat},
      {SYS_faccessat},
      {SYS_getcwd},
      {SYS_prctl},
      {SYS_seccomp},
#if defined(SYS_open)
      {SYS_open, Test::kHasNone, 1, O_ACCMODE | O_CREAT},
      {SYS_stat},
      {SYS_access},
      {SYS_readlink},
#endif
  };
  rules.insert(rules.end(), more.begin(), more.end());
  return rules;
}

class Filter {
 public:
  Filter() {
    Load(offsetof(seccomp_data, arch));
    Add(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0);
    Return(SECCOMP_RET_KILL_PROCESS);
    Load(offsetof(seccomp_data, nr));
    // Its flags lie in memory, which no filter sees. Callers know older systems, and then take `clone`.
    Add(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1);
    Return(SECCOMP_RET_ERRNO | ENOSYS);
  }

  void Allow(const Rule& rule) {
    if (rule.test == Rule::Test::kAlways) {
      Add(BPF_JMP | BPF_JEQ | BPF_K, rule.call, 0, 1);
      Return(SECCOMP_RET_ALLOW);
      return;
    }
    Add(BPF_JMP | BPF_JEQ | BPF_K, rule.call, 0, rule.test == Rule::Test::kHasAll ? 5 : 4);
    // The low half: all processors that this runs on are little-endian.
    Load(offsetof(seccomp_data, args) + 8 * rule.argument);
    switch (rule.test) {
      case Rule::Test::kHasNone:
        Add(BPF_JMP | BPF_JSET | BPF_K, rule.value, 1, 0);
        break;
      case Rule::Test::kHasAll:
        Add(BPF_ALU | BPF_AND | BPF_K, rule.value, 0, 0);
        Add(BPF_JMP | BPF_JEQ | BPF_K, rule.value, 0, 1);
        break;
      case Rule::Test::kEquals:
        Add(BPF_JMP | BPF_JEQ | BPF_K, rule.value, 0, 1);
        break;
      case Rule::Test::kAlways:
        break;
    }
    Return(SECCOMP_RET_ALLOW);
    Load(offsetof(seccomp_data, nr));
  }

  bool Install() {
    Return(SECCOMP_RET_ERRNO | EPERM);
    const sock_fprog program = {static_cast<unsigned short>(steps_.size()), steps_.data()};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
  }

 private:
  void Load(size_t offset) { Add(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset), 0, 0); }
  void Return(uint32_t action) { Add(BPF_RET | BPF_K, action, 0, 0); }
  void Add(uint32_t code, uint32_t value, uint8_t if_true, uint8_t if_false) {
    steps_.push_back({static_cast<uint16_t>(code), if_true, if_false, value});
  }

  std::vector<sock_filter> steps_;
};

bool Confine(const std::vector<Rule>& rules) {
  Filter filter;
  for (const Rule& rule : rules) filter.Allow(rule);
  return filter.Install();
}

#else

struct Rule {};
std::vector<Rule> RunningRules() { return {}; }
std::vector<Rule> LoadingRules() { return {}; }
bool Confine(const std::vector<Rule>&) { return false; }

#endif

}  // namespace

bool ConfineToReading(int parent) {
  CloseOthers();
  EndWithParent(parent);
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  return Confine(LoadingRules());
}

bool ConfineToMemory() { return Confine(RunningRules()); }

}  // namespace moegen
