#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <cerrno>
#include <chrono>
#include <cmath>
#include <mutex>

#include "crash.h"

namespace moegen {
namespace {

constexpr int kCancelled = -1;

// The parent learns of the end by the pipe's closing. A process that was forked in between would hold the
// pipe open too, so only one is forked at a time.
std::mutex g_fork_mutex;

struct Child {
  pid_t process;
  int pipe;
};

// The parent's handlers would write to files that both processes share.
void ResetSignals() {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) sigaction(number, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void RunAsChild(const Job& job, Control* control) {
  ResetSignals();
#if defined(__linux__)
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  SetControl(control);
  CatchCrashes();
  RunJob(job, control);
  if (control->ending.exchange(1) == 0) control->state.store(JobState::kDone, std::memory_order_release);
  _exit(0);
}

bool Start(const Job& job, Control* control, Child& child) {
  const std::lock_guard lock(g_fork_mutex);
  int ends[2];
  if (pipe(ends) != 0) return false;
  for (const int end : ends) fcntl(end, F_SETFD, FD_CLOEXEC);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t process = fork();
  if (process == 0) {
    close(ends[0]);
    RunAsChild(job, control);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  close(ends[1]);
  if (process < 0) {
    close(ends[0]);
    return false;
  }
  child = {process, ends[0]};
  return true;
}

// True: the process has ended. False: it is still running when the time is over.
bool WaitForEnd(const Child& child, double timeout_seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(timeout_seconds);
  for (;;) {
    const double left = std::chrono::duration<double>(end - Clock::now()).count();
    if (left <= 0) return false;
    pollfd poll_end = {child.pipe, POLLIN, 0};
    const int ready = poll(&poll_end, 1, static_cast<int>(std::fmin(std::ceil(left * 1000), 1e6)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;
  }
}

void Reap(pid_t process) {
  int status;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
}

Ending EndingOf(JobState state) {
  switch (state) {
    case JobState::kDone:
      return Ending::kDone;
    case JobState::kFailed:
      return Ending::kFailed;
    case JobState::kNeedsLockstep:
      return Ending::kNeedsLockstep;
    case JobState::kNeedsThreads:
      return Ending::kNeedsThreads;
    case JobState::kCrashed:
    case JobState::kRunning:  // Ended without a word, such as by the system for lack of memory.
      break;
  }
  return Ending::kCrashed;
}

}  // namespace

void Cancellation::Cancel() {
  const int process = process_.exchange(kCancelled);
  if (process > 0) kill(process, SIGKILL);
}

Ending RunInProcess(const Job& job, Arena& arena, double timeout_seconds, Cancellation& cancellation) {
  Child child{};
  if (!Start(job, arena.control(), child)) return Ending::kNoProcess;
  int idle = 0;
  if (!cancellation.process_.compare_exchange_strong(idle, child.process)) kill(child.process, SIGKILL);
  const bool ended = WaitForEnd(child, timeout_seconds);
  // From here on nobody else may signal this process number: it is free once the process is reaped.
  int running = child.process;
  const bool cancelled = !cancellation.process_.compare_exchange_strong(running, 0);
  if (!ended) kill(child.process, SIGKILL);
  Reap(child.process);
  close(child.pipe);
  if (cancelled) return Ending::kCancelled;
  return ended ? EndingOf(arena.control()->state.load(std::memory_order_acquire)) : Ending::kTimedOut;
}

}  // namespace moegen
