#include "shadow.h"

namespace moegen {
namespace {

bool IsOfOneGroup(GroupAccess a, GroupAccess b) { return GroupNumberOf(a) == GroupNumberOf(b); }

// Whether an access of the set is another threadgroup's and does not come before what happens now.
bool IsOther(GroupAccess set, GroupAccess access, const GroupFences& fences) {
  return set != 0 && (set == DeviceCell::kSeveral || (!IsOfOneGroup(set, access) && !fences.Covers(set)));
}

// Adds an access to a set of which only none, one or several threadgroups matter. The set before.
GroupAccess Add(std::atomic<GroupAccess>& set, GroupAccess access, const GroupFences& fences) {
  GroupAccess before = set.load();
  // The thread matters at another time only.
  while (before >> kThreadBits != access >> kThreadBits && before != DeviceCell::kSeveral) {
    const GroupAccess after = IsOther(before, access, fences) ? DeviceCell::kSeveral : access;
    if (set.compare_exchange_weak(before, after)) break;
  }
  return before;
}

}  // namespace

GroupRace NoteGroup(DeviceCell& cell, uint32_t dispatch, GroupAccess access, AccessKind kind, const GroupFences& fences) {
  uint32_t known = cell.dispatch.load();
  if (known != dispatch && cell.dispatch.compare_exchange_strong(known, dispatch)) {
    // Threadgroups of an earlier dispatch do not race with this one's.
    cell.writers = cell.readers = cell.atomics = cell.atomic_readers = 0;
  }
  const auto other = [&](GroupAccess set) { return IsOther(set, access, fences) ? set : 0; };
  // Noting comes first: of two groups that meet here, at least one sees the other.
  switch (kind) {
    case AccessKind::kRead: {
      Add(cell.readers, access, fences);
      const GroupAccess writer = other(cell.writers.load());
      return {writer != 0 ? writer : other(cell.atomics.load()), false};
    }
    case AccessKind::kAtomicRead:
      Add(cell.atomic_readers, access, fences);
      return {other(cell.writers.load()), false};
    case AccessKind::kAtomicWrite:
    case AccessKind::kAtomicUpdate: {
      Add(cell.atomics, access, fences);
      const GroupAccess writer = other(cell.writers.load());
      return {writer != 0 ? writer : other(cell.readers.load()), false};
    }
    case AccessKind::kWrite:
      break;
  }
  const GroupAccess writer = other(Add(cell.writers, access, fences));
  for (const GroupAccess set : {cell.readers.load(), cell.atomics.load(), cell.atomic_readers.load()}) {
    if (other(set) != 0) return {set, false};
  }
  return {writer, true};
}

}  // namespace moegen
