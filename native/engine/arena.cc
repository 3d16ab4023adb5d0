#include "arena.h"

#include <sys/mman.h>

#include <cstring>
#include <new>

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

namespace moegen {
namespace {

uint64_t RoundUp(uint64_t bytes) { return (bytes + kZoneBytes - 1) / kZoneBytes * kZoneBytes; }

uint8_t* MapShared(uint64_t bytes) {
  void* memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<uint8_t*>(memory);
}

void FillBuffer(const Buffer& buffer) {
  auto* target = reinterpret_cast<void*>(buffer.address);
  if (buffer.data != nullptr) {
    std::memcpy(target, buffer.data, buffer.bytes);
  } else {
    std::memset(target, kFillByte, buffer.bytes);
  }
}

}  // namespace

Arena::Arena(Job& job, bool guarded) {
  bytes_ = kZoneBytes;
  for (const Buffer& buffer : job.buffers) bytes_ += RoundUp(buffer.bytes) + kZoneBytes;
  control_bytes_ = RoundUp(sizeof(Control) + job.dispatches.size() * sizeof(DispatchOutcome));
  uint8_t* control = MapShared(control_bytes_);
  begin_ = MapShared(bytes_);
  if (control == nullptr || begin_ == nullptr) {
    if (control != nullptr) munmap(control, control_bytes_);
    if (begin_ != nullptr) munmap(begin_, bytes_);
    begin_ = nullptr;
    return;
  }
  control_ = new (control) Control{};
  uint64_t offset = kZoneBytes;
  if (guarded) mprotect(begin_, kZoneBytes, PROT_NONE);
  for (Buffer& buffer : job.buffers) {
    buffer.address = reinterpret_cast<uint64_t>(begin_ + offset);
    offset += RoundUp(buffer.bytes);
    if (guarded) mprotect(begin_ + offset, kZoneBytes, PROT_NONE);
    offset += kZoneBytes;
  }
}

Arena::~Arena() {
  if (begin_ == nullptr) return;
  munmap(begin_, bytes_);
  munmap(control_, control_bytes_);
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
