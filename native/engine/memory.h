// Memory that a worker uses again for every threadgroup: the threads' stacks, the matrices and the
// threadgroup memory.
#pragma once

#include <cstdint>
#include <vector>

#include "self.h"

namespace moegen {

// Address space from the system, zero-filled and backed by pages on first use. Ends the job where there is
// none.
class Mapping {
 public:
  // `alignment` is a power of two, at least a page.
  Mapping(uint64_t bytes, uint64_t alignment);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  uint64_t begin() const { return begin_; }
  uint64_t end() const { return begin_ + bytes_; }
  bool Contains(uint64_t address) const { return address - begin_ < bytes_; }

 private:
  uint64_t mapped_;
  uint64_t mapped_bytes_;
  uint64_t begin_;
  uint64_t bytes_;
};

// Stacks of kMaxThreads threads, and before them room for the worker's group. Each stack ends in a page that
// faults, where the system grants that many mappings.
class Stacks {
 public:
  Stacks();
  void* group_storage() const { return reinterpret_cast<void*>(mapping_.begin()); }
  uint64_t begin() const { return mapping_.begin() + kStacksAlignment / 2; }
  // Whether `address` lies in a stack.
  bool Contains(uint64_t address) const { return address - begin() < kMaxThreads * kStackBytes; }
  // Whether an access to `address` ran over the end of a stack.
  bool IsOverflow(uint64_t address) const;

 private:
  Mapping mapping_;
};

// Room for the 32 KiB of a threadgroup with gaps between allocations.
constexpr uint64_t kThreadgroupRoom = 4 * kThreadgroupMemoryBytes;

// The 32 KiB of a threadgroup: `[[threadgroup(n)]]` arguments first, then variables in the order in which
// threads meet them. Gaps between allocations, and room around them all, let the checks see stray accesses.
class ThreadgroupMemory {
 public:
  struct Slot {
    const void* key;
    uint64_t begin;
    uint64_t bytes;

    // Arguments have their index + 1 for a key, variables the address of their name.
    bool IsArgument() const { return argument() < kMaxBuffers; }
    uint64_t argument() const { return reinterpret_cast<uint64_t>(key) - 1; }
  };

  ThreadgroupMemory();
  // Forgets all allocations: another kernel follows.
  void Reset();
  // The memory that `key` stands for.
  uint64_t Allocate(const void* key, uint64_t bytes, uint64_t alignment);
  // Fills what is allocated with ones: NaN in every float format, so that a kernel which reads before it
  // writes does not get away with it, nor depends on which threadgroup ran before.
  void Poison();

  // Bytes of all arguments and variables together, each where its alignment lets it follow the one before.
  uint64_t declared() const { return declared_; }

  const Mapping& mapping() const { return mapping_; }
  // Where allocations begin.
  uint64_t begin() const { return mapping_.begin() + kStrayBytes; }
  // The allocation that holds all of [address, address + bytes); null where none does.
  const Slot* Find(uint64_t address, uint64_t bytes) const {
    for (const Slot& slot : slots_) {
      if (address >= slot.begin && address + bytes <= slot.begin + slot.bytes) return &slot;
    }
    return nullptr;
  }

 private:
  // In front of all allocations, and behind.
  static constexpr uint64_t kStrayBytes = uint64_t{16} << 20;

  Mapping mapping_;
  std::vector<Slot> slots_;
  uint64_t declared_ = 0;
  uint64_t used_ = 0;
  uint64_t top_ = 0;
};

}  // namespace moegen
