// What a kernel and its threadgroups may have at most.
#pragma once

#include <cstdint>

namespace moegen {

constexpr uint32_t kMaxThreads = 1024;
constexpr uint32_t kMaxBuffers = 31;
constexpr uint32_t kThreadgroupMemoryBytes = 32768;

}  // namespace moegen
