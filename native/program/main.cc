// The engine as a program: runs one job, whose memory it is given, and ends. generator/native/host.ts starts it by way of the addon.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "../engine/arena.h"
#include "../engine/crash.h"
#include "../engine/run.h"
#include "../job/memory.h"
#include "../job/wire.h"
#include "confinement.h"
#include "libraries.h"

namespace moegen {
namespace {

// Null where this is no memory of a job.
uint8_t* Map(uint64_t place, uint64_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, kMemoryFile, static_cast<off_t>(place));
  return memory == MAP_FAILED ? nullptr : static_cast<uint8_t*>(memory);
}

int Run() {
  const auto* header = reinterpret_cast<const Header*>(Map(0, kPageBytes));
  if (header == nullptr) return 2;
  auto* control = reinterpret_cast<Control*>(Map(header->control_place(), RoundToPages(header->control_bytes)));
  const uint8_t* words = Map(header->words_place(), RoundToPages(header->word_bytes));
  Job job;
  if (control == nullptr || words == nullptr || !Unpack(words, header->word_bytes, job)) return 2;
  SetControl(control);
  const bool reads_only = ConfineToReading(static_cast<int>(header->parent));
  CatchCrashes();
  const std::vector<Code> codes = OpenLibraries(job, control);
  const Arena arena(job, kMemoryFile, job.checks == 0);
  close(kMemoryFile);
  control->is_confined = ConfineToMemory() && reads_only;
  RunJob(job, codes, arena, control);
  if (control->ending.exchange(1) == 0) control->state.store(JobState::kDone, std::memory_order_release);
  return 0;
}

}  // namespace
}  // namespace moegen

#if defined(MOEGEN_SANITIZED)
// The engine has handlers of its own for what kernels do wrong.
extern "C" const char* __tsan_default_options() {
  return "halt_on_error=1:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0:report_signal_unsafe=0";
}
extern "C" const char* __ubsan_default_options() { return "print_stacktrace=1"; }
#endif

int main() {
  const int status = moegen::Run();
  // Nothing that a kernel left behind runs any more.
  _exit(status);
}
