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

// A value that workers note at the same time, in any order: each sees one that some worker noted.
template <typename T>
class Noted {
 public:
  Noted() = default;
  operator T() const {
    T value;
    __atomic_load(&value_, &value, __ATOMIC_RELAXED);
    return value;
  }
  T operator()() const { return *this; }
  Noted& operator=(T value) {
    __atomic_store(&value_, &value, __ATOMIC_RELAXED);
    return *this;
  }
  Noted& operator=(const Noted& other) { return *this = other(); }
  Noted(const Noted&) = delete;

 private:
  T value_{};
};

// A thread of a threadgroup at a point between barriers, and which bytes of a cell it touched. Barriers of
// the threadgroup count `epoch`, which is never 0; those of the thread's simdgroup count the number that
// stands above thread and bytes. It may wrap: it is compared within one epoch only.
class alignas(uint64_t) Access {
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
  Noted<uint64_t> stamp_and_written;
  Noted<Access> writer;
  // The last atomic update, and the last one by another thread.
  Noted<Access> atomics[2];
  Noted<Access> atomic_reader;
  // The last reader, the one before it, and the last one of another simdgroup than the last reader's.
  Noted<Access> readers[3];

  // Any of the bytes.
  bool IsWritten(uint8_t bytes) const { return (stamp_and_written & bytes) != 0; }
  uint64_t stamp() const { return stamp_and_written >> kCellBytes; }
};

// Forgets accesses of another stamp; the highest bits of `stamp` are free.
inline void Enter(Cell& cell, uint64_t stamp) {
  if (cell.stamp() == stamp) return;
  cell.writer = cell.atomic_reader = Access();
  for (Noted<Access>& atomic : cell.atomics) atomic = Access();
  for (Noted<Access>& reader : cell.readers) reader = Access();
  cell.stamp_and_written = stamp << kCellBytes;
}

inline void NoteAtomic(Cell& cell, const Access& access) {
  if (cell.atomics[0]().thread() != access.thread()) cell.atomics[1] = cell.atomics[0];
  cell.atomics[0] = access;
}

inline void NoteReader(Cell& cell, const Access& access) {
  Noted<Access>* readers = cell.readers;
  const Access last = readers[0];
  if (!last.IsNone() && last.thread() != access.thread()) {
    if (last.simdgroup() != access.simdgroup()) readers[2] = last;
    readers[1] = last;
  }
  readers[0] = access;
}

// Notes the access. True: it races with an earlier one, which is copied to `other`. What a thread has read when it
// comes to a barrier no later write can change, whatever memory the barrier orders: `arrival` is the access by
// the count of all barriers.
// `only_writes`: nothing but plain writes meet.
inline bool Note(Cell& cell, const Access& access, const Access& arrival, AccessKind kind, Access& other,
                 bool& only_writes) {
  bool is_race = false;
  const auto meets = [&](const Access& earlier, const Access& now) {
    if (!earlier.MeetsUnordered(now)) return false;
    is_race = true;
    other = earlier;
    return true;
  };
  only_writes = meets(cell.writer, access) && kind == AccessKind::kWrite;
  if (!IsAtomic(kind)) {
    for (const Noted<Access>& atomic : cell.atomics) only_writes &= !meets(atomic, access);
    if (kind == AccessKind::kWrite) only_writes &= !meets(cell.atomic_reader, arrival);
  }
  if (Writes(kind)) {
    for (const Noted<Access>& reader : cell.readers) only_writes &= !meets(reader, arrival);
    cell.stamp_and_written = cell.stamp_and_written | access.bytes();
  }
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
  return is_race;
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
