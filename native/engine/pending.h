// How the lanes of one simdgroup meet: the common case, in which all come to the same operation, and the
// mixed one.
#pragma once

#include "group.h"

namespace moegen {

inline void MakeLeader(Simdgroup& simdgroup, Self* self) {
  if (simdgroup.leader != nullptr) simdgroup.leader->matrix_mode &= ~MSL_RT_MATRIX_LEADER;
  simdgroup.leader = self;
  self->matrix_mode |= MSL_RT_MATRIX_LEADER;
  simdgroup.needs_leader = false;
}

// The state of a simdgroup of `lanes` lanes before any has started.
void Begin(Simdgroup& simdgroup, Group& group, uint32_t index, uint32_t lanes);

// All lanes have met: none waits any more, and a new section begins for the leader's matrix operations.
void ReleaseAll(Simdgroup& simdgroup);

// Takes a lane that starts into the ring, and one that has returned out of it.
void JoinRing(Simdgroup& simdgroup, uint32_t lane);
void LeaveRing(Simdgroup& simdgroup, uint32_t lane);

// Notes who waits while lanes come in turn: all from the first one up to `lane`, which runs.
void CatchUp(Simdgroup& simdgroup, uint32_t lane);

// Lets the lane wait for `execute` at `site`. True: it was the last one, the operation is done, and it goes
// on.
bool Join(Simdgroup& simdgroup, uint32_t lane, uint64_t site, Execute execute);

// With no lane ready: carries out the operation whose code comes first, for the lanes that are in it. False:
// all that are left wait at the threadgroup barrier.
bool ExecutePending(Simdgroup& simdgroup);

}  // namespace moegen
