// Watches every access that a worker's threads make in an instrumented kernel: counts it, and checks it
// against the rules that the job asks for. What every access needs is inline.
#pragma once

#include <algorithm>
#include <cstdint>

#include "control.h"
#include "group.h"
#include "memory.h"
#include "monitor.h"
#include "shadow.h"

namespace moegen {

// The access of a kernel, as a callback or a matrix operation saw it.
struct Touch {
  uint64_t address;
  uint64_t bytes;
  AccessKind kind;
  uint64_t site;
  // The thread accesses the memory before anything else is noted.
  bool is_next = false;
};

// Calls `visit(cell number, mask of its bytes)` for the cells of [offset, offset + bytes) until it is true.
template <typename Visit>
inline void ForCells(uint64_t offset, uint64_t bytes, Visit visit) {
  for (uint64_t at = offset; at < offset + bytes;) {
    const uint64_t in_cell = at % kCellBytes;
    const uint64_t count = std::min(kCellBytes - in_cell, offset + bytes - at);
    const auto mask = static_cast<uint8_t>(((1u << count) - 1) << in_cell);
    if (visit(at / kCellBytes, mask)) return;
    at += count;
  }
}

class Watch {
 public:
  explicit Watch(Monitor& monitor)
      : monitor_(monitor), cells_(sizeof(Cell) * kShadowCells, 4096), fences_(monitor.releases()) {}

  // The threadgroup's number among those of its dispatch, + 1.
  static uint32_t NumberOf(const Group& group) {
    return static_cast<uint32_t>(group.threadgroup_index % (UINT32_MAX - 1)) + 1;
  }
  Monitor& monitor() { return monitor_; }
  void BeginGroup();
  // A barrier of the threadgroup, or of one simdgroup, opens. It orders the memory that `flags` name.
  void NextEpoch(uint32_t flags) {
    ++arrivals_.threadgroup;
    const bool orders_device = (flags & MSL_RT_FLAG_DEVICE) != 0;
    if (orders_device) ++device_epochs_.threadgroup;
    fences_.BarrierOpens(orders_device);
    if ((flags & MSL_RT_FLAG_THREADGROUP) != 0) ++threadgroup_epochs_.threadgroup;
  }
  void NextEpoch(uint32_t simdgroup, uint32_t flags) {
    ++arrivals_.simdgroups[simdgroup];
    if ((flags & MSL_RT_FLAG_DEVICE) != 0) ++device_epochs_.simdgroups[simdgroup];
    if ((flags & MSL_RT_FLAG_THREADGROUP) != 0) ++threadgroup_epochs_.simdgroups[simdgroup];
  }

  void Note(const Group& group, const ThreadgroupMemory& memory, uint32_t thread, const Touch& touch) {
    if (meeting_.is_open) [[unlikely]] CloseMeeting();
    if (memory.mapping().Contains(touch.address)) return NoteThreadgroup(group, memory, thread, touch);
    Monitor::Region* region = monitor_.Find(touch.address);
    if (region != nullptr) NoteDevice(group, thread, touch, *region);
  }
  // Order between threadgroups by fences of device scope.
  GroupFences& fences() { return fences_; }
  // Says where an address lies.
  static constexpr size_t kPlaceBytes = 120;
  void Describe(const ThreadgroupMemory& memory, uint64_t address, char (&place)[kPlaceBytes]) const;
  void EndGroup() {
    if (meeting_.is_open) CloseMeeting();
    idle_threadgroups_ += wrote_ ? 0 : 1;
  }
  // Hands the counters over and clears them.
  void Flush();

 private:
  static constexpr uint64_t kShadowCells = kThreadgroupRoom / kCellBytes;

  // A vector of four; larger accesses are copies of several elements.
  static constexpr uint64_t kLargestElement = 16;

  // Barriers so far: all, or those that order one kind of memory.
  struct Epochs {
    uint32_t threadgroup = 0;
    uint32_t simdgroups[kMaxSimdgroups] = {};

    Access AccessBy(uint32_t thread) const { return {threadgroup, simdgroups[thread / kLanes], thread}; }
  };

  // What is wrong with an access to a cell of threadgroup memory.
  struct Finding {
    bool is_unwritten;
    bool is_race;
    bool only_writes;
    Access other;
  };

  // A write to where another thread wrote, with nothing between the two: as soon as it is done, the memory tells whether
  // they wrote the same.
  struct Meeting {
    bool is_open;
    uint64_t address;
    uint64_t bytes;
    uint64_t site;
    uint8_t before[kLargestElement];
    char message[Monitor::kMessageBytes];
  };

  // Reports a race, at once or when its write is done.
  void ReportRace(const Touch& touch, bool only_writes, const char* format, ...) __attribute__((format(printf, 4, 5)));
  void CloseMeeting();
  void NoteThreadgroup(const Group& group, const ThreadgroupMemory& memory, uint32_t thread,
                       const Touch& touch);
  void NoteElement(const Group& group, const ThreadgroupMemory& memory, uint32_t thread, const Touch& touch,
                   const ThreadgroupMemory::Slot& slot);
  void ReportOutside(const Group& group, uint32_t thread, const Touch& touch);
  void Report(const Group& group, uint32_t thread, const Touch& touch, const ThreadgroupMemory::Slot& slot,
              const Finding& finding);
  void NoteDevice(const Group& group, uint32_t thread, const Touch& touch, Monitor::Region& region);
  void NoteRaces(const Group& group, uint32_t thread, const Touch& touch, Monitor::Region& region);

  Monitor& monitor_;
  Mapping cells_;
  GroupFences fences_;
  uint64_t stamp_ = 0;
  Epochs arrivals_;
  Epochs device_epochs_;
  Epochs threadgroup_epochs_;
  BufferCounters counters_[kMaxBuffers] = {};
  uint64_t threadgroup_bytes_read_ = 0;
  uint64_t threadgroup_bytes_written_ = 0;
  // Whether the threadgroup wrote device memory, and how many did not.
  bool wrote_ = false;
  uint64_t idle_threadgroups_ = 0;
  Meeting meeting_ = {};
};

inline void Watch::NoteThreadgroup(const Group& group, const ThreadgroupMemory& memory, uint32_t thread,
                                   const Touch& touch) {
  if (Reads(touch.kind)) threadgroup_bytes_read_ += touch.bytes;
  if (Writes(touch.kind)) threadgroup_bytes_written_ += touch.bytes;
  const ThreadgroupMemory::Slot* slot = memory.Find(touch.address, touch.bytes);
  if (slot == nullptr) return ReportOutside(group, thread, touch);
  for (uint64_t done = 0; done < touch.bytes; done += kLargestElement) {
    const uint64_t bytes = std::min(kLargestElement, touch.bytes - done);
    const bool is_next = touch.is_next && touch.bytes <= kLargestElement;
    NoteElement(group, memory, thread, {touch.address + done, bytes, touch.kind, touch.site, is_next}, *slot);
  }
}

inline void Watch::NoteElement(const Group& group, const ThreadgroupMemory& memory, uint32_t thread,
                               const Touch& touch, const ThreadgroupMemory::Slot& slot) {
  auto* cells = reinterpret_cast<Cell*>(cells_.begin());
  const Access access = threadgroup_epochs_.AccessBy(thread);
  const Access arrival = arrivals_.AccessBy(thread);
  // Copies of structs and vectors of three take their padding along: what counts is whether anything was written.
  bool is_written = !Reads(touch.kind);
  Finding finding{};
  finding.only_writes = true;
  ForCells(touch.address - memory.begin(), touch.bytes, [&](uint64_t number, uint8_t mask) {
    Cell& cell = cells[number];
    Enter(cell, stamp_);
    is_written |= cell.IsWritten(mask);
    Access other;
    bool only_writes = false;
    if (moegen::Note(cell, access.To(mask), arrival.To(mask), touch.kind, other, only_writes)) {
      if (!finding.is_race) finding.other = other;
      finding.is_race = true;
      finding.only_writes &= only_writes;
    }
    return false;
  });
  finding.is_unwritten = !is_written;
  if (finding.is_unwritten || finding.is_race) [[unlikely]] Report(group, thread, touch, slot, finding);
}

}  // namespace moegen
