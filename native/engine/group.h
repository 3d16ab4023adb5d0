// The state of one threadgroup while it runs: its simdgroups, who can run, who waits and for what.
#pragma once

#include <bit>
#include <cstdint>

#include "free_stacks.h"
#include "self.h"
#include "switch.h"

namespace moegen {

class Watch;
class Worker;
struct Group;
struct Simdgroup;
struct MatrixOperation;

// Carries out a simdgroup operation for the lanes of `mask`. Null stands for the threadgroup barrier.
using Execute = void (*)(Simdgroup& simdgroup, uint32_t mask);

// What the lanes of a simdgroup leave for the operation that they wait in, and what they get back.
struct Operands {
  uint64_t input[kLanes];
  uint64_t fill[kLanes];
  uint64_t output[kLanes];
  uint32_t kind[kLanes];
  uint32_t argument[kLanes];
  uint32_t modulo[kLanes];
  const MatrixOperation* matrix[kLanes];
};

// What a suspension touches of the thread on one stack. Lanes of a simdgroup form a ring; each knows the link of
// the one that comes next. That is Group::nobody where the next lane has not started, or waits already.
struct alignas(64) Link {
  Suspended suspended;
  const Link* next;
  Simdgroup* simdgroup;
  uint32_t lane;
};

// Lanes that are live and do not wait are ready: running, suspended after an operation that is done, or not
// started.
struct alignas(64) Simdgroup {
  // Lanes that have not returned; those that wait (while they come in turn, of those only the ones that took
  // the long way: CatchUp adds the others); those that the simdgroup began with.
  uint32_t live;
  uint32_t waiting;
  uint32_t members;
  // The lane that came first, while lanes come in turn.
  uint32_t first_in_turn;
  // The site of the waiting lanes while they come in turn: some wait, all at one site, and the order is not
  // random. Else 0.
  uint64_t site_in_turn;
  // What the waiting lanes wait for, unless they are mixed: then the arrays below say it for each.
  uint64_t site;
  Execute execute;
  // Of the operation that is being carried out.
  uint64_t executing_site;
  uint32_t index;
  bool mixed;
  // The next lane to run leads: it does the matrix operations up to the next rendezvous.
  bool needs_leader;
  // Since the last rendezvous of all lanes: an operation ran for some lanes only; the leader did matrix
  // operations.
  bool ran_partial;
  bool ran_matrix;
  Self* leader;
  Group* group;
  // Null until a lane has started.
  Self* lanes[kLanes];
  uint64_t lane_site[kLanes];
  Execute lane_execute[kLanes];
  Operands operands;

  uint32_t ready() const { return live & ~waiting; }
};

// Lies at the start of its worker's stacks, so that the stack pointer leads to it.
struct Group {
  explicit Group(uint64_t stacks) : free_stacks(stacks) {}

  Link links[kMaxThreads];
  // Without a stack: no thread can continue here.
  Link nobody;
  // Floating-point operations of instrumented kernels, counted over all threadgroups of a dispatch.
  uint64_t operations;
  // What variables hold that nothing was written to, as abi.h says.
  uint64_t locals;
  // Simdgroups that may have a lane which can run.
  uint32_t runnable;
  uint32_t simdgroup_count;
  bool random_order;
  Simdgroup simdgroups[kMaxSimdgroups];

  Worker* worker;
  // Null unless accesses are watched.
  Watch* watch;
  void (*kernel)(const Self*);
  // Null unless rows of threads run in one call.
  void (*row_kernel)(const Self*, uint32_t count);
  uint32_t threads;
  // Mode of matrix operations that a thread begins with.
  uint32_t matrix_mode;
  uint64_t random_state;
  // Where the worker continues when the threadgroup is done.
  Suspended main;
  uint64_t matrix_storage;
  // What all threads name that have come to the next barrier of an instrumented kernel.
  uint32_t barrier_flags;
  // Counted over all threadgroups of a dispatch.
  uint64_t barriers;
  uint64_t matrix_operations;
  FreeStacks free_stacks;
  const uint64_t* buffers;
  const uint64_t* threadgroup_buffers;
  const uint32_t (*positions)[3];
  uint32_t threadgroups[3];
  // Of this threadgroup, of one that no edge of the grid cuts, and of the grid.
  uint32_t threads_per_threadgroup[3];
  uint32_t full_threads_per_threadgroup[3];
  uint32_t threads_per_grid[3];
  uint32_t threadgroup[3];
  uint64_t threadgroup_index;
};

inline Group& GroupOf(const Self* self) { return *reinterpret_cast<Group*>(self->group); }
inline Simdgroup& SimdgroupOf(const Self* self) { return *reinterpret_cast<Simdgroup*>(self->simdgroup); }

// The group of the worker whose stack contains `address`, and the link of that stack.
inline Group& GroupOfStack(uint64_t address) {
  return *reinterpret_cast<Group*>(address & ~(kStacksAlignment - 1));
}
inline Link& LinkOfStack(Group& group, uint64_t address) {
  return group.links[address / kStackBytes % kMaxThreads];
}
inline Link& LinkOf(const Self* self) {
  const auto address = reinterpret_cast<uint64_t>(self);
  return LinkOfStack(GroupOfStack(address), address);
}

inline uint32_t LowestBit(uint32_t mask) { return static_cast<uint32_t>(std::countr_zero(mask)); }

// What barriers in kernels rely on.
static_assert(offsetof(Link, suspended) == 0);
static_assert(offsetof(Suspended, stack_pointer) == MSL_RT_LINK_STACK);
static_assert(offsetof(Suspended, resume) == MSL_RT_LINK_RESUME);
static_assert(offsetof(Suspended, frame) == MSL_RT_LINK_FRAME);
static_assert(offsetof(Suspended, base) == MSL_RT_LINK_BASE);
static_assert(offsetof(Link, next) == MSL_RT_LINK_NEXT);
static_assert(offsetof(Link, simdgroup) == MSL_RT_LINK_SIMDGROUP);
static_assert(offsetof(Simdgroup, site_in_turn) == MSL_RT_SIMDGROUP_SITE);
static_assert(offsetof(Group, operations) == MSL_RT_OPERATIONS);
static_assert(offsetof(Group, locals) == MSL_RT_LOCALS);
static_assert(offsetof(Group, links) == 0 && sizeof(Link) == MSL_RT_LINK_BYTES);
static_assert(kStackBytes >> MSL_RT_LINK_SHIFT == MSL_RT_LINK_BYTES);
static_assert(kMaxThreads * MSL_RT_LINK_BYTES - 1 == (MSL_RT_LINK_MASK | (MSL_RT_LINK_BYTES - 1)));

// The set bit of `mask` that follows bit `after`, around the end. `mask` is not zero.
inline uint32_t NextBit(uint32_t mask, uint32_t after) {
  const uint32_t first = (after + 1) & 31;
  return (first + LowestBit(std::rotr(mask, static_cast<int>(first)))) & 31;
}

// The set bit of `mask` that comes before bit `before`, around the end. `mask` is not zero.
inline uint32_t PreviousBit(uint32_t mask, uint32_t before) {
  const uint32_t rotated = std::rotr(mask, static_cast<int>(before));
  return (before + 31 - static_cast<uint32_t>(std::countl_zero(rotated))) & 31;
}

}  // namespace moegen
