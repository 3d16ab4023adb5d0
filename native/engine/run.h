// Runs the dispatches of a job in the calling process.
#pragma once

#include <cstdint>
#include <vector>

#include "arena.h"
#include "control.h"
#include "self.h"

namespace moegen {

// What a dispatch runs, found in its library.
struct Code {
  void (*entry)(const Self*);
  // Null where threads may wait for each other.
  void (*row_entry)(const Self*, uint32_t count);
  // Storage of the dispatch's function constants, in their order.
  std::vector<uint8_t*> constants;
};

// `codes`: one for each dispatch. Ends the process where a kernel breaks a rule that it cannot go on from.
void RunJob(const Job& job, const std::vector<Code>& codes, const Arena& arena, Control* control);

}  // namespace moegen
