// Who touched a piece of memory last, and whether two accesses race: they do if they are by different
// threads, one of them writes, not both are atomic, and no barrier that both threads passed lies between
// them.
#pragma once

#include <atomic>
#include <cstdint>

namespace moegen {

enum class AccessKind : uint8_t { kRead, kWrite, kAtomicRead, kAtomicWrite, kAtomicUpdate };

inline bool Reads(AccessKind kind) { return kind != AccessKind::kWrite && kind != AccessKind::kAtomicWrite; }
inline bool Writes(AccessKind kind) { return kind != AccessKind::kRead && kind != AccessKind::kAtomicRead; }
inline bool IsAtomic(AccessKind kind) { return kind != AccessKind::kRead && kind != AccessKind::kWrite; }

// A thread of a threadgroup at a point between barriers. Barriers of the threadgroup count `epoch`, those of
// the thread's simdgroup and of the threadgroup `simdgroup_epoch`.
struct Access {
  uint32_t epoch;
  uint32_t simdgroup_epoch;
  uint16_t thread;
  // Which bytes of the cell; 0: there was no access.
  uint8_t bytes;
};

// The last accesses to two bytes within one threadgroup.
struct Cell {
  uint64_t stamp;
  // The bytes that were written.
  uint8_t written;
  Access writer;
  Access atomic;
  // The last reader, the one before it, and the last one of another simdgroup than the last reader's.
  Access readers[3];
};

constexpr uint64_t kCellBytes = 2;

// Forgets accesses of another stamp.
void Enter(Cell& cell, uint64_t stamp);

// Notes the access. True: it races with an earlier one, which is copied to `other`.
bool Note(Cell& cell, const Access& access, AccessKind kind, Access& other);

// A cell of device memory knows the threadgroups too, each as number + 1; several count as kSeveral.
struct DeviceCell {
  static constexpr uint32_t kSeveral = UINT32_MAX;
  std::atomic<uint32_t> writers;
  std::atomic<uint32_t> readers;
  std::atomic<uint32_t> atomics;
  // The dispatch that the cell tells about, + 1.
  std::atomic<uint32_t> dispatch;
  Cell cell;
};

// Notes an access by a threadgroup (its number + 1). The other threadgroup that it races with (its number +
// 1, or kSeveral), or 0.
uint32_t NoteGroup(DeviceCell& cell, uint32_t dispatch, uint32_t group, AccessKind kind);

}  // namespace moegen
