// Who touched a piece of memory last, and whether two accesses race: they do if they are by different
// threads, one of them writes, not both are atomic, and no barrier that both threads passed lies between
// them. Every access of a watched kernel comes here: what it needs is inline, and a cell fits a cache line.
#pragma once

#include <atomic>
#include <cstdint>

#include "fences.h"
#include "self.h"

namespace moegen {

enum class AccessKind : uint8_t { kRead, kWrite, kAtomicRead, kAtomicWrite, kAtomicUpdate };

inline bool Reads(AccessKind kind) { return kind != AccessKind::kWrite && kind != AccessKind::kAtomicWrite; }
inline bool Writes(AccessKind kind) { return kind != AccessKind::kRead && kind != AccessKind::kAtomicRead; }
inline bool IsAtomic(AccessKind kind) { return kind != AccessKind::kRead && kind != AccessKind::kWrite; }

constexpr uint64_t kCellBytes = 2;

// A thread of a threadgroup at a point between barriers, and which bytes of a cell it touched. Barriers of
// the threadgroup count `epoch`, which is never 0; those of the thread's simdgroup count the number that
// stands above thread and bytes. It may wrap: it is compared within one epoch only.
class Access {
 public:
  Access() = default;
  Access(uint32_t epoch, uint32_t simdgroup_epoch, uint32_t thread)
      : epoch_(epoch), who_(simdgroup_epoch << (kThreadBits + kCellBytes) | thread << kCellBytes) {}

  Access To(uint8_t bytes) const {
    Access access = *this;
    access.who_ |= bytes;
    return access;
  }
  uint32_t bytes() const { return who_ & ((1 << kCellBytes) - 1); }
  uint32_t thread() const { return who_ >> kCellBytes & (kMaxThreads - 1); }
  uint32_t simdgroup() const { return thread() / kLanes; }
  bool IsNone() const { return epoch_ == 0; }

  // Whether nothing orders `now` after this access, if one of the two writes.
  bool MeetsUnordered(const Access& now) const {
    if (epoch_ != now.epoch_ || (bytes() & now.bytes()) == 0 || thread() == now.thread()) return false;
    return simdgroup() != now.simdgroup() ||
           who_ >> (kThreadBits + kCellBytes) == now.who_ >> (kThreadBits + kCellBytes);
  }

 private:
  static_assert(kMaxThreads == 1 << kThreadBits);

  uint32_t epoch_ = 0;
  uint32_t who_ = 0;
};

// The last accesses to two bytes within one threadgroup.
struct Cell {
  // What `Enter` was told, above the mask of the bytes that were written.
  uint64_t stamp_and_written;
  Access writer;
  // The last atomic update, and the last one by another thread.
  Access atomics[2];
  Access atomic_reader;
  // The last reader, the one before it, and the last one of another simdgroup than the last reader's.
  Access readers[3];

  // Any of the bytes.
  bool IsWritten(uint8_t bytes) const { return (stamp_and_written & bytes) != 0; }
};

// Forgets accesses of another stamp; the highest bits of `stamp` are free.
inline void Enter(Cell& cell, uint64_t stamp) {
  if (cell.stamp_and_written >> kCellBytes == stamp) return;
  cell = {};
  cell.stamp_and_written = stamp << kCellBytes;
}

inline void NoteAtomic(Cell& cell, const Access& access) {
  if (cell.atomics[0].thread() != access.thread()) cell.atomics[1] = cell.atomics[0];
  cell.atomics[0] = access;
}

inline void NoteReader(Cell& cell, const Access& access) {
  Access* readers = cell.readers;
  if (!readers[0].IsNone() && readers[0].thread() != access.thread()) {
    if (readers[0].simdgroup() != access.simdgroup()) readers[2] = readers[0];
    readers[1] = readers[0];
  }
  readers[0] = access;
}

// Notes the access. True: it races with an earlier one, which is copied to `other`. What a thread has read when it
// comes to a barrier no later write can change, whatever memory the barrier orders: `arrival` is the access by
// the count of all barriers.
// `only_writes`: nothing but plain writes meet.
inline bool Note(Cell& cell, const Access& access, const Access& arrival, AccessKind kind, Access& other,
                 bool& only_writes) {
  const Access* race = nullptr;
  if (cell.writer.MeetsUnordered(access)) race = &cell.writer;
  if (!IsAtomic(kind)) {
    for (const Access& atomic : cell.atomics) {
      if (atomic.MeetsUnordered(access)) race = &atomic;
    }
    if (kind == AccessKind::kWrite && cell.atomic_reader.MeetsUnordered(arrival)) race = &cell.atomic_reader;
  }
  if (Writes(kind)) {
    for (const Access& reader : cell.readers) {
      if (reader.MeetsUnordered(arrival)) race = &reader;
    }
    cell.stamp_and_written |= access.bytes();
  }
  if (race != nullptr) other = *race;
  only_writes = kind == AccessKind::kWrite && race == &cell.writer;
  switch (kind) {
    case AccessKind::kRead:
      NoteReader(cell, arrival);
      break;
    case AccessKind::kWrite:
      cell.writer = access;
      break;
    case AccessKind::kAtomicRead:
      cell.atomic_reader = arrival;
      break;
    case AccessKind::kAtomicWrite:
    case AccessKind::kAtomicUpdate:
      NoteAtomic(cell, access);
      break;
  }
  return race != nullptr;
}

// A cell of device memory knows the threadgroups too: those whose accesses do not come before all later ones by fences;
// several count as kSeveral.
struct DeviceCell {
  static constexpr GroupAccess kSeveral = UINT64_MAX;
  std::atomic<GroupAccess> writers;
  std::atomic<GroupAccess> readers;
  std::atomic<GroupAccess> atomics;
  std::atomic<GroupAccess> atomic_readers;
  // The dispatch that the cell tells about, + 1.
  std::atomic<uint32_t> dispatch;
  Cell cell;
};
static_assert(sizeof(Cell) == 64);

// The access of another threadgroup that one races with, or kSeveral, or 0.
struct GroupRace {
  GroupAccess other;
  // Nothing but plain writes meet.
  bool only_writes;
};

// Notes an access by a threadgroup.
GroupRace NoteGroup(DeviceCell& cell, uint32_t dispatch, GroupAccess access, AccessKind kind, const GroupFences& fences);

}  // namespace moegen
