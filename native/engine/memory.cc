#include "memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "control.h"

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

namespace moegen {
namespace {

constexpr uint64_t kGap = 64;
constexpr uint64_t kLeastAlignment = 16;
constexpr uint64_t kGuardBytes = 4096;

}  // namespace

Mapping::Mapping(uint64_t bytes, uint64_t alignment) : mapped_bytes_(bytes + alignment), bytes_(bytes) {
  void* memory = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) Fail("out-of-memory", "the system grants no memory for the threads' stacks");
  mapped_ = reinterpret_cast<uint64_t>(memory);
  begin_ = (mapped_ + alignment - 1) & ~(alignment - 1);
}

Mapping::~Mapping() { munmap(reinterpret_cast<void*>(mapped_), mapped_bytes_); }

Stacks::Stacks() : mapping_(kStacksAlignment, kStacksAlignment) {
  for (uint64_t stack = begin(); stack < mapping_.end(); stack += kStackBytes) {
    // Every guard splits a mapping in two, and systems limit their number: go without rather than not at all.
    if (mprotect(reinterpret_cast<void*>(stack), kGuardBytes, PROT_NONE) != 0) break;
  }
}

bool Stacks::IsOverflow(uint64_t address) const {
  return Contains(address) && address % kStackBytes < kGuardBytes;
}

ThreadgroupMemory::ThreadgroupMemory() : mapping_(kThreadgroupRoom + 2 * kStrayBytes, 4096) {}

void ThreadgroupMemory::Reset() {
  slots_.clear();
  declared_ = 0;
  used_ = 0;
  top_ = 0;
}

uint64_t ThreadgroupMemory::Allocate(const void* key, uint64_t bytes, uint64_t alignment) {
  for (const Slot& slot : slots_) {
    if (slot.key == key) return slot.begin;
  }
  declared_ = ((declared_ + alignment - 1) & ~(alignment - 1)) + bytes;
  const uint64_t step = std::max(alignment, kLeastAlignment);
  used_ = ((used_ + step - 1) & ~(step - 1)) + bytes;
  const uint64_t offset = (top_ + step - 1) & ~(step - 1);
  if (used_ > kThreadgroupMemoryBytes || offset + bytes + kGap > kThreadgroupRoom) {
    char message[160];
    std::snprintf(message, sizeof message,
                  "the kernel uses %llu bytes of threadgroup memory, variables and arguments together; "
                  "the limit is %u",
                  static_cast<unsigned long long>(used_), kThreadgroupMemoryBytes);
    Fail("threadgroup-memory", message);
  }
  const uint64_t begin = this->begin() + offset;
  slots_.push_back({key, begin, bytes});
  top_ = offset + bytes + kGap;
  std::memset(reinterpret_cast<void*>(begin), 0xff, bytes);
  return begin;
}

void ThreadgroupMemory::Poison() { std::memset(reinterpret_cast<void*>(begin()), 0xff, top_); }

}  // namespace moegen
