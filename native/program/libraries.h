// Opens the libraries of a job's kernels and finds in them what its dispatches run.
#pragma once

#include <vector>

#include "../engine/run.h"

namespace moegen {

// One for each dispatch; notes in the control block where their code lies. Ends the process where a library or something in it is
// missing.
std::vector<Code> OpenLibraries(const Job& job, Control* control);

}  // namespace moegen
