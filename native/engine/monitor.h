// Watches every access that an instrumented kernel makes: counts it, and checks it against the rules that the
// job asks for. One Monitor per job; each worker has a Watch with what it alone touches.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "control.h"
#include "group.h"
#include "job.h"
#include "memory.h"
#include "report.h"
#include "shadow.h"

namespace moegen {

class Monitor {
 public:
  // What is known of one of the job's buffers.
  struct Region {
    uint64_t begin;
    uint64_t bytes;
    // Of the current dispatch: whether it is bound, where, and whether kernels may write it.
    bool bound;
    bool writable;
    uint32_t index;
    // One cell per two bytes, and whether each byte was written; null where the job needs none.
    DeviceCell* cells;
    uint8_t* written;
  };

  Monitor(const Job& job, Control* control);

  void BeginDispatch(uint32_t index, const Dispatch& dispatch);
  // Looks for elements of outputs that no dispatch wrote.
  void FindUnwritten();

  bool checks(Check check) const { return (job_.checks & Bit(check)) != 0; }
  uint32_t dispatch() const { return dispatch_; }
  // The buffer at `address` or before it, within the zone that separates buffers; null elsewhere.
  Region* Find(uint64_t address);

  // Adds to the table of reports. `site` is the address that the kernel returns to from the engine.
  void Report(Check check, uint64_t site, const char* format, ...) __attribute__((format(printf, 4, 5)));

  void AddCounters(const BufferCounters counters[kMaxBuffers], uint64_t threadgroup_bytes_read,
                   uint64_t threadgroup_bytes_written);

 private:
  const Job& job_;
  Control* control_;
  std::mutex mutex_;
  uint32_t dispatch_ = 0;
  std::vector<Region> regions_;
  std::vector<std::unique_ptr<Mapping>> mappings_;
  // The region of each 64 KiB of the arena, + 1.
  uint64_t arena_begin_ = 0;
  std::vector<uint32_t> region_of_block_;
};

// The access of a kernel, as a callback or a matrix operation saw it.
struct Touch {
  uint64_t address;
  uint64_t bytes;
  AccessKind kind;
  uint64_t site;
};

class Watch {
 public:
  explicit Watch(Monitor& monitor) : monitor_(monitor), cells_(sizeof(Cell) * kShadowCells, 4096) {}

  Monitor& monitor() { return monitor_; }
  void BeginGroup();
  // A barrier of the threadgroup, or of one simdgroup, opens.
  void NextEpoch();
  void NextEpoch(uint32_t simdgroup) { ++simdgroup_epochs_[simdgroup]; }

  void Note(const Group& group, ThreadgroupMemory& memory, uint32_t thread, const Touch& touch);
  // Hands the counters over and clears them.
  void Flush();

 private:
  static constexpr uint64_t kShadowCells = 4 * kThreadgroupMemoryBytes / kCellBytes;

  void NoteThreadgroup(const Group& group, const ThreadgroupMemory& memory, uint32_t thread,
                       const Touch& touch);
  void NoteDevice(const Group& group, uint32_t thread, const Touch& touch, Monitor::Region& region);
  void NoteRaces(const Group& group, uint32_t thread, const Touch& touch, Monitor::Region& region);
  Access AccessBy(uint32_t thread) const;

  Monitor& monitor_;
  Mapping cells_;
  uint64_t stamp_ = 0;
  uint32_t epoch_ = 0;
  uint32_t simdgroup_epochs_[kMaxSimdgroups] = {};
  BufferCounters counters_[kMaxBuffers] = {};
  uint64_t threadgroup_bytes_read_ = 0;
  uint64_t threadgroup_bytes_written_ = 0;
};

}  // namespace moegen
