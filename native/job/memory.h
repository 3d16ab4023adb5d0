// The memory of a job, which two processes share: a file without a name. It begins with a header, which says where the
// control block and the job's words lie; then come the buffers, each on pages of its own.
#pragma once

#include <cstdint>

#include "job.h"

namespace moegen {

// A multiple of every system's page.
constexpr uint64_t kPageBytes = 65536;

inline uint64_t RoundToPages(uint64_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }

// A buffer without bytes has a page too: it has an address.
inline uint64_t PagesOf(const Buffer& buffer) { return RoundToPages(buffer.bytes + (buffer.bytes == 0)); }

struct Header {
  // The process that waits for the job's end.
  int64_t parent;
  // Of the control block with all outcomes, which follows the header's page.
  uint64_t control_bytes;
  // Of the words, which follow the control block.
  uint64_t word_bytes;

  uint64_t control_place() const { return kPageBytes; }
  uint64_t words_place() const { return control_place() + RoundToPages(control_bytes); }
  uint64_t buffers_place() const { return words_place() + RoundToPages(word_bytes); }
};

inline uint64_t ControlBytes(uint64_t dispatches) { return sizeof(Control) + dispatches * sizeof(DispatchOutcome); }

// The engine's process finds the memory, and the pipe whose closing tells of its end, under these numbers.
constexpr int kMemoryFile = 3;
constexpr int kEndPipe = 4;

}  // namespace moegen
