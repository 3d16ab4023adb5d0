// Who runs next within a threadgroup. A simdgroup runs until all its lanes wait at a threadgroup barrier or
// have returned, then the next one does; when all have, the barrier opens.
#pragma once

#include "group.h"

namespace moegen {

// Runs all threads of the threadgroup that `group` describes, on the calling worker.
void RunGroup(Group& group);

// Waits until all lanes of the simdgroup are in the operation that `site` identifies, and lets one of them
// carry it out. Where lanes diverge, the operation runs for those that have come once no other lane can run.
void Rendezvous(Self* self, uint64_t site, Execute execute);

}  // namespace moegen
