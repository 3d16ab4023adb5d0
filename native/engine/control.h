// How the engine's process comes to its end.
#pragma once

#include "../job/control.h"

namespace moegen {

// Ends the engine's process. `code` is the end of an error code, such as `threadgroup-memory`.
[[noreturn]] void Fail(const char* code, const char* message);

// Ends the process so that the job runs again with every matrix operation a rendezvous.
[[noreturn]] void AskForLockstep();

// Ends the process so that the job runs again thread by thread.
[[noreturn]] void AskForThreads();

// Where Fail and the signal handlers write. Set once in the engine's process.
void SetControl(Control* control);
Control* GetControl();

}  // namespace moegen
