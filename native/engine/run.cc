#include "run.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <numeric>

#include "memory.h"
#include "monitor.h"
#include "pool.h"
#include "worker.h"

namespace moegen {
namespace {

// Metal's own limit is the kernel's; nothing a GPU runs comes near this one.
constexpr uint64_t kMaxThreadgroups = uint64_t{1} << 40;

// Arguments that a function constant switches off: a kernel may read them as long as it does not use what it
// reads, since on a GPU such reads are gone once the constants have their values. So that a use shows, they are filled
// with one byte: around the place that all of them begin at, and zeros further away.
class UnboundMemory {
 public:
  explicit UnboundMemory(uint8_t byte) : mapping_(kBytes, 4096) {
    if (byte != 0) Fill(byte);
    mprotect(reinterpret_cast<void*>(mapping_.begin()), kBytes, PROT_READ);
  }
  uint64_t address() const { return mapping_.begin() + kBytes / 2; }

 private:
  static constexpr uint64_t kBytes = uint64_t{1} << 30;
  static constexpr uint64_t kPieceBytes = uint64_t{1} << 19;
  static constexpr uint64_t kPieces = 64;

  void Fill(uint8_t byte) {
    auto* middle = reinterpret_cast<uint8_t*>(address());
#if defined(__linux__)
    // One piece of memory, many times.
    const int file = memfd_create("moegen unbound", MFD_CLOEXEC);
    if (file >= 0 && ftruncate(file, kPieceBytes) == 0) {
      uint8_t* at = middle - kPieces / 2 * kPieceBytes;
      bool filled = false;
      for (uint64_t i = 0; i < kPieces; ++i, at += kPieceBytes) {
        if (mmap(at, kPieceBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED) break;
        if (!filled) std::memset(at, byte, kPieceBytes);
        filled = true;
      }
    }
    if (file >= 0) close(file);
#else
    std::memset(middle - kPieceBytes, byte, 2 * kPieceBytes);
#endif
  }

  Mapping mapping_;
};

void SetConstants(const Dispatch& dispatch, const Code& code) {
  for (uint32_t i = 0; i < dispatch.constants.size(); ++i) {
    std::memcpy(code.constants[i], dispatch.constants[i].bytes, ConstantValue::kBytes);
  }
}

void ReadThreadgroups(const Dispatch& dispatch, const Arena& arena, Launch& launch) {
  if (!dispatch.indirect) {
    std::memcpy(launch.threadgroups, dispatch.threadgroups, sizeof launch.threadgroups);
  } else {
    const uint64_t counts = arena.AddressOf(dispatch.indirect_buffer) + dispatch.indirect_offset;
    std::memcpy(launch.threadgroups, reinterpret_cast<void*>(counts), sizeof launch.threadgroups);
  }
  launch.threadgroup_count = 1;
  for (const uint32_t count : launch.threadgroups) {
    if (count != 0 && launch.threadgroup_count > kMaxThreadgroups / count) {
      char message[200];
      std::snprintf(message, sizeof message,
                    "%u x %u x %u threadgroups are more than any dispatch has; do the indirect counts hold "
                    "what an earlier kernel wrote?",
                    launch.threadgroups[0], launch.threadgroups[1], launch.threadgroups[2]);
      Fail("too-many-threadgroups", message);
    }
    launch.threadgroup_count *= count;
  }
}

// A start and a step of the threadgroups' order that follow from the seed.
void ChooseOrder(Launch& launch) {
  const uint64_t count = std::max<uint64_t>(1, launch.threadgroup_count);
  const uint64_t hash = (launch.seed + 1) * 0x9e3779b97f4a7c15u;
  launch.group_start = (hash >> 20) % count;
  launch.group_step = std::max<uint64_t>(1, (hash ^ hash >> 31) % count);
  while (std::gcd(launch.group_step, count) != 1) ++launch.group_step;
}

// In the whole grid: as said, or as many as the threadgroups have.
void CountThreads(const Dispatch& dispatch, Launch& launch) {
  for (int axis = 0; axis < 3; ++axis) {
    const uint32_t given = dispatch.threads[axis];
    launch.threads_per_grid[axis] =
        given != 0 ? given : launch.threadgroups[axis] * launch.threads_per_threadgroup[axis];
  }
}

void Describe(const Job& job, uint32_t index, const Code& code, const Arena& arena, uint64_t unbound, Launch& launch) {
  const Dispatch& dispatch = job.dispatches[index];
  std::fill_n(launch.buffers, kMaxBuffers, unbound);
  std::memset(launch.threadgroup_memory, 0, sizeof launch.threadgroup_memory);
  launch.kernel = code.entry;
  launch.row_kernel = job.rows && job.seed == 0 ? code.row_entry : nullptr;
  for (const BufferBinding& binding : dispatch.buffers) {
    launch.buffers[binding.index] = arena.AddressOf(binding.buffer) + binding.offset;
  }
  for (const ThreadgroupArgument& argument : dispatch.threadgroup_memory) {
    launch.threadgroup_memory[argument.index] = argument.bytes;
  }
  ReadThreadgroups(dispatch, arena, launch);
  std::memcpy(launch.threads_per_threadgroup, dispatch.threads_per_threadgroup,
              sizeof launch.threads_per_threadgroup);
  CountThreads(dispatch, launch);
  FillPositions(launch.threads_per_threadgroup, launch.positions);
  launch.random_order = job.seed != 0;
  launch.seed = job.seed + index;
  ChooseOrder(launch);
  launch.flush_subnormals = job.flush_subnormals;
  launch.locals = job.locals;
  // What meets around matrix operations only shows if all lanes have to come.
  launch.lockstep = job.lockstep || (job.checks & Bit(Check::kDivergence)) != 0;
}

}  // namespace

void RunJob(const Job& job, const std::vector<Code>& codes, const Arena& arena, Control* control) {
  const auto launch = std::make_unique<Launch>();
  const bool watched = job.count || job.checks != 0;
  const auto monitor = watched ? std::make_unique<Monitor>(job, arena, control) : nullptr;
  const UnboundMemory unbound(job.unbound_byte);
  WorkerPool pool(job.threads);
  for (uint32_t i = 0; i < job.dispatches.size(); ++i) {
    const Dispatch& dispatch = job.dispatches[i];
    const auto begin = std::chrono::steady_clock::now();
    control->dispatch = i;
    SetConstants(dispatch, codes[i]);
    Describe(job, i, codes[i], arena, unbound.address(), *launch);
    if (monitor != nullptr) monitor->BeginDispatch(i, dispatch);
    launch->monitor = dispatch.instrumented ? monitor.get() : nullptr;
    Totals totals;
    pool.Run(*launch, totals);
    DispatchOutcome& outcome = control->outcomes()[i];
    outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    outcome.threadgroups = launch->threadgroup_count;
    outcome.barriers = totals.barriers;
    outcome.matrix_operations = totals.matrix_operations;
    outcome.operations = totals.operations;
    outcome.threadgroup_memory = totals.threadgroup_memory;
  }
  if (monitor != nullptr) monitor->FindUnwritten();
}

}  // namespace moegen
