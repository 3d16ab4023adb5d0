#include "pending.h"

#include <algorithm>

#include "hooks.h"

namespace moegen {
namespace {

// Lanes in the operation with the lowest address. Zero: all wait at the threadgroup barrier.
uint32_t FirstOperation(const Simdgroup& simdgroup) {
  uint64_t site = UINT64_MAX;
  uint32_t mask = 0;
  for (uint32_t rest = simdgroup.waiting; rest != 0; rest &= rest - 1) {
    const uint32_t lane = LowestBit(rest);
    if (simdgroup.lane_execute[lane] == nullptr || simdgroup.lane_site[lane] > site) continue;
    if (simdgroup.lane_site[lane] < site) mask = 0;
    site = simdgroup.lane_site[lane];
    mask |= 1u << lane;
  }
  return mask;
}

// Notes for each waiting lane what it waits for: they are about to differ.
void Mix(Simdgroup& simdgroup) {
  if (simdgroup.mixed) return;
  simdgroup.mixed = true;
  simdgroup.site_in_turn = 0;
  for (uint32_t rest = simdgroup.waiting; rest != 0; rest &= rest - 1) {
    const uint32_t lane = LowestBit(rest);
    simdgroup.lane_site[lane] = simdgroup.site;
    simdgroup.lane_execute[lane] = simdgroup.execute;
  }
}

// Goes back to the common case where all waiting lanes wait for one operation.
void Unmix(Simdgroup& simdgroup) {
  if (simdgroup.waiting == 0) {
    simdgroup.mixed = false;
    return;
  }
  const uint32_t first = LowestBit(simdgroup.waiting);
  for (uint32_t rest = simdgroup.waiting; rest != 0; rest &= rest - 1) {
    if (simdgroup.lane_site[LowestBit(rest)] != simdgroup.lane_site[first]) return;
  }
  simdgroup.mixed = false;
  simdgroup.site = simdgroup.lane_site[first];
  simdgroup.execute = simdgroup.lane_execute[first];
}

Link* LinkOfLane(const Simdgroup& simdgroup, uint32_t lane) {
  const Self* self = simdgroup.lanes[lane];
  return self == nullptr ? nullptr : &LinkOf(self);
}

}  // namespace

void Begin(Simdgroup& simdgroup, Group& group, uint32_t index, uint32_t lanes) {
  simdgroup.live = simdgroup.members = lanes == kLanes ? ~0u : (1u << lanes) - 1;
  simdgroup.index = index;
  simdgroup.needs_leader = true;
  simdgroup.leader = nullptr;
  simdgroup.group = &group;
  std::fill_n(simdgroup.lanes, kLanes, nullptr);
  ReleaseAll(simdgroup);
}

void ReleaseAll(Simdgroup& simdgroup) {
  simdgroup.waiting = 0;
  simdgroup.mixed = false;
  simdgroup.site_in_turn = 0;
  simdgroup.ran_partial = false;
  simdgroup.ran_matrix = false;
}

void JoinRing(Simdgroup& simdgroup, uint32_t lane) {
  Link& link = *LinkOfLane(simdgroup, lane);
  const uint32_t next = NextBit(simdgroup.live, lane);
  link.simdgroup = &simdgroup;
  link.bit = 1u << lane;
  link.next_bit = 1u << next;
  link.next_stack_pointer = 0;
  Link* before = LinkOfLane(simdgroup, PreviousBit(simdgroup.live, lane));
  link.stack_pointer = before == nullptr ? &simdgroup.stack_pointers[lane] : &before->next_stack_pointer;
  *link.stack_pointer = 0;
  Link* after = LinkOfLane(simdgroup, next);
  if (after == nullptr || next == lane) return;
  link.next_stack_pointer = *after->stack_pointer;
  after->stack_pointer = &link.next_stack_pointer;
}

void LeaveRing(Simdgroup& simdgroup, uint32_t lane) {
  const Link& link = *LinkOfLane(simdgroup, lane);
  simdgroup.live &= ~(1u << lane);
  if (simdgroup.live == 0) return;
  const uint32_t next = NextBit(simdgroup.live, lane);
  Link* before = LinkOfLane(simdgroup, PreviousBit(simdgroup.live, lane));
  Link* after = LinkOfLane(simdgroup, next);
  if (before != nullptr) {
    before->next_bit = 1u << next;
    before->next_stack_pointer = link.next_stack_pointer;
    if (after != nullptr) after->stack_pointer = &before->next_stack_pointer;
  } else if (after != nullptr) {
    simdgroup.stack_pointers[next] = link.next_stack_pointer;
    after->stack_pointer = &simdgroup.stack_pointers[next];
  }
}

bool Join(Simdgroup& simdgroup, uint32_t lane, uint64_t site, Execute execute) {
  if (simdgroup.waiting == 0) {
    simdgroup.site = site;
    simdgroup.execute = execute;
    simdgroup.site_in_turn = simdgroup.group->random_order ? 0 : site;
  } else if (simdgroup.site != site || simdgroup.mixed) {
    Mix(simdgroup);
    simdgroup.lane_site[lane] = site;
    simdgroup.lane_execute[lane] = execute;
  }
  simdgroup.waiting |= 1u << lane;
  if (simdgroup.waiting != simdgroup.live || simdgroup.mixed || execute == nullptr) return false;
  ReleaseAll(simdgroup);
  simdgroup.executing_site = site;
  execute(simdgroup, simdgroup.live);
  MakeLeader(simdgroup, simdgroup.lanes[lane]);
  return true;
}

bool ExecutePending(Simdgroup& simdgroup) {
  const bool all_at_barrier = !simdgroup.mixed && simdgroup.execute == nullptr;
  if (simdgroup.waiting == 0 || all_at_barrier) return false;
  Mix(simdgroup);
  const uint32_t mask = FirstOperation(simdgroup);
  if (mask == 0) return false;
  const Execute execute = simdgroup.lane_execute[LowestBit(mask)];
  simdgroup.executing_site = simdgroup.lane_site[LowestBit(mask)];
  simdgroup.waiting &= ~mask;
  if (mask == simdgroup.live) {
    ReleaseAll(simdgroup);
    simdgroup.needs_leader = true;
  } else {
    Unmix(simdgroup);
    simdgroup.ran_partial = true;
    if (simdgroup.ran_matrix) RequireLockstep(*simdgroup.group);
  }
  execute(simdgroup, mask);
  return true;
}

}  // namespace moegen
