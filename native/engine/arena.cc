#include "arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

namespace moegen {
namespace {

// A multiple of every system's page.
constexpr uint64_t kPageBytes = 65536;

// A slot of 1 GiB, or larger where a buffer needs more; smaller where the system grants less address space.
constexpr uint32_t kSlotShift = 30;

// In front of the first buffer's slot and behind the last one's.
constexpr uint64_t kSpareSlots = 4;

uint64_t RoundUp(uint64_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }

uint8_t* Map(uint64_t bytes, int protection, int flags, void* at = nullptr) {
  void* memory = mmap(at, bytes, protection, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<uint8_t*>(memory);
}

// A buffer has a quarter of its slot in front of it.
uint64_t BytesBefore(uint32_t shift) { return uint64_t{1} << shift >> 2; }
uint64_t LargestIn(uint32_t shift) { return 2 * BytesBefore(shift); }

void FillBuffer(const Buffer& buffer) {
  auto* target = reinterpret_cast<uint8_t*>(buffer.address);
  if (buffer.is_sparse) {
    for (const Part& part : buffer.parts) std::memcpy(target + part.offset, part.data, part.bytes);
  } else if (buffer.data != nullptr) {
    std::memcpy(target, buffer.data, buffer.bytes);
  } else {
    std::memset(target, kFillByte, buffer.bytes);
  }
}

}  // namespace

Arena::Arena(Job& job, bool guarded) {
  control_bytes_ = RoundUp(sizeof(Control) + job.dispatches.size() * sizeof(DispatchOutcome));
  uint8_t* control = Map(control_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED);
  if (control == nullptr) return;
  control_ = new (control) Control{};
  uint64_t largest = kPageBytes;
  for (const Buffer& buffer : job.buffers) largest = std::max(largest, RoundUp(buffer.bytes));
  uint32_t shift = kSlotShift;
  while (LargestIn(shift) < largest) ++shift;
  const int between = guarded ? PROT_NONE : PROT_READ | PROT_WRITE;
  for (; begin_ == nullptr && LargestIn(shift) >= largest; --shift) {
    bytes_ = (job.buffers.size() + 2 * kSpareSlots) << shift;
    begin_ = Map(bytes_, between, MAP_PRIVATE);
    job.slot_shift = shift;
  }
  job.arena = reinterpret_cast<uint64_t>(begin_);
  job.arena_bytes = bytes_;
  job.slots = reinterpret_cast<uint64_t>(begin_) + (kSpareSlots << job.slot_shift);
  for (uint32_t i = 0; begin_ != nullptr && i < job.buffers.size(); ++i) {
    Buffer& buffer = job.buffers[i];
    buffer.address = job.slots + (uint64_t{i} << job.slot_shift) + BytesBefore(job.slot_shift);
    void* at = reinterpret_cast<void*>(buffer.address);
    const uint64_t bytes = std::max(kPageBytes, RoundUp(buffer.bytes));
    if (Map(bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, at) == nullptr) Release();
  }
}

void Arena::Release() {
  if (begin_ != nullptr) munmap(begin_, bytes_);
  begin_ = nullptr;
}

Arena::~Arena() {
  Release();
  if (control_ != nullptr) munmap(control_, control_bytes_);
}

void Arena::Fill(const Job& job) {
  for (const Buffer& buffer : job.buffers) FillBuffer(buffer);
}

void Arena::Restore(const Job& job) {
  for (const Buffer& buffer : job.buffers) {
    if (buffer.writable) FillBuffer(buffer);
  }
  std::memset(static_cast<void*>(control_), 0, control_bytes_);
  new (control_) Control{};
}

}  // namespace moegen
