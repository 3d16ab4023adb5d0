// The memory of a job, as its owner has it: made, filled, and read when the job is done.
#pragma once

#include <cstdint>
#include <vector>

#include "../job/memory.h"

namespace moegen {

// A piece of a buffer's initial contents.
struct Part {
  uint64_t offset;
  uint64_t bytes;
  const uint8_t* data;
};

// What a buffer holds at first.
struct Contents {
  // Null: bytes that show where nothing was written.
  const uint8_t* data;
  // Of a sparse buffer.
  std::vector<Part> parts;
};

class JobMemory {
 public:
  // Places the buffers of the job.
  explicit JobMemory(Job& job);
  ~JobMemory();
  JobMemory(const JobMemory&) = delete;
  JobMemory& operator=(const JobMemory&) = delete;

  // False: the system grants no such amount of memory.
  bool ok() const { return begin_ != nullptr; }
  int file() const { return file_; }
  Control* control() const { return reinterpret_cast<Control*>(begin_ + header().control_place()); }
  uint8_t* Of(const Buffer& buffer) const { return begin_ + buffer.place; }

  // Gives all buffers their contents.
  void Fill(const Job& job, const std::vector<Contents>& contents);
  // Gives them back to buffers that a run may have changed.
  void Restore(const Job& job, const std::vector<Contents>& contents);
  // Says what is to be run; forgets how the last run ended.
  void Tell(const Job& job);

 private:
  Header& header() const { return *reinterpret_cast<Header*>(begin_); }

  int file_ = -1;
  uint8_t* begin_ = nullptr;
  uint64_t bytes_ = 0;
};

}  // namespace moegen
