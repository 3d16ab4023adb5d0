#include "monitor.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace moegen {

Monitor::Monitor(const Job& job, const Arena& arena, Control* control) : job_(job), arena_(arena), control_(control) {
  for (uint32_t i = 0; i < job.buffers.size(); ++i) {
    const Buffer& buffer = job.buffers[i];
    Region region{};
    region.begin = arena.AddressOf(i);
    region.bytes = buffer.bytes;
    if ((checks(Check::kRaces) || checks(Check::kSameValue)) && buffer.writable) {
      const uint64_t cells = buffer.bytes / kCellBytes + 1;
      mappings_.push_back(std::make_unique<Mapping>(cells * sizeof(DeviceCell), 4096));
      region.cells = reinterpret_cast<DeviceCell*>(mappings_.back()->begin());
    }
    if (checks(Check::kUnwritten) && buffer.writable && buffer.is_output && !buffer.has_data &&
        buffer.bytes > 0) {
      mappings_.push_back(std::make_unique<Mapping>(buffer.bytes, 4096));
      region.written = reinterpret_cast<Noted<uint8_t>*>(mappings_.back()->begin());
    }
    regions_.push_back(region);
  }
}

void Monitor::BeginDispatch(uint32_t index, const Dispatch& dispatch) {
  dispatch_ = index;
  releases_.Clear();
  for (Region& region : regions_) region.bound = region.writable = false;
  for (const BufferBinding& binding : dispatch.buffers) {
    Region& region = regions_[binding.buffer];
    if (!region.bound) region.index = binding.index;
    region.bound = true;
    region.writable |= binding.writable;
  }
}

Monitor::Region* Monitor::Find(uint64_t address) {
  const uint64_t slot = arena_.SlotOf(address);
  if (slot < regions_.size()) [[likely]] return &regions_[slot];
  if (regions_.empty() || !arena_.Contains(address)) return nullptr;
  return arena_.IsBefore(address) ? &regions_.front() : &regions_.back();
}

void Monitor::FindUnwritten() {
  for (uint32_t i = 0; i < regions_.size(); ++i) {
    const Region& region = regions_[i];
    if (region.written == nullptr) continue;
    const Buffer& buffer = job_.buffers[i];
    uint64_t count = 0;
    uint64_t first = 0;
    uint64_t gap = 0;
    uint64_t gap_begin = 0;
    for (uint64_t at = 0; at <= region.bytes; ++at) {
      if (at < region.bytes && at % buffer.period >= buffer.used) continue;
      if (at < region.bytes && region.written[at] == 0) {
        if (gap++ == 0) gap_begin = at;
        continue;
      }
      if (gap >= buffer.least_gap) {
        if (count == 0) first = gap_begin;
        count += gap;
      }
      gap = 0;
    }
    if (count == 0) continue;
    Report(Check::kUnwritten, 0,
           "%llu of the %llu bytes of the job's buffer %u were never written, the first at byte %llu",
           static_cast<unsigned long long>(count), static_cast<unsigned long long>(region.bytes), i,
           static_cast<unsigned long long>(first));
  }
}

void Monitor::Report(Check check, const Places& places, const char* format, ...) {
  if (!checks(check)) return;
  char message[sizeof(moegen::Report::message)];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  const std::lock_guard lock(mutex_);
  Reports& reports = control_->reports;
  for (uint32_t i = 0; i < reports.size; ++i) {
    moegen::Report& report = reports.items[i];
    const bool same = report.check == check && report.dispatch == dispatch_ &&
                      report.address == places.address && report.other_address == places.other_address;
    if (!same || (places.address == 0 && std::strcmp(report.message, message) != 0)) continue;
    ++report.count;
    return;
  }
  if (reports.size == kMaxReports) {
    ++reports.dropped;
    return;
  }
  moegen::Report& report = reports.items[reports.size++];
  report.check = check;
  report.dispatch = dispatch_;
  report.address = places.address;
  report.other_address = places.other_address;
  report.count = 1;
  std::memcpy(report.message, message, sizeof message);
}

void Monitor::AddCounters(const Counters& counters) {
  const std::lock_guard lock(mutex_);
  DispatchOutcome& outcome = control_->outcomes()[dispatch_];
  for (uint32_t i = 0; i < kMaxBuffers; ++i) {
    outcome.buffers[i].bytes_read += counters.buffers[i].bytes_read;
    outcome.buffers[i].bytes_written += counters.buffers[i].bytes_written;
    outcome.buffers[i].reads += counters.buffers[i].reads;
    outcome.buffers[i].writes += counters.buffers[i].writes;
  }
  outcome.threadgroup_bytes_read += counters.threadgroup_bytes_read;
  outcome.threadgroup_bytes_written += counters.threadgroup_bytes_written;
  outcome.idle_threadgroups += counters.idle_threadgroups;
}

}  // namespace moegen
