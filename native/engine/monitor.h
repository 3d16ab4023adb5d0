// What the checks and counters of a job share between its workers: the buffers, and what was found. Each
// worker's own part is a Watch (watch.h).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "arena.h"
#include "control.h"
#include "fences.h"
#include "memory.h"
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
    Noted<uint8_t>* written;
  };

  Monitor(const Job& job, const Arena& arena, Control* control);

  void BeginDispatch(uint32_t index, const Dispatch& dispatch);
  // Looks for elements of outputs that no dispatch wrote.
  void FindUnwritten();

  bool checks(Check check) const { return (job_.checks & Bit(check)) != 0; }
  uint32_t dispatch() const { return dispatch_; }
  Releases& releases() { return releases_; }
  // The buffer in whose slot `address` lies, or that is next to where it lies; null outside of the arena.
  Region* Find(uint64_t address);

  // Adds to the table of reports.
  static constexpr size_t kMessageBytes = sizeof(moegen::Report::message);
  void Report(Check check, const Places& places, const char* format, ...) __attribute__((format(printf, 4, 5)));

  // What a worker counted in the current dispatch.
  struct Counters {
    // By buffer index.
    const BufferCounters* buffers;
    uint64_t threadgroup_bytes_read;
    uint64_t threadgroup_bytes_written;
    uint64_t idle_threadgroups;
  };
  void AddCounters(const Counters& counters);

 private:
  const Job& job_;
  const Arena& arena_;
  Control* control_;
  std::mutex mutex_;
  Releases releases_;
  uint32_t dispatch_ = 0;
  std::vector<Region> regions_;
  std::vector<std::unique_ptr<Mapping>> mappings_;
};

}  // namespace moegen
