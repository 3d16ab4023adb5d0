// Matrix operations of simdgroups: the first lane to arrive does the work for all.
#pragma once

#include <cstdint>

#include "group.h"

namespace moegen {

// One operation with its operands, as the lane that met it sees them.
struct MatrixOperation {
  enum class Kind : uint8_t { kFill, kCopy, kLoad, kStore, kMultiply };
  Kind kind;
  bool diagonal;
  // Element types of d, a, b and c.
  uint8_t types[4];
  float value;
  // Objects on the thread's stack; null where the operation has no such operand.
  const void* d;
  const void* a;
  const void* b;
  const void* c;
  const void* memory;
  // Where the kernel continues.
  uint64_t site;
  int64_t row_stride;
  int64_t column_stride;
};

}  // namespace moegen
