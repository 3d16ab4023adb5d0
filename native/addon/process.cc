#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>

namespace moegen {
namespace {

// The parent learns of the end by the pipe's closing. Where a handle cannot be made closed to others at once, only
// one process starts at a time.
std::mutex g_start_mutex;

struct Child {
  pid_t process;
  int pipe;
};

bool MakePipe(int (&ends)[2]) {
#if defined(__linux__)
  return pipe2(ends, O_CLOEXEC) == 0;
#else
  if (pipe(ends) != 0) return false;
  for (const int end : ends) fcntl(end, F_SETFD, FD_CLOEXEC);
  return true;
#endif
}

// How the engine's process begins: with the job's memory, a pipe and the terminal for its last words, with no signal blocked or
// handled.
class Beginning {
 public:
  Beginning(int memory, int pipe) {
    posix_spawn_file_actions_init(&files_);
    posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    // Node keeps it from other programs, if it is there at all.
    if (fcntl(STDERR_FILENO, F_GETFD) >= 0) {
      posix_spawn_file_actions_adddup2(&files_, STDERR_FILENO, STDERR_FILENO);
    } else {
      posix_spawn_file_actions_addopen(&files_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    }
    // Neither may lie where the other belongs.
    const int spare = std::max({memory, pipe, kEndPipe}) + 1;
    posix_spawn_file_actions_adddup2(&files_, pipe, spare);
    posix_spawn_file_actions_adddup2(&files_, memory, kMemoryFile);
    posix_spawn_file_actions_adddup2(&files_, spare, kEndPipe);
    posix_spawn_file_actions_addclose(&files_, spare);
    posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
#if defined(POSIX_SPAWN_CLOEXEC_DEFAULT)
                                               | POSIX_SPAWN_CLOEXEC_DEFAULT
#endif
    );
  }
  ~Beginning() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  Beginning(const Beginning&) = delete;
  Beginning& operator=(const Beginning&) = delete;

  // An error number, or 0.
  int Start(const std::string& program, pid_t& process) const {
    char* const arguments[] = {const_cast<char*>(program.c_str()), nullptr};
    char* const environment[] = {nullptr};
    return posix_spawn(&process, program.c_str(), &files_, &attributes_, arguments, environment);
  }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

// An error number, or 0.
int Start(const std::string& program, const JobMemory& memory, Child& child) {
  const std::lock_guard lock(g_start_mutex);
  int ends[2];
  if (!MakePipe(ends)) return errno;
  const int error = Beginning(memory.file(), ends[1]).Start(program, child.process);
  close(ends[1]);
  child.pipe = ends[0];
  if (error != 0) close(ends[0]);
  return error;
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
  const std::lock_guard lock(mutex_);
  is_cancelled_ = true;
  if (process_ > 0) kill(process_, SIGKILL);
}

Ending RunInProcess(const std::string& program, const JobMemory& memory, double timeout_seconds,
                    Cancellation& cancellation) {
  Child child{};
  {
    const std::lock_guard lock(cancellation.mutex_);
    if (cancellation.is_cancelled_) return Ending::kCancelled;
    const int error = Start(program, memory, child);
    if (error == EACCES || error == ENOENT || error == ENOEXEC) return Ending::kNotExecutable;
    if (error != 0) return Ending::kNoProcess;
    cancellation.process_ = child.process;
  }
  const bool ended = WaitForEnd(child, timeout_seconds);
  bool cancelled = false;
  {
    const std::lock_guard lock(cancellation.mutex_);
    if (!ended) kill(child.process, SIGKILL);
    Reap(child.process);
    cancellation.process_ = 0;
    cancelled = cancellation.is_cancelled_;
  }
  close(child.pipe);
  if (cancelled) return Ending::kCancelled;
  return ended ? EndingOf(memory.control()->state.load(std::memory_order_acquire)) : Ending::kTimedOut;
}

}  // namespace moegen
