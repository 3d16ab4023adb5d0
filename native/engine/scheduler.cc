#include "scheduler.h"

#include <algorithm>

#include "control.h"
#include "hooks.h"
#include "pending.h"
#include "switch.h"

namespace moegen {
namespace {

struct Next {
  Simdgroup* simdgroup;  // Null: the threadgroup is done.
  uint32_t lane;
};

uint64_t Random(Group& group) {
  // splitmix64: a few instructions, and any seed will do.
  uint64_t value = group.random_state += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

// One of the set bits, each as likely as the others.
uint32_t RandomBit(Group& group, uint32_t mask) {
  for (uint64_t skip = (Random(group) >> 32) * static_cast<uint32_t>(std::popcount(mask)) >> 32; skip != 0; --skip) {
    mask &= mask - 1;
  }
  return LowestBit(mask);
}

// What of a thread's state follows from which thread of its threadgroup it is.
void MoveTo(Self* self, const Group& group, uint32_t thread) {
  self->titg = thread;
  self->lane = thread % kLanes;
  self->sg = thread / kLanes;
  for (int axis = 0; axis < 3; ++axis) {
    const uint32_t position = group.positions[thread][axis];
    self->tpitg[axis] = position;
    self->tpig[axis] = group.threadgroup[axis] * group.full_threads_per_threadgroup[axis] + position;
  }
}

uint32_t SimdgroupsOf(const uint32_t threads[3]) {
  return (threads[0] * threads[1] * threads[2] + kLanes - 1) / kLanes;
}

void FillState(Self* self, Group& group, Simdgroup& simdgroup, uint32_t thread) {
  MoveTo(self, group, thread);
  self->matrix_mode = group.matrix_mode;
  self->simdgroup = reinterpret_cast<uint64_t>(&simdgroup);
  self->group = reinterpret_cast<uint64_t>(&group);
  self->matrix_base = group.matrix_storage + simdgroup.index * (kLanes * kStackBytes);
  self->buf = reinterpret_cast<const unsigned long*>(group.buffers);
  self->tgbuf = reinterpret_cast<const unsigned long*>(group.threadgroup_buffers);
  for (int axis = 0; axis < 3; ++axis) {
    self->tgpig[axis] = group.threadgroup[axis];
    self->tptg[axis] = group.threads_per_threadgroup[axis];
    self->dtptg[axis] = group.full_threads_per_threadgroup[axis];
    self->tgpg[axis] = group.threadgroups[axis];
    self->tpg[axis] = group.threads_per_grid[axis];
  }
  self->nsg = group.simdgroup_count;
  self->dnsg = SimdgroupsOf(self->dtptg);
}

void Admit(Self* self, Group& group, Simdgroup& simdgroup, uint32_t lane) {
  FillState(self, group, simdgroup, simdgroup.index * kLanes + lane);
  simdgroup.lanes[lane] = self;
  JoinRing(simdgroup, lane);
  if (simdgroup.needs_leader) MakeLeader(simdgroup, self);
}

// Opens the threadgroup barrier. False: no thread waits at it.
bool OpenBarrier(Group& group) {
  for (uint32_t i = 0; i < group.simdgroup_count; ++i) {
    Simdgroup& simdgroup = group.simdgroups[i];
    if (simdgroup.waiting != 0) group.runnable |= 1u << i;
  }
  if (group.runnable == 0) return false;
  BarrierOpens(group);
  for (uint32_t rest = group.runnable; rest != 0; rest &= rest - 1) {
    Simdgroup& simdgroup = group.simdgroups[LowestBit(rest)];
    ReleaseAll(simdgroup);
    simdgroup.needs_leader = true;
  }
  ++group.barriers;
  return true;
}

Next FindInOrder(Group& group, uint32_t index, uint32_t lane) {
  for (;;) {
    Simdgroup& simdgroup = group.simdgroups[index];
    if (simdgroup.ready() != 0) return {&simdgroup, NextBit(simdgroup.ready(), lane)};
    if (ExecutePending(simdgroup)) continue;
    group.runnable &= ~(1u << index);
    if (group.runnable == 0 && !OpenBarrier(group)) return {nullptr, 0};
    index = NextBit(group.runnable, index);
    lane = kLanes - 1;
  }
}

Next FindAtRandom(Group& group) {
  for (;;) {
    while (group.runnable != 0) {
      const uint32_t index = RandomBit(group, group.runnable);
      Simdgroup& simdgroup = group.simdgroups[index];
      if (simdgroup.ready() != 0) return {&simdgroup, RandomBit(group, simdgroup.ready())};
      if (!ExecutePending(simdgroup)) group.runnable &= ~(1u << index);
    }
    if (!OpenBarrier(group)) return {nullptr, 0};
  }
}

Next Find(Group& group, uint32_t index, uint32_t lane) {
  return group.random_order ? FindAtRandom(group) : FindInOrder(group, index, lane);
}

void RunLanes();

// Where the lane continues. Starts it where it has not started.
Link& Continuation(Group& group, const Next& next) {
  Simdgroup& simdgroup = *next.simdgroup;
  Self* self = simdgroup.lanes[next.lane];
  if (self == nullptr) {
    self = group.free_stacks.Take();
    Admit(self, group, simdgroup, next.lane);
    Link& link = LinkOf(self);
    PrepareStack(link.suspended, reinterpret_cast<uint64_t>(self), RunLanes);
    return link;
  }
  if (simdgroup.needs_leader) MakeLeader(simdgroup, self);
  return LinkOf(self);
}

// The general case of Wait below.
__attribute__((noinline)) const Link& WaitInGeneral(const Link& link, uint64_t site, Execute execute) {
  Simdgroup& simdgroup = *link.simdgroup;
  Group& group = *simdgroup.group;
  if (group.row_kernel != nullptr) AskForThreads();
  const uint32_t lane = link.lane;
  CatchUp(simdgroup, lane);
  if (Join(simdgroup, lane, site, execute)) return link;
  // The first to come in turn.
  if (simdgroup.site_in_turn == site && link.next != &group.nobody) return *link.next;
  return Continuation(group, Find(group, simdgroup.index, lane));
}

// Lets the thread of `link` wait for `execute` at `site`. Returns who continues: another thread, or the calling
// one. As long as lanes keep together, they come in turn, and the next one can run: then nothing is written, so
// that no switch waits for the one before.
inline __attribute__((always_inline)) const Link& Wait(const Link& link, uint64_t site, Execute execute) {
  const Link& next = *link.next;
  if (link.simdgroup->site_in_turn != site || next.suspended.stack_pointer == 0) [[unlikely]] {
    return WaitInGeneral(link, site, execute);
  }
  return next;
}

// First and last function on every thread's stack: runs one thread to its end, then the next that has not
// started.
void RunLanes() {
  Self* self = Current();
  Group& group = GroupOf(self);
  for (;;) {
    group.kernel(self);
    Simdgroup& simdgroup = SimdgroupOf(self);
    CatchUp(simdgroup, self->lane);
    LeaveRing(simdgroup, self->lane);
    if (simdgroup.leader == self) simdgroup.leader = nullptr;
    const Next next = Find(group, self->sg, self->lane);
    Suspended discarded;
    if (next.simdgroup == nullptr) {
      group.free_stacks.Give(self);
      SwitchTo(discarded, group.main);
    }
    if (next.simdgroup->lanes[next.lane] == nullptr) {
      Admit(self, group, *next.simdgroup, next.lane);
      continue;
    }
    group.free_stacks.Give(self);
    SwitchTo(discarded, Continuation(group, next).suspended);
  }
}

// Only function on its stack: runs all threads of a threadgroup, row by row.
void RunRows() {
  Self* self = Current();
  Group& group = GroupOf(self);
  const uint32_t* size = group.threads_per_threadgroup;
  for (uint32_t z = 0; z < size[2]; ++z) {
    for (uint32_t y = 0; y < size[1]; ++y) {
      MoveTo(self, group, (z * size[1] + y) * size[0]);
      group.row_kernel(self, size[0]);
    }
  }
  Suspended discarded;
  SwitchTo(discarded, group.main);
}

}  // namespace

void Rendezvous(Self* self, uint64_t site, Execute execute) {
  Link& link = LinkOf(self);
  const Link& next = Wait(link, site, execute);
  if (&next != &link) SwitchTo(link.suspended, next.suspended);
}

void StartRows(Group& group) {
  Self* self = group.free_stacks.Take();
  Simdgroup& simdgroup = group.simdgroups[0];
  simdgroup.group = &group;
  simdgroup.index = 0;
  simdgroup.site_in_turn = 0;
  FillState(self, group, simdgroup, 0);
  // A matrix operation has to show.
  self->matrix_mode = MSL_RT_MATRIX_LOCKSTEP;
  Link& link = LinkOf(self);
  link.simdgroup = &simdgroup;
  link.next = &group.nobody;
  PrepareStack(link.suspended, reinterpret_cast<uint64_t>(self), RunRows);
  SwitchTo(group.main, link.suspended);
}

void RunGroup(Group& group) {
  group.free_stacks.Reset();
  if (group.row_kernel != nullptr) return StartRows(group);
  group.runnable = group.simdgroup_count == kMaxSimdgroups ? ~0u : (1u << group.simdgroup_count) - 1;
  for (uint32_t i = 0; i < group.simdgroup_count; ++i) {
    Begin(group.simdgroups[i], group, i, std::min(group.threads - i * kLanes, kLanes));
  }
  const Next first = Find(group, 0, kLanes - 1);
  SwitchTo(group.main, Continuation(group, first).suspended);
}

}  // namespace moegen

extern "C" {

// A barrier of a kernel that could not go on to the next lane by itself. Returns the link of who continues.
const void* __msl_rt_barrier_wait(uint64_t site, const void* link) {
  return &moegen::WaitInGeneral(*static_cast<const moegen::Link*>(link), site, nullptr);
}

void __msl_rt_barrier_flags(uint32_t flags) { moegen::GroupOf(moegen::Current()).barrier_flags &= flags; }

void __msl_rt_barrier() {
  const auto site = reinterpret_cast<uint64_t>(__builtin_return_address(0));
  moegen::Rendezvous(moegen::Current(), site, nullptr);
}
}
