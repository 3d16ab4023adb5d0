#include "control.h"

#include <unistd.h>

#include <cstdio>

#include "worker.h"

namespace moegen {
namespace {

Control* g_control = nullptr;

[[noreturn]] void End(JobState state) {
  g_control->state.store(state, std::memory_order_release);
  _exit(0);
}

// Another thread has begun to end the process.
[[noreturn]] void WaitForEnd() {
  for (;;) pause();
}

// The job has to run in another way.
[[noreturn]] void AskAgain(JobState how) {
  if (g_control->ending.exchange(1) != 0) WaitForEnd();
  End(how);
}

}  // namespace

void SetControl(Control* control) { g_control = control; }

Control* GetControl() { return g_control; }

void Fail(const char* code, const char* message) {
  if (g_control->ending.exchange(1) != 0) WaitForEnd();
  Worker::Locate(g_control);
  std::snprintf(g_control->code, sizeof g_control->code, "%s", code);
  std::snprintf(g_control->message, sizeof g_control->message, "%s", message);
  End(JobState::kFailed);
}

void AskForLockstep() { AskAgain(JobState::kNeedsLockstep); }

void AskForThreads() { AskAgain(JobState::kNeedsThreads); }

}  // namespace moegen
