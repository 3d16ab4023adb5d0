#include "shadow.h"

namespace moegen {
namespace {

// Adds a group to a set of which only none, one or several matters. The set before.
uint32_t Add(std::atomic<uint32_t>& set, uint32_t group) {
  uint32_t before = set.load();
  while (before != group && before != DeviceCell::kSeveral) {
    if (set.compare_exchange_weak(before, before == 0 ? group : DeviceCell::kSeveral)) break;
  }
  return before;
}

uint32_t Other(uint32_t set, uint32_t group) { return set == group ? 0 : set; }

}  // namespace

uint32_t NoteGroup(DeviceCell& cell, uint32_t dispatch, uint32_t group, AccessKind kind) {
  uint32_t before = cell.dispatch.load();
  if (before != dispatch && cell.dispatch.compare_exchange_strong(before, dispatch)) {
    // Threadgroups of an earlier dispatch do not race with this one's.
    cell.writers = cell.readers = cell.atomics = cell.atomic_readers = 0;
  }
  // Noting comes first: of two groups that meet here, at least one sees the other.
  switch (kind) {
    case AccessKind::kRead: {
      Add(cell.readers, group);
      const uint32_t writer = Other(cell.writers.load(), group);
      return writer != 0 ? writer : Other(cell.atomics.load(), group);
    }
    case AccessKind::kAtomicRead:
      Add(cell.atomic_readers, group);
      return Other(cell.writers.load(), group);
    case AccessKind::kAtomicWrite:
    case AccessKind::kAtomicUpdate: {
      Add(cell.atomics, group);
      const uint32_t writer = Other(cell.writers.load(), group);
      return writer != 0 ? writer : Other(cell.readers.load(), group);
    }
    case AccessKind::kWrite:
      break;
  }
  const uint32_t writer = Other(Add(cell.writers, group), group);
  if (writer != 0) return writer;
  const uint32_t reader = Other(cell.readers.load(), group);
  if (reader != 0) return reader;
  const uint32_t updater = Other(cell.atomics.load(), group);
  return updater != 0 ? updater : Other(cell.atomic_readers.load(), group);
}

}  // namespace moegen
