// Takes from the engine's process what kernels never need. Foreign kernels are not trusted: what one might do beyond its buffers
// ends here.
#pragma once

namespace moegen {

// No handles but the job's, no core dumps, no life after the parent's. Then no writing to files, no new processes and no network:
// true where the system grants that.
bool ConfineToReading(int parent);

// No files at all, and no new code.
bool ConfineToMemory();

}  // namespace moegen
