// Signals that a kernel can cause end the engine's process with a note of where it happened.
#pragma once

namespace moegen {

// Once per process.
void CatchCrashes();

// Once per thread: a kernel's stack may be what overflowed, so handlers need their own.
void UseCrashStack();

}  // namespace moegen
