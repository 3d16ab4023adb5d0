// What the scheduler and the simdgroup operations tell the checks. Everything here is rare, or once per
// simdgroup.
#pragma once

#include <cstdint>

#include "group.h"

namespace moegen {

// Lanes of a simdgroup went different ways around matrix operations: the short cut that lets one lane work
// for all may not hold, so the job starts again without it.
void RequireLockstep(Group& group);

// An operation found only the lanes of `mask`, of those of `wanted`. `name` says what kind it is.
void PartialOperation(Simdgroup& simdgroup, uint32_t mask, uint32_t wanted, const char* name);

// A shuffle asked for the value of a lane that takes no part in it.
void ReadFromInactiveLane(Simdgroup& simdgroup, uint32_t lane, uint32_t source);

// The leader's lane loads or stores a matrix.
void MatrixAccess(const Self* self, const MatrixOperation& operation);

// All threads of the threadgroup that have not returned wait at a barrier, or those of a simdgroup do: it
// opens.
void BarrierOpens(Group& group);
void SimdgroupBarrierOpens(Simdgroup& simdgroup, uint32_t flags);

}  // namespace moegen
