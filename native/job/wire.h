// A job as bytes, on its way from one process to another.
#pragma once

#include <cstdint>
#include <vector>

#include "job.h"

namespace moegen {

std::vector<uint8_t> Pack(const Job& job);

// False: these are not the bytes of a job.
bool Unpack(const uint8_t* bytes, uint64_t size, Job& job);

}  // namespace moegen
