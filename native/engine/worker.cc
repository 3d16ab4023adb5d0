#include "worker.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "scheduler.h"
#include "subnormals.h"
#include "tensor_scope.h"
#include "watch.h"

namespace moegen {
namespace {

thread_local Worker* t_worker = nullptr;

uint64_t StackPointer() {
  uint64_t stack;
#if defined(__aarch64__)
  asm volatile("mov %0, sp" : "=r"(stack));
#else
  asm volatile("movq %%rsp, %0" : "=r"(stack));
#endif
  return stack;
}

}  // namespace

void FillPositions(const uint32_t size[3], uint32_t (*positions)[3]) {
  uint32_t thread = 0;
  for (uint32_t z = 0; z < size[2]; ++z) {
    for (uint32_t y = 0; y < size[1]; ++y) {
      for (uint32_t x = 0; x < size[0]; ++x, ++thread) {
        positions[thread][0] = x;
        positions[thread][1] = y;
        positions[thread][2] = z;
      }
    }
  }
}

Worker::Worker()
    : matrices_(kMaxSimdgroups * kLanes * kStackBytes, 4096), group_(new (stacks_.group_storage()) Group(stacks_.begin())) {
  group_->worker = this;
  group_->matrix_storage = matrices_.begin();
}

Worker::~Worker() { group_->~Group(); }

Worker* Worker::OfThread() { return t_worker; }

void Worker::Locate(Control* control) {
  control->thread = kNoThread;
  const Worker* worker = t_worker;
  if (worker == nullptr || !worker->stacks_.Contains(StackPointer())) return;
  control->thread = SelfOfStack(StackPointer())->titg;
  control->threadgroup = worker->group_->threadgroup_index;
}

void Worker::Prepare(const Launch& launch) {
  group_->kernel = launch.kernel;
  group_->row_kernel = launch.row_kernel;
  group_->random_order = launch.random_order;
  group_->locals = launch.locals;
  group_->matrix_mode = launch.lockstep ? MSL_RT_MATRIX_LOCKSTEP : 0;
  group_->buffers = launch.buffers;
  group_->threadgroup_buffers = threadgroup_buffers_;
  std::memcpy(group_->threadgroups, launch.threadgroups, sizeof group_->threadgroups);
  std::memcpy(group_->full_threads_per_threadgroup, launch.threads_per_threadgroup,
              sizeof group_->full_threads_per_threadgroup);
  std::memcpy(group_->threads_per_grid, launch.threads_per_grid, sizeof group_->threads_per_grid);
  SetSize(launch.threads_per_threadgroup, launch.positions);
  group_->barriers = 0;
  group_->matrix_operations = 0;
  group_->operations = 0;
  if (launch.monitor != nullptr && watch_ == nullptr) watch_ = std::make_unique<Watch>(*launch.monitor);
  group_->watch = launch.monitor == nullptr ? nullptr : watch_.get();
  threadgroup_memory_.Reset();
  for (uint64_t i = 0; i < kMaxBuffers; ++i) {
    const uint32_t bytes = launch.threadgroup_memory[i];
    threadgroup_buffers_[i] =
        bytes == 0 ? 0 : threadgroup_memory_.Allocate(reinterpret_cast<void*>(i + 1), bytes, 16);
  }
}

void Worker::SetSize(const uint32_t size[3], const uint32_t (*positions)[3]) {
  std::memcpy(group_->threads_per_threadgroup, size, sizeof group_->threads_per_threadgroup);
  group_->threads = size[0] * size[1] * size[2];
  group_->simdgroup_count = (group_->threads + kLanes - 1) / kLanes;
  group_->positions = positions;
}

void Worker::Fit(const Launch& launch) {
  uint32_t size[3];
  bool changed = false;
  bool full = true;
  for (int axis = 0; axis < 3; ++axis) {
    const uint32_t most = launch.threads_per_threadgroup[axis];
    const uint64_t before = uint64_t{group_->threadgroup[axis]} * most;
    size[axis] = static_cast<uint32_t>(std::min<uint64_t>(most, launch.threads_per_grid[axis] - before));
    full = full && size[axis] == most;
    changed = changed || size[axis] != group_->threads_per_threadgroup[axis];
  }
  if (!changed) return;
  if (!full) FillPositions(size, positions_);
  SetSize(size, full ? launch.positions : positions_);
}

void Worker::RunThreadgroup(const Launch& launch, uint64_t index) {
  group_->threadgroup_index = index;
  group_->threadgroup[0] = static_cast<uint32_t>(index % launch.threadgroups[0]);
  group_->threadgroup[1] = static_cast<uint32_t>(index / launch.threadgroups[0] % launch.threadgroups[1]);
  group_->threadgroup[2] = static_cast<uint32_t>(index / launch.threadgroups[0] / launch.threadgroups[1]);
  Fit(launch);
  // The order depends on the threadgroup, not on the worker that happens to run it.
  group_->random_state = launch.seed * 0x2545f4914f6cdd1du + index;
  threadgroup_memory_.Poison();
  if (group_->watch != nullptr) group_->watch->BeginGroup();
  group_->barrier_flags = ~0u;
  RunGroup(*group_);
  EndTensorScopes(*group_);
  if (group_->watch != nullptr) group_->watch->EndGroup();
}

void Worker::Run(const Launch& launch, std::atomic<uint64_t>& next, Totals& totals) {
  t_worker = this;
  const SubnormalMode mode(launch.flush_subnormals);
  Prepare(launch);
  for (;;) {
    const uint64_t index = next.fetch_add(1, std::memory_order_relaxed);
    if (index >= launch.threadgroup_count) break;
    RunThreadgroup(launch, launch.random_order ? launch.Shuffled(index) : index);
  }
  totals.barriers += group_->barriers;
  totals.matrix_operations += group_->matrix_operations;
  totals.operations += group_->operations;
  const uint64_t declared = threadgroup_memory_.declared();
  uint64_t largest = totals.threadgroup_memory;
  while (declared > largest && !totals.threadgroup_memory.compare_exchange_weak(largest, declared)) {
  }
  if (group_->watch != nullptr) group_->watch->Flush();
}

}  // namespace moegen

extern "C" {

void* __msl_rt_tgalloc(const void* key, uint64_t bytes, uint64_t alignment) {
  moegen::Worker* worker = moegen::GroupOf(moegen::Current()).worker;
  return reinterpret_cast<void*>(worker->threadgroup_memory().Allocate(key, bytes, alignment));
}

void __msl_rt_trap(uint32_t code) {
  if (code == MSL_RT_TRAP_TENSOR_ELEMENT) {
    moegen::Fail("tensor-element", "the kernel uses an element that its cooperative tensor does not have");
  }
  moegen::Fail("kernel-trap",
               code == 0 ? "the kernel reached a trap" : "the kernel reached an unreachable place");
}
}
