#include "arena.h"

#include <sys/mman.h>

#include <algorithm>

#include "../job/memory.h"
#include "control.h"

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif
#ifndef MAP_POPULATE
#define MAP_POPULATE 0
#endif

namespace moegen {
namespace {

// A slot of 1 GiB, or larger where a buffer needs more; smaller where the system grants less address space.
constexpr uint32_t kSlotShift = 30;

// In front of the first buffer's slot and behind the last one's.
constexpr uint64_t kSpareSlots = 4;

// A buffer has a quarter of its slot in front of it.
uint64_t BytesBefore(uint32_t shift) { return uint64_t{1} << shift >> 2; }
uint64_t LargestIn(uint32_t shift) { return 2 * BytesBefore(shift); }

[[noreturn]] void FailForMemory() { Fail("out-of-memory", "the system grants no memory for the job's buffers"); }

}  // namespace

Arena::Arena(const Job& job, int file, bool guarded) : slot_shift_(kSlotShift) {
  uint64_t largest = kPageBytes;
  for (const Buffer& buffer : job.buffers) largest = std::max(largest, PagesOf(buffer));
  while (LargestIn(slot_shift_) < largest) ++slot_shift_;
  const int between = guarded ? PROT_NONE : PROT_READ | PROT_WRITE;
  void* begin = MAP_FAILED;
  for (;; --slot_shift_) {
    bytes_ = (job.buffers.size() + 2 * kSpareSlots) << slot_shift_;
    begin = mmap(nullptr, bytes_, between, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (begin != MAP_FAILED) break;
    if (LargestIn(slot_shift_ - 1) < largest) FailForMemory();
  }
  begin_ = reinterpret_cast<uint64_t>(begin);
  slots_ = begin_ + (kSpareSlots << slot_shift_);
  for (uint32_t i = 0; i < job.buffers.size(); ++i) {
    const Buffer& buffer = job.buffers[i];
    void* at = reinterpret_cast<void*>(AddressOf(i));
    // The pages are there already: to be told of all at once is cheaper than one by one, in the middle of a kernel.
    const int flags = MAP_SHARED | MAP_FIXED | MAP_NORESERVE | (buffer.is_sparse ? 0 : MAP_POPULATE);
    const auto place = static_cast<off_t>(buffer.place);
    if (mmap(at, PagesOf(buffer), PROT_READ | PROT_WRITE, flags, file, place) == MAP_FAILED) FailForMemory();
  }
}

uint64_t Arena::AddressOf(uint32_t buffer) const {
  return slots_ + (uint64_t{buffer} << slot_shift_) + BytesBefore(slot_shift_);
}

}  // namespace moegen
