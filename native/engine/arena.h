// Where a job's buffers lie in the engine's process: far apart, so that an index that is wrong by much still tells which
// buffer it was meant for.
#pragma once

#include <cstdint>

#include "../job/job.h"

namespace moegen {

class Arena {
 public:
  // Maps the buffers out of the job's memory, each into a slot of its own. `guarded`: touching what lies between them ends the
  // kernel; else it takes stray accesses. Ends the process where the system grants no such address space.
  Arena(const Job& job, int file, bool guarded);
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  uint64_t AddressOf(uint32_t buffer) const;
  // The number of the buffer in whose slot an address lies; any other number is outside of all slots.
  uint64_t SlotOf(uint64_t address) const { return (address - slots_) >> slot_shift_; }
  bool Contains(uint64_t address) const { return address - begin_ <= bytes_; }
  // Whether it lies in front of all slots.
  bool IsBefore(uint64_t address) const { return address < slots_; }

 private:
  uint64_t begin_ = 0;
  uint64_t bytes_ = 0;
  uint64_t slots_ = 0;
  uint32_t slot_shift_;
};

}  // namespace moegen
