#include "watch.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace moegen {
namespace {

const char* Verb(AccessKind kind) {
  switch (kind) {
    case AccessKind::kRead:
      return "reads";
    case AccessKind::kWrite:
      return "writes";
    case AccessKind::kAtomicRead:
      return "atomically reads";
    case AccessKind::kAtomicWrite:
      return "atomically writes";
    case AccessKind::kAtomicUpdate:
      break;
  }
  return "atomically updates";
}

unsigned long long Number(uint64_t value) { return value; }

constexpr size_t kNameBytes = 80;

void WriteName(const ThreadgroupMemory::Slot& slot, char (&name)[kNameBytes]) {
  if (slot.IsArgument()) {
    std::snprintf(name, sizeof name, "[[threadgroup(%llu)]]", Number(slot.argument()));
  } else {
    std::snprintf(name, sizeof name, "threadgroup variable '%s'", static_cast<const char*>(slot.key));
  }
}

// The thread whose access was the last one that `cell` knows of the threadgroup `number` and that does not go
// together with another threadgroup's access of this kind. kMaxThreads: not known any more.
uint32_t ThreadOf(const Cell& cell, uint64_t stamp, AccessKind kind) {
  if (cell.stamp() != stamp) return kMaxThreads;
  const auto of = [](const Access& access) { return access.IsNone() ? kMaxThreads : access.thread(); };
  uint32_t thread = of(cell.writer);
  if (thread == kMaxThreads && !IsAtomic(kind)) thread = of(cell.atomics[0]);
  if (thread == kMaxThreads && kind == AccessKind::kWrite) thread = of(cell.atomic_reader);
  if (thread == kMaxThreads && Writes(kind)) thread = of(cell.readers[0]);
  return thread;
}

void NoteWritten(Noted<uint8_t>* bytes, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) bytes[i] = 1;
}

}  // namespace

void Watch::BeginGroup() {
  ++stamp_;
  wrote_ = false;
  fences_.BeginGroup();
  NextEpoch(MSL_RT_FLAG_DEVICE | MSL_RT_FLAG_THREADGROUP);
}

void Watch::Describe(const ThreadgroupMemory& memory, uint64_t address, char (&place)[kPlaceBytes]) const {
  if (const ThreadgroupMemory::Slot* slot = memory.Find(address, 1)) {
    char name[kNameBytes];
    WriteName(*slot, name);
    std::snprintf(place, sizeof place, "byte %llu of %s", Number(address - slot->begin), name);
    return;
  }
  const Monitor::Region* region = monitor_.Find(address);
  if (region == nullptr) {
    std::snprintf(place, sizeof place, "a place outside of all buffers");
  } else {
    std::snprintf(place, sizeof place, "byte %lld of buffer %u", static_cast<long long>(address - region->begin),
                  region->index);
  }
}

void Watch::ReportOutside(const Group& group, uint32_t thread, const Touch& touch) {
  monitor_.Report(Check::kBounds, touch.site,
                  "%s %llu bytes of threadgroup memory outside of every variable and argument; "
                  "threadgroup %llu, thread %u",
                  Verb(touch.kind), Number(touch.bytes), Number(group.threadgroup_index), thread);
}

void Watch::Report(const Group& group, uint32_t thread, const Touch& touch,
                   const ThreadgroupMemory::Slot& slot, const Finding& finding) {
  const uint64_t place = touch.address - slot.begin;
  char name[kNameBytes];
  WriteName(slot, name);
  if (finding.is_unwritten) {
    monitor_.Report(
        Check::kUninitialized, touch.site,
        "reads byte %llu of %s (index %llu of %llu bytes) before anything was written there; "
        "threadgroup %llu, thread %u",
        Number(place), name, Number(place / touch.bytes), Number(slot.bytes), Number(group.threadgroup_index),
        thread);
  }
  if (finding.is_race) {
    ReportRace(
        touch, finding.only_writes,
        "%s byte %llu of %s (index %llu of %llu bytes); threads %u and %u of threadgroup %llu have no barrier "
        "that orders threadgroup memory between their accesses",
        Verb(touch.kind), Number(place), name, Number(place / touch.bytes), Number(slot.bytes),
        finding.other.thread(), thread, Number(group.threadgroup_index));
  }
}

void Watch::ReportRace(const Touch& touch, bool only_writes, const char* format, ...) {
  char message[Monitor::kMessageBytes];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  if (!only_writes || !touch.is_next || touch.bytes > sizeof meeting_.before || meeting_.is_open) {
    monitor_.Report(Check::kRaces, touch.site, "%s", message);
    return;
  }
  meeting_.is_open = true;
  meeting_.address = touch.address;
  meeting_.bytes = touch.bytes;
  meeting_.site = touch.site;
  std::memcpy(meeting_.before, reinterpret_cast<const void*>(touch.address), touch.bytes);
  std::memcpy(meeting_.message, message, sizeof message);
}

void Watch::CloseMeeting() {
  meeting_.is_open = false;
  const bool is_same =
      std::memcmp(meeting_.before, reinterpret_cast<const void*>(meeting_.address), meeting_.bytes) == 0;
  monitor_.Report(is_same ? Check::kSameValue : Check::kRaces, meeting_.site, "%s%s", meeting_.message,
                  is_same ? "; they write the same value" : "");
}

void Watch::NoteDevice(const Group& group, uint32_t thread, const Touch& touch, Monitor::Region& region) {
  const uint64_t offset = touch.address - region.begin;
  if (touch.address < region.begin || offset + touch.bytes > region.bytes) {
    monitor_.Report(
        Check::kBounds, touch.site,
        "%s %llu bytes at byte %lld of buffer %u, which has %llu bytes; threadgroup %llu, thread %u",
        Verb(touch.kind), Number(touch.bytes), static_cast<long long>(offset), region.index,
        Number(region.bytes), Number(group.threadgroup_index), thread);
    return;
  }
  BufferCounters& counters = counters_[region.index];
  if (Reads(touch.kind)) {
    ++counters.reads;
    counters.bytes_read += touch.bytes;
  }
  if (Writes(touch.kind)) {
    wrote_ = true;
    ++counters.writes;
    counters.bytes_written += touch.bytes;
    if (region.written != nullptr) NoteWritten(region.written + offset, touch.bytes);
    if (!region.writable) {
      monitor_.Report(
          Check::kReadonly, touch.site,
          "%s %llu bytes at byte %llu of buffer %u, which the kernel declares as constant; threadgroup %llu, "
          "thread %u",
          Verb(touch.kind), Number(touch.bytes), Number(offset), region.index,
          Number(group.threadgroup_index), thread);
    }
  }
  if (region.cells != nullptr && (region.writable || Writes(touch.kind))) {
    NoteRaces(group, thread, touch, region);
  }
}

void Watch::NoteRaces(const Group& group, uint32_t thread, const Touch& touch, Monitor::Region& region) {
  const uint64_t offset = touch.address - region.begin;
  const uint32_t dispatch = monitor_.dispatch() + 1;
  const uint32_t number = NumberOf(group);
  const uint64_t stamp = static_cast<uint64_t>(dispatch) << 32 | number;
  const GroupAccess now = fences_.Now(number, thread);
  const Access access = device_epochs_.AccessBy(thread);
  const Access arrival = arrivals_.AccessBy(thread);
  ForCells(offset, touch.bytes, [&](uint64_t index, uint8_t mask) {
    DeviceCell& cell = region.cells[index];
    // The cell tells about both of its bytes: where accesses cover one only, other threadgroups may own the
    // other.
    const GroupRace race = mask == 3 ? NoteGroup(cell, dispatch, now, touch.kind, fences_) : GroupRace{};
    const GroupAccess other = race.other;
    if (other != 0) {
      char who[64] = "several threadgroups";
      if (other != DeviceCell::kSeveral) std::snprintf(who, sizeof who, "threadgroup %u", GroupNumberOf(other) - 1);
      const uint64_t last = cell.cell.stamp();
      const uint32_t its_thread = ThreadOf(cell.cell, last, touch.kind);
      if (static_cast<uint32_t>(last) != number && its_thread != kMaxThreads) {
        std::snprintf(who, sizeof who, "threadgroup %u, thread %u,", static_cast<uint32_t>(last) - 1, its_thread);
      }
      ReportRace(
          touch, race.only_writes,
          "%s byte %llu of buffer %u (index %llu); threadgroup %llu, thread %u, and %s access it in the same "
          "dispatch",
          Verb(touch.kind), Number(offset), region.index, Number(offset / touch.bytes),
          Number(group.threadgroup_index), thread, who);
      return true;
    }
    Enter(cell.cell, stamp);
    Access earlier;
    bool only_writes = false;
    if (!moegen::Note(cell.cell, access.To(mask), arrival.To(mask), touch.kind, earlier, only_writes)) return false;
    ReportRace(touch, only_writes,
                    "%s byte %llu of buffer %u (index %llu); threads %u and %u of threadgroup %llu have no "
                    "barrier that orders device memory between their accesses",
                    Verb(touch.kind), Number(offset), region.index, Number(offset / touch.bytes),
                    earlier.thread(), thread, Number(group.threadgroup_index));
    return true;
  });
}

void Watch::Flush() {
  monitor_.AddCounters(
      {counters_, threadgroup_bytes_read_, threadgroup_bytes_written_, idle_threadgroups_});
  std::fill_n(counters_, kMaxBuffers, BufferCounters{});
  threadgroup_bytes_read_ = threadgroup_bytes_written_ = idle_threadgroups_ = 0;
}

}  // namespace moegen
