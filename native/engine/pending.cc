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

Link* LinkOfLane(const Simdgroup& simdgroup, uint32_t lane) {
  const Self* self = simdgroup.lanes[lane];
  return self == nullptr ? nullptr : &LinkOf(self);
}

// Says who comes after the lane, if it has started.
void SetNext(const Simdgroup& simdgroup, uint32_t lane) {
  Link* link = LinkOfLane(simdgroup, lane);
  if (link == nullptr) return;
  const uint32_t next = NextBit(simdgroup.live, lane);
  const bool waits = simdgroup.site_in_turn != 0 && next == simdgroup.first_in_turn;
  const Link* after = waits ? nullptr : LinkOfLane(simdgroup, next);
  link->next = after == nullptr ? &simdgroup.group->nobody : after;
}

// Lanes come in turn from here on: the last one must not go on to the first, which waits.
void OpenTurn(Simdgroup& simdgroup, uint32_t lane, uint64_t site) {
  simdgroup.site_in_turn = site;
  simdgroup.first_in_turn = lane;
  SetNext(simdgroup, PreviousBit(simdgroup.live, lane));
}

void CloseTurn(Simdgroup& simdgroup) {
  if (simdgroup.site_in_turn == 0) return;
  simdgroup.site_in_turn = 0;
  SetNext(simdgroup, PreviousBit(simdgroup.live, simdgroup.first_in_turn));
}

// Notes for each waiting lane what it waits for: they are about to differ.
void Mix(Simdgroup& simdgroup) {
  if (simdgroup.mixed) return;
  simdgroup.mixed = true;
  CloseTurn(simdgroup);
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

}  // namespace

void Begin(Simdgroup& simdgroup, Group& group, uint32_t index, uint32_t lanes) {
  simdgroup.live = simdgroup.members = lanes == kLanes ? ~0u : (1u << lanes) - 1;
  simdgroup.index = index;
  simdgroup.needs_leader = true;
  simdgroup.leader = nullptr;
  simdgroup.group = &group;
  std::fill_n(simdgroup.lanes, kLanes, nullptr);
  simdgroup.site_in_turn = 0;
  ReleaseAll(simdgroup);
}

void ReleaseAll(Simdgroup& simdgroup) {
  simdgroup.waiting = 0;
  simdgroup.mixed = false;
  CloseTurn(simdgroup);
  simdgroup.ran_partial = false;
  simdgroup.ran_matrix = false;
}

void JoinRing(Simdgroup& simdgroup, uint32_t lane) {
  Link& link = *LinkOfLane(simdgroup, lane);
  link.simdgroup = &simdgroup;
  link.lane = lane;
  SetNext(simdgroup, lane);
  SetNext(simdgroup, PreviousBit(simdgroup.live, lane));
}

void LeaveRing(Simdgroup& simdgroup, uint32_t lane) {
  simdgroup.live &= ~(1u << lane);
  if (simdgroup.live != 0) SetNext(simdgroup, PreviousBit(simdgroup.live, lane));
}

void CatchUp(Simdgroup& simdgroup, uint32_t lane) {
  if (simdgroup.site_in_turn == 0) return;
  const uint32_t from_first = ~0u << simdgroup.first_in_turn;
  const uint32_t before_lane = (1u << lane) - 1;
  const bool wraps = simdgroup.first_in_turn > lane;
  simdgroup.waiting |= simdgroup.live & (wraps ? from_first | before_lane : from_first & before_lane);
}

bool Join(Simdgroup& simdgroup, uint32_t lane, uint64_t site, Execute execute) {
  if (simdgroup.waiting == 0) {
    simdgroup.site = site;
    simdgroup.execute = execute;
    if (!simdgroup.group->random_order) OpenTurn(simdgroup, lane, site);
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
