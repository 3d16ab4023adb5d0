// The memory that a job's buffers lie in: shared with the engine's process, and far apart, so that an index that is
// wrong by much still tells which buffer it was meant for.
#pragma once

#include <cstdint>

#include "job.h"

namespace moegen {

// What is not given is filled with this byte, so that results nobody wrote show.
constexpr uint8_t kFillByte = 0xa5;

class Arena {
 public:
  // Places the buffers, each in a slot of its own. `guarded`: touching what lies between them ends the kernel; else
  // it takes stray accesses.
  Arena(Job& job, bool guarded);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // False: the system grants no such amount of memory.
  bool ok() const { return begin_ != nullptr; }
  Control* control() const { return control_; }

  // Gives all buffers their initial contents.
  void Fill(const Job& job);
  // Puts everything that a run may have changed into its initial state.
  void Restore(const Job& job);

 private:
  void Release();

  uint8_t* begin_ = nullptr;
  uint64_t bytes_ = 0;
  Control* control_ = nullptr;
  uint64_t control_bytes_ = 0;
};

}  // namespace moegen
